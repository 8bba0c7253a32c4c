// Real nginx, Caddy and Envoy, configured by config/gateways, in front of a real service process: who gets through, and that
// nothing that a client sends, and no failure of ours, lets anybody else through.
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { importDevices } from '../../src/operations/device-import.ts';
import { createApiKey } from '../../src/operations/keys.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { databaseClock, type Now } from '../../src/store/client.ts';
import { root } from '../support/checkout.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';
import {
  type Asking,
  askGateway,
  type GatewayName,
  gatewayHeader,
  type Identified,
  makeCertificates,
  type Program,
  programOf,
  startGateway,
  startProgram,
  startProtected,
  temporaryPlace,
} from '../support/gateways.ts';
import { tester } from '../support/world.ts';

/** What users see when nobody answers the gateway. */
const closed: Readonly<Record<GatewayName, number[]>> = { nginx: [500], caddy: [502, 504], envoy: [403] };
/**
 * How soon users are refused while nobody answers the gateway, by the files of config/gateways, is what one test is about; in the others
 * a machine that is slow must not look like that.
 */
const patient: Readonly<Record<GatewayName, Record<string, string>>> = {
  nginx: {
    'proxy_connect_timeout 500ms': 'proxy_connect_timeout 30s',
    'proxy_send_timeout    1s': 'proxy_send_timeout 30s',
    'proxy_read_timeout    1s': 'proxy_read_timeout 30s',
  },
  caddy: { 'dial_timeout 500ms': 'dial_timeout 30s', 'response_header_timeout 1s': 'response_header_timeout 30s' },
  envoy: { 'timeout: 0.5s': 'timeout: 30s', 'connect_timeout: 2s': 'connect_timeout: 30s' },
};
/** Rounds of which the best counts: a machine that is busy otherwise may take longer for some, ours would for each. */
const rounds = [1, 2, 3, 4, 5];
const second = 1_000;
const browser = 'text/html,application/xhtml+xml,*/*;q=0.8';

/** Nothing is synced here: a posture that asks for what nobody knows holds, one that asks for what must be known does not. */
const policy = {
  postures: {
    'posture:quiet': ['sentinelOne:infected NOT SET'],
    'posture:healthy': { conditions: ['sentinelOne:isActive == true'], resolution: 'Start the agent.' },
  },
  hosts: { wiki: 'wiki.example.com', open: 'open.example.com' },
  acls: [
    { action: 'accept', src: ['anna@example.com'], dst: ['wiki:*'], srcPosture: ['posture:quiet'] },
    { action: 'accept', src: ['bob@example.com'], dst: ['wiki:*'], srcPosture: ['posture:healthy'] },
    { action: 'accept', src: ['*'], dst: ['open:*'], srcPosture: [] },
  ],
};

