// Whatever comes from outside stays text on every page: scripts planted in names, serial numbers, values, users, the policy, what a console
// and a webhook's receiver answer, and what somebody asks for by an address. None runs, no dialog opens, and nothing is asked elsewhere.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumFile, open, visit } from '../support/browser.ts';
import { knownOf, type Place, placesOf } from '../support/browser-places.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';
import { plantedTexts } from '../support/browser-texts.ts';

const [first = '', second = ''] = plantedTexts;
const policy = `// ${plantedTexts.join('\n// ')}
{
  "postures": {
    "posture:planted": {
      "description": ${JSON.stringify(plantedTexts.join(' '))},
      "conditions": [${JSON.stringify(`custom:planted == '${first.replaceAll("'", '')}'`)}],
      "resolution": ${JSON.stringify(second)},
    },
  },
  "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:*"], "srcPosture": ["posture:planted"] }],
}
`;

/** A console or a receiver of which every answer is a planted script. */
async function startPlanted(status: number, type: string) {
  const server = http.createServer((_request, response) => {
    response.writeHead(status, { 'content-type': type, 'x-rqid': first });
    response.end(
      type.includes('json')
        ? JSON.stringify({ errors: [{ code: 1, title: first, detail: plantedTexts.join(' ') }] })
        : plantedTexts.join('\n'),
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

describe.skipIf(chromiumFile === null)('what is planted', () => {
  let service: PagesService;
  let places: Place[];
  let console_: Awaited<ReturnType<typeof startPlanted>>;
  let receiver: Awaited<ReturnType<typeof startPlanted>>;

  beforeAll(async () => {
    console_ = await startPlanted(500, 'application/json');
    receiver = await startPlanted(500, 'text/html');
    service = await startPagesService();
    const { fleet } = service.installation.simulator;
    for (const [n, text] of plantedTexts.entries()) {
      const [agent, other] = [fleet.agents[2 * n], fleet.agents[2 * n + 1]];
      if (agent === undefined || other === undefined) continue;
      const serial = `PLANT${n}${text.replaceAll(/\s/g, '')}`.slice(0, 100);
      fleet.change(agent.id, { hostname: text, serial, operationalState: text, version: text, user: text });
      fleet.change(other.id, { hostname: text, serial: `NOBODY${serial}` });
      const device = { id: `planted-${n}`, hostname: text, user: text, os: text, serialNumbers: [serial] };
      await service.api('POST', 'tailnet/-/devices', device);
      await service.api('POST', `device/planted-${n}/attributes/custom:planted`, { value: 'a', comment: text });
    }
    await withFleet(service);
    await service.api('POST', 'tailnet/-/acl', policy);
    const settings = { url: console_.url, token: 'eyJ-a-token-of-nobody' };
    await service.api('POST', 'tailnet/-/posture/integrations?allowMultiple=true', {
      name: 'planted',
      provider: 'sentinelone',
      settings,
    });
    const { endpointId } = await service.api<{ endpointId: string }>('POST', 'tailnet/-/webhooks', {
      endpointUrl: receiver.url,
    });
    await service.api('POST', `webhooks/${endpointId}/test`).catch(() => {});
    const { integrations } = await service.api<{ integrations: { id: string }[] }>(
      'GET',
      'tailnet/-/posture/integrations',
    );
    places = [
      ...integrations.flatMap(({ id }) =>
        placesOf({ integrationId: id }).filter(({ name }) => name === 'an integration'),
      ),
      ...placesOf({ ...(await knownOf(service)), deviceId: 'planted-1' }),
      ...plantedTexts.map((_, n) => ({ name: 'a device', address: `devices/planted-${n}` })),
    ];
  });
  afterAll(async () => {
    console_?.stop();
    receiver?.stop();
    await service?.stop();
  });

  test('is shown as text on every page, and does nothing', async () => {
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      const shown = new Set<string>();
      for (const { address } of places) {
        await open(page, `${service.url}/admin/${address}`);
        const text = await page.locator('body').innerText();
        for (const it of plantedTexts) if (text.includes(it)) shown.add(it);
        // Markup that was let through would be elements.
        expect(
          await page.locator('main iframe, main svg[onload], main [onerror], main [ontoggle]').count(),
          address,
        ).toBe(0);
        expect(await page.locator('a[href^="javascript:" i]').count(), address).toBe(0);
      }
      expect([...shown].toSorted()).toEqual(plantedTexts.toSorted());
    });
  });

  test('in an address does nothing either', async () => {
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of (400|404)/);
      await signIn(context, service);
      for (const text of plantedTexts.slice(0, 5))
        for (const address of [
          `devices?q=${encodeURIComponent(text)}`,
          `devices/${encodeURIComponent(text)}`,
          `integrations/${encodeURIComponent(text)}`,
          `audit?target=${encodeURIComponent(text)}&actor=${encodeURIComponent(text)}&group=${encodeURIComponent(text)}`,
          `policy?tab=try&device=${encodeURIComponent(text)}`,
          `sign-in?to=${encodeURIComponent(text)}`,
        ])
          await open(page, `${service.url}/admin/${address}`);
    });
  });
});