for (const gateway of ['nginx', 'caddy', 'envoy'] as const) {
  const program = programOf(gateway);
  // Elsewhere than on Linux nobody can come from another address of 127.0.0.0/8.
  const isHere = program !== null && programOf('openssl') !== null && process.platform === 'linux';
  describe.skipIf(!isHere)(`${gateway}, by config/gateways`, () => {
    const { place, remove } = temporaryPlace();
    let database: TestDatabase;
    let now: Now;
    let key: string;
    let certificates: { trusted: Identified; untrusted: Identified };
    let behind: Awaited<ReturnType<typeof startProtected>>;
    let servicePort: number;
    let service: Program;
    let running: Program & { port: number };

    beforeAll(async () => {
      database = await freshDatabase();
      now = await databaseClock(database.pool);
      const request = { db: database.pool, now, actor: tester };
      certificates = makeCertificates(place);
      const { fingerprint } = certificates.trusted;
      const records = [
        { id: 'anna-1', user: 'anna@example.com', addresses: ['127.0.0.2'], certificateFingerprints: [fingerprint] },
        { id: 'bob-1', user: 'bob@example.com', serialNumbers: ['BOB-1'], addresses: ['127.0.0.3'] },
      ];
      await importDevices(
        request,
        records.map((record, i) => ({ line: i + 1, record })),
      );
      expect(await applyPolicy(request, { text: JSON.stringify(policy), ifRevision: null })).toMatchObject({
        state: 'applied',
      });
      ({ key } = await createApiKey(request, { name: gateway, scopes: ['gateway:decide'], expiresInMs: null }));
      behind = await startProtected();
      servicePort = await freePort();
      await startService();
      running = await start(patient[gateway]);
    });
    afterAll(async () => {
      await running?.stop();
      await service?.stop();
      behind?.stop();
      remove();
    });

    const start = async (changes: Record<string, string>) => {
      if (program === null) throw new Error('it is skipped without the program');
      return await startGateway(gateway, program, { place, servicePort, protectedPort: behind.port, key, changes });
    };
    const startService = async () => {
      service = await startProgram(process.execPath, [path.join(root, 'src/main.ts'), 'serve'], servicePort, {
        ...{ DATABASE_URL: database.url, PORT: String(servicePort), ROLE: 'api', TRUSTED_PROXIES: '127.0.0.1' },
        IDENTIFY_BY: `id:x-device-id,serial:x-device-serial,certificate:${gatewayHeader[gateway]},address`,
      });
      await service.says('the view is loaded');
    };
    /** @returns what the client got, and what reached the protected service because of it */
    const ask = async (target: string, asking: Asking = {}, { port } = running) => {
      behind.seen.length = 0;
      const got = await askGateway(port, target, asking);
      return { ...got, reached: [...behind.seen] };
    };
    const anna = { from: '127.0.0.2' };
    const bob = { from: '127.0.0.3' };

    it('lets a device through by its address, and tells the protected service which it is and why', async () => {
      const { status, body, reached } = await ask('/page?posture=nope', anna);
      expect([status, body, reached.length]).toEqual([200, 'the wiki', 1]);
      expect(reached[0]?.url).toBe('/page?posture=nope');
      expect(reached[0]?.headers).toMatchObject({
        'x-posture-outcome': 'allowed',
        'x-posture-device': 'anna-1',
        'x-posture-user': 'anna@example.com',
        'x-posture-rule': 'acls[0]',
        'x-posture-posture': 'posture:quiet',
        'x-posture-decision': expect.stringMatching(/^[\w-]+$/),
        'x-posture-revision': expect.stringMatching(/^\d+$/),
      });
      expect(JSON.stringify(reached[0]?.rawHeaders)).not.toContain('pskey-');
    });

    it('lets a device through by its certificate, wherever it is', async () => {
      const { status, reached } = await ask('/', { with: certificates.trusted });
      expect([status, reached[0]?.headers['x-posture-device']]).toEqual([200, 'anna-1']);
      // That of a device that may pass does not help one whose certificate nobody vouches for.
      const refused = await ask('/', { with: certificates.untrusted, ...anna }).catch(() => null);
      expect(refused === null || (refused.status === 400 && refused.reached.length === 0)).toBe(true);
    });

    it('lets methods and bodies through, and refuses them', async () => {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
        const headers = { 'content-type': 'application/json' };
        const passed = await ask('/', { method, headers, body: '{"a":1}', ...anna });
        expect([method, passed.status, passed.reached[0]?.method]).toEqual([method, 200, method]);
        const refused = await ask('/', { method, headers, body: '{"a":1}', ...bob });
        expect([method, refused.status, refused.reached.length]).toEqual([method, 403, 0]);
      }
    });

    it('shows a refused person the page, and a program the reasons', async () => {
      const page = await ask('/page', { headers: { accept: browser }, ...bob });
      expect([page.status, page.headers['content-type'], page.reached.length]).toEqual([
        ...[403, 'text/html; charset=utf-8'],
        0,
      ]);
      expect(page.body).toContain('Start the agent.');
      expect(page.headers['content-security-policy']).toContain("default-src 'none'");
      const { status, body } = await ask('/page', bob);
      expect(status).toBe(403);
      expect(JSON.parse(body)).toMatchObject({
        outcome: 'posture',
        device: 'bob-1',
        refusals: [{ posture: 'posture:healthy', resolution: 'Start the agent.' }],
        reasons: [{ condition: 'sentinelOne:isActive == true' }],
      });
    });

    it('refuses a device that nobody knows', async () => {
      const { status, body, reached } = await ask('/');
      expect([status, JSON.parse(body).outcome, reached.length]).toEqual([401, 'no_device', 0]);
    });

    it('takes nothing that a client says of itself for true', async () => {
      const { fingerprint, cert } = certificates.trusted;
      for (const headers of [
        { 'X-Device-Id': 'anna-1' },
        { 'x-device-id': ['anna-1', ''] },
        { 'X-Device-Serial': 'BOB-1' },
        { 'X-Client-Certificate': fingerprint },
        { 'X-Client-Certificate': encodeURIComponent(cert) },
        { 'X-Forwarded-Client-Cert': `Hash=${fingerprint}` },
        { 'X-Forwarded-Tls-Client-Cert': encodeURIComponent(cert) },
        { 'X-Forwarded-For': '127.0.0.2' },
        { 'X-Forwarded-For': ['127.0.0.2', '127.0.0.1'] },
        { 'X-Real-IP': '127.0.0.2', Forwarded: 'for=127.0.0.2', 'X-Envoy-External-Address': '127.0.0.2' },
        { Authorization: 'Bearer nothing', 'X-Posture-Device': 'anna-1', 'X-Posture-Outcome': 'allowed' },
      ]) {
        const { status, reached } = await ask('/', { headers });
        expect([headers, status, reached.length]).toEqual([headers, 401, 0]);
      }
      // Named as the connection's own, a header would be dropped on the way: also those that the gateway sets.
      const dropped = { Connection: `close, ${gatewayHeader[gateway]}, X-Forwarded-For, Authorization` };
      const { status: answered, reached: through } = await ask('/', { headers: dropped });
      expect([[400, 401].includes(answered), through.length]).toEqual([true, 0]);
      // Nor do they take anything away from a device that may pass, or reach what is protected.
      const headers = { 'X-Device-Id': 'bob-1', 'X-Posture-Device': 'bob-1', 'X-Posture-Valid-Until': 'never' };
      const { status, reached } = await ask('/', { headers, ...anna });
      expect([status, reached[0]?.headers['x-posture-device']]).toEqual([200, 'anna-1']);
      expect(reached[0]?.headers['x-posture-valid-until'] ?? '').toBe('');
    });

    it('lets no client choose what it is asked for', async () => {
      for (const target of [
        '/?posture=quiet',
        '/x?a=b&posture=posture:quiet',
        '/posture/quiet',
        '/../posture/quiet/',
        '/..%2fposture/quiet/',
        '/%2e%2e/posture/quiet/',
        '//posture/quiet',
      ]) {
        const { status, reached } = await ask(target, bob);
        expect([target, status >= 400, reached.length]).toEqual([target, true, 0]);
      }
      for (const headers of [
        { 'X-Forwarded-Host': 'open.example.com' },
        { 'X-Original-URL': 'https://open.example.com/' },
        { 'X-Forwarded-Uri': '/open', 'X-Forwarded-Method': 'OPTIONS', 'X-Forwarded-Port': '22' },
      ]) {
        const { status, reached } = await ask('/', { headers, ...bob });
        expect([headers, status, reached.length]).toEqual([headers, 403, 0]);
      }
    });

    if (gateway === 'caddy')
      it('lets no client choose by its query, even where that is passed on', async () => {
        const other = await start({ ...patient[gateway], 'uri /gateway/check/policy': 'uri /gateway/check' });
        onTestFinished(() => other.stop());
        expect((await askGateway(other.port, '/page', anna)).status).toBe(200);
        const { status, body } = await askGateway(other.port, '/page?posture=quiet', bob);
        expect([status, JSON.parse(body).outcome]).toEqual([403, 'unknown_posture']);
      });

    it('lets nobody in by another name that the policy is milder about', async () => {
      const named = { host: 'open.example.com' };
      const { reached } = await ask('/', { headers: named, ...bob });
      expect(reached.length).toBe(0);
      const other = await ask('/', { headers: named, servername: 'open.example.com', ...bob }).catch(() => null);
      expect(other?.reached.length ?? 0).toBe(0);
      const withPort = await ask('/', { headers: { host: 'wiki.example.com:22' }, ...bob });
      expect([withPort.status, withPort.reached.length]).toEqual([403, 0]);
    });

    it('lets nobody through a second after a policy was applied that refuses, under load', async () => {
      const asked: { at: number; status: number }[] = [];
      let isOver = false;
      const client = async () => {
        while (!isOver) {
          const at = performance.now();
          const { status } = await askGateway(running.port, '/', anna);
          asked.push({ at, status });
        }
      };
      const clients = Promise.allSettled([client(), client(), client()]);
      onTestFinished(async () => {
        isOver = true;
        await clients;
      });
      const apply = async (acls: unknown[]) => {
        const text = JSON.stringify({ ...policy, acls });
        await applyPolicy({ db: database.pool, now, actor: tester }, { text, ifRevision: null });
        return performance.now();
      };
      const passed = (since: number) => asked.filter(({ at, status }) => at > since && status === 200).length;
      const passedLate: number[] = [];
      for (const _ of rounds) {
        const passesAt = await apply(policy.acls);
        await expect.poll(() => passed(passesAt)).toBeGreaterThan(20);
        const late = (await apply(policy.acls.slice(1))) + second;
        await expect.poll(() => asked.filter(({ at }) => at > late).length).toBeGreaterThan(20);
        passedLate.push(passed(late));
        if (passedLate.at(-1) === 0) break;
      }
      isOver = true;
      expect((await clients).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
      expect(Math.min(...passedLate)).toBe(0);
      await apply(policy.acls);
      await expect.poll(async () => (await ask('/', anna)).status).toBe(200);
    });

    it('refuses soon while the service is frozen, and goes on when it is thawed', async () => {
      const quick = await start({});
      onTestFinished(() => quick.stop());
      service.child.kill('SIGSTOP');
      const took: number[] = [];
      for (const _ of rounds) {
        const { status, reached, afterMs } = await ask('/', anna, quick);
        expect([closed[gateway].includes(status), reached.length]).toEqual([true, 0]);
        took.push(afterMs);
      }
      expect(Math.min(...took)).toBeLessThan(3 * second);
      service.child.kill('SIGCONT');
      await expect.poll(async () => (await ask('/', anna, quick)).status).toBe(200);
    });

    it('refuses while the service is down, and goes on when it is back', async () => {
      await service.stop();
      const { status, reached } = await ask('/', anna);
      expect([closed[gateway].includes(status), reached.length]).toEqual([true, 0]);
      await startService();
      await expect.poll(async () => (await ask('/', anna)).status).toBe(200);
    });
  });
}
