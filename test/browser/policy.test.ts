// The policy page in a browser: a mistake at its line, who loses by an unsaved change, somebody else's change meanwhile, trying a device,
// the history; and whatever stands in a policy stays text.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { button, chromiumFile, open, settled, visit } from '../support/browser.ts';
import { axeViolations, drawn, widerThanWindow } from '../support/browser-look.ts';
import {
  type Looking,
  lookAt,
  paste,
  policyInForce,
  starter,
  stricter,
  theirs,
  written,
} from '../support/browser-policy.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';
import { plantedTexts, rightToLeftNames } from '../support/browser-texts.ts';

let service: PagesService;
beforeAll(async () => {
  if (chromiumFile === null) return;
  service = await startPagesService();
  await withFleet(service);
});
afterAll(() => service?.stop());

const look = (address: string, work: Looking, key = '', ...meant: RegExp[]) =>
  lookAt(service, address, work, key, ...meant);
const lookedOver = (page: Page, verdict: 'In order' | 'Cannot be put in force') =>
  page.getByRole('region', { name: 'What is wrong or odd' }).getByText(verdict).waitFor();
const inForce = () => policyInForce(service);
const apply = (text: string) => service.api('POST', 'tailnet/-/acl', text).catch(() => {});

describe.skipIf(chromiumFile === null)('before any policy was applied', () => {
  test('who may not write one is not sent to write it', async () => {
    const key = await service.newKey('looker', ['devices:posture_attributes:read']);
    await look(
      'policy',
      async page => {
        await page.getByText(texts.policy.postures.none).waitFor();
        expect(await page.getByRole('link', { name: texts.policy.postures.write }).count()).toBe(0);
      },
      key,
      /status of 404/,
    );
  });

  test('the editor offers one to start from, and nothing is in force until it is saved', async () => {
    await look('policy', async page => {
      await button(page, 'Start with the starter policy').click();
      await lookedOver(page, 'In order');
      expect(await inForce()).not.toBe(starter);
      await button(page, 'Save …').click();
      await page.getByText(/^\d+ devices gain access$/).waitFor();
      await button(page, 'Put in force').click();
      await page.getByText('The policy is in force').waitFor();
      expect(await inForce()).toBe(starter);
    });
  });
});

describe.skipIf(chromiumFile === null)('a policy that is being written', () => {
  beforeEach(() => apply(written));

  test('has its mistakes shown at their lines, and saving it leads to the first one', async () => {
    await look('policy', async page => {
      await paste(page, stricter.replace('activeThreats == 0"', 'activeThreats = 0"').replace('== true', '== 1'));
      await lookedOver(page, 'Cannot be put in force');
      const line = stricter.split('\n').findIndex(text => text.includes('activeThreats')) + 1;
      const problem = page.getByRole('region', { name: 'What is wrong or odd' }).getByText('expected ==, found =');
      await problem.waitFor();
      await expect.poll(() => page.locator('.cm-lint-marker-error').count()).toBe(1);
      expect(await page.locator('.cm-lintRange-error').first().textContent()).toBe('=');
      await button(page, 'Save …').click();
      await page.getByRole('alert').getByText('Not saved').waitFor();
      expect(await page.locator('.cm-activeLine').textContent()).toContain('activeThreats = 0');
      expect(
        await page.locator('.cm-activeLineGutter, .cm-gutterElement').getByText(String(line), { exact: true }).count(),
      ).toBe(1);
      expect(await inForce()).toBe(written);
    });
  });

  test('tells before it is saved who loses by it, and is kept while other pages are looked at', async () => {
    await look('policy', async page => {
      await paste(page, stricter);
      await lookedOver(page, 'In order');
      await page.getByRole('link', { name: 'Devices', exact: true }).click();
      await settled(page);
      await page.getByRole('link', { name: 'Policy', exact: true }).click();
      await button(page, 'Save …').click();
      await page.getByText(/^\d+ devices lose access$/).waitFor();
      const change = page.getByRole('row').filter({ hasText: 'posture:healthy does not hold' }).first();
      await change.getByText('sentinelOne:firewallEnabled').waitFor();
      await change
        .getByText(/expected true; (found false|not set)/)
        .first()
        .waitFor();
      await settled(page);
      expect(await axeViolations(page)).toEqual([]);
      await button(page, /^Put in force: \d+ devices lose access$/).click();
      await page.getByText('The policy is in force').waitFor();
      expect(await inForce()).toBe(stricter);
    });
  });

  test('whose own tests fail is not saved, and shows beside them what it would change', async () => {
    await look('policy', async page => {
      const test = '"tests": [{ "src": "anna@example.com", "accept": ["wiki:443"] }],';
      const failing = stricter.replace(/\}\s*$/, `  ${test}\n}\n`);
      await paste(page, failing);
      await lookedOver(page, 'Cannot be put in force');
      await button(page, 'Save …').click();
      const dialog = page.getByRole('dialog', { name: 'What this policy would change' });
      const line = failing.split('\n').findIndex(text => text.includes('"tests"')) + 1;
      await dialog.getByText('1 of its own tests fails, so it cannot be put in force').waitFor();
      await dialog.getByText(`Line ${line}: `).waitFor();
      await dialog.getByText(/^\d+ devices lose access$/).waitFor();
      await dialog.getByText('sentinelOne:firewallEnabled').first().waitFor();
      await settled(page);
      expect(await axeViolations(page)).toEqual([]);
      expect(await button(page, /^Put in force/).count()).toBe(0);
      await button(page, 'Back to the text').click();
      await page.getByRole('alert').getByText('Not saved').waitFor();
      expect(await page.locator('.cm-activeLine').textContent()).toContain('"tests"');
      expect(await inForce()).toBe(written);
    });
  });

  test('says how far its impact is reckoned where that takes a while, and nobody reckons on once the dialog is closed', async () => {
    await visit({ origin: service.url, viewport: { width: 1280, height: 900 } }, async ({ page, context }) => {
      await signIn(context, service);
      // An answer that has begun and goes no further.
      await page.addInitScript(() => {
        const usual = window.fetch;
        window.fetch = (asked, init) => {
          if (!(asked instanceof Request) || !asked.url.includes('/acl/impact?')) return usual(asked, init);
          asked.signal.addEventListener('abort', () => document.body.classList.add('impact-was-cut'));
          const start = (controller: ReadableStreamDefaultController) =>
            controller.enqueue(new TextEncoder().encode('{"compared":41500,"devices":100000}\n'));
          return Promise.resolve(new Response(new ReadableStream({ start })));
        };
      });
      await open(page, `${service.url}/admin/policy`);
      await paste(page, stricter);
      await lookedOver(page, 'In order');
      await button(page, 'Save …').click();
      const bar = page.getByRole('progressbar', { name: 'Devices compared' });
      await page.getByText('41,500 of 100,000 devices').waitFor();
      expect(await bar.getAttribute('aria-valuenow')).toBe('41');
      expect(await button(page, /^Put in force/).isDisabled()).toBe(true);
      expect(await axeViolations(page)).toEqual([]);
      await button(page, 'Back to the text').click();
      await page.locator('body.impact-was-cut').waitFor();
    });
  });

  test('is coloured before anything to write with is loaded, and as it is changed; then it can be searched', async () => {
    await look('policy', async page => {
      const colours = (name: string) => page.locator(`.policy-editor .code-${name}`).allTextContents();
      const properties = await colours('property');
      expect(properties).toContain('"postures"');
      await paste(page, '{ // one\n  "postures": {\n    "posture:a": ["sentinelOne:isActive == true"],\n  },\n}\n');
      await page.locator('.code-comment', { hasText: '// one' }).waitFor();
      expect(await colours('attribute')).toEqual(['sentinelOne:isActive']);
      expect([await colours('operator'), await colours('bool')]).toEqual([['=='], ['true']]);
      // A comment that is opened at the top takes everything below with it.
      await page.keyboard.press('Control+Home');
      await page.keyboard.type('/* ');
      await page.locator('.code-comment', { hasText: 'posture:a' }).waitFor();
      expect(await colours('attribute')).toEqual([]);
      await page.keyboard.press('Control+z');
      await page.locator('.code-attribute').waitFor();
      await page.keyboard.press('Control+f');
      await page.locator('.cm-search').waitFor();
    });
  });

  test('has its place kept from the moment the page is there, also before there is an editor in it', async () => {
    await look('policy', async page => {
      const [before, after] = await page.locator('.policy-editor').evaluate(place => {
        const height = () => place.getBoundingClientRect().height;
        const made = height();
        place.replaceChildren();
        return [height(), made];
      });
      expect(before).toBe(after);
    });
  });

  test('has its impact reckoned once, also while devices are judged anew each second', async () => {
    await look('policy', async page => {
      await paste(page, stricter);
      await lookedOver(page, 'In order');
      let asked = 0;
      await page.route('**/acl/impact?*', async route => {
        asked++;
        await route.continue();
      });
      await button(page, 'Save …').click();
      await page.getByText(/^\d+ devices lose access$/).waitFor();
      // The page hears that devices are judged and that the policy may be another one, and asks anew for the one in force.
      const hears = page.waitForRequest(request => request.method() === 'GET' && request.url().endsWith('/-/acl'));
      const { pool } = service.installation.database;
      await pool.query('update standings set since = since where false');
      await pool.query("select pg_notify('posture_sync_changed', 'policy')");
      await hears;
      await settled(page);
      expect(asked).toBe(1);
    });
  });

  test('is not saved over what somebody else put in force meanwhile, but beside a look at it', async () => {
    await look('policy', async page => {
      await paste(page, stricter);
      await lookedOver(page, 'In order');
      await apply(theirs);
      await page.getByText('Somebody changed the policy while you wrote').waitFor();
      await button(page, 'Save …').click();
      const dialog = page.getByRole('dialog', { name: 'Another policy was put in force meanwhile' });
      await dialog.getByText('bob@example.com').waitFor();
      expect(await inForce()).toBe(theirs);
      await button(page, 'Go on with my text').click();
      await button(page, 'Save …').click();
      await button(page, /^Put in force/).click();
      await page.getByText('The policy is in force').waitFor();
      expect(await inForce()).toBe(stricter);
    });
  });

  test('has names, operators and values offered, and the Tab key leaves it', async () => {
    await look('policy', async page => {
      await paste(page, '{ "postures": { "posture:x": [""] } }');
      for (const key of ['End', ...Array(6).fill('ArrowLeft')]) await page.keyboard.press(key);
      const offered = (name: string) => page.getByRole('option', { name }).first().waitFor();
      await page.keyboard.type('operat');
      // By the mouse: for a moment after the list has opened the Enter key still makes a line.
      await page.getByRole('option', { name: 'sentinelOne:operationalState' }).first().click();
      await page.keyboard.type(' ');
      await page.keyboard.press('Control+Space');
      await offered('NOT IN');
      await page.keyboard.type('== ');
      await page.keyboard.press('Control+Space');
      await offered("'na'");
      await page.keyboard.press('Tab');
      await page.getByRole('listbox').waitFor({ state: 'detached' });
      expect(await page.locator('.cm-content').textContent()).toContain("sentinelOne:operationalState == 'na'");
      await page.keyboard.press('Tab');
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Drop changes');
    });
  });

  test('can be tried on a device, with each condition explained', async () => {
    await look('policy', async page => {
      await paste(page, stricter);
      await page.getByRole('tab', { name: 'Try it' }).click();
      await page.getByText('By the text in the editor').waitFor();
      const passing = 'tailnet/-/devices?limit=1&posture=posture:healthy&standing=passing';
      let id = '';
      // A worker judges them in its own time.
      await expect
        .poll(async () => {
          const { devices } = await service.api<{ devices: { nodeId: string }[] }>('GET', passing);
          id = devices[0]?.nodeId ?? '';
          return id;
        })
        .not.toBe('');
      await page.getByRole('combobox', { name: 'Device' }).fill(id);
      await page.getByRole('option', { name: id }).click();
      const posture = page.getByRole('region', { name: 'posture:healthy' });
      await posture.getByText('sentinelOne:firewallEnabled || sentinelOne:infected').waitFor();
      await posture.getByText("found 'na'").waitFor();
      const reaches = page.getByRole('region', { name: texts.policy.trial.reaches });
      await reaches.getByText(texts.policy.trial.refusals).waitFor();
      await reaches
        .getByText(/^It (asks for|is not about) /)
        .first()
        .waitFor();
      expect(page.url()).toContain(`device=${id}`);
      await settled(page);
      expect(await axeViolations(page)).toEqual([]);
    });
  });
});

describe.skipIf(chromiumFile === null)('the policy in force', () => {
  test('is shown and cannot be changed by who may only read', async () => {
    const key = await service.newKey('viewer', ['all:read']);
    await look(
      'policy',
      async page => {
        await page.getByText('You may look at the policy and not change it.').waitFor();
        const content = page.getByRole('textbox', { name: 'Text of the policy' });
        expect(await content.getAttribute('aria-readonly')).toBe('true');
        expect(await button(page, 'Save …').count()).toBe(0);
      },
      key,
    );
  });

  test('is not waited for by who may look at devices alone, who begins with the postures', async () => {
    await apply(written);
    const key = await service.newKey('judge', ['devices:posture_attributes:read']);
    await look(
      'policy',
      async page => {
        await page.getByRole('button', { name: 'posture:healthy' }).waitFor();
        for (const tab of ['Editor', 'History']) {
          await page.getByRole('tab', { name: tab }).click();
          await page.getByText(texts.policy.fileNotAllowed).waitFor();
          await settled(page);
        }
        expect(new URL(page.url()).search).toBe('?tab=history');
        await page.getByRole('tab', { name: 'Postures' }).click();
        await page.getByRole('button', { name: 'posture:healthy' }).waitFor();
        expect(new URL(page.url()).search).toBe('');
      },
      key,
    );
  });

  test('has its postures counted, with what keeps devices from passing', async () => {
    await apply(written);
    await look('policy?tab=postures&posture=posture:healthy', async page => {
      await page.getByText('What keeps devices from passing').waitFor();
      type Counted = { postures: { passing: number; failing: number; unknown: number }[] };
      for (const standing of ['passing', 'failing', 'unknown'] as const) {
        const link = page.locator(`a[href*="standing=${standing}"]`);
        await expect
          .poll(async () => {
            const { postures } = await service.api<Counted>('GET', 'tailnet/-/postures');
            return String(postures[0]?.[standing]) === (await link.textContent());
          })
          .toBe(true);
        expect(await link.getAttribute('href')).toContain('posture=posture%3Ahealthy');
      }
      expect(await axeViolations(page)).toEqual([]);
      // Each condition leads to the devices that it keeps from passing; there another one can be chosen.
      const condition = 'sentinelOne:activeThreats == 0';
      await page
        .getByRole('link', { name: `Devices that ${condition} keeps from passing` })
        .first()
        .click();
      const chips = page.locator('.chip');
      await chips.nth(1).waitFor();
      await settled(page);
      expect(await chips.allTextContents()).toEqual(['Postureposture:healthy', `Kept from it by${condition}`]);
      const kept = async (asked: string) =>
        (
          await service.api<{ devices: { id: string }[] }>(
            'GET',
            `tailnet/-/devices?limit=100&posture=healthy&condition=${encodeURIComponent(asked)}`,
          )
        ).devices.length;
      const count = await kept(condition);
      expect(count).toBeGreaterThan(0);
      expect(await page.locator('tbody tr').count()).toBe(count);
      await page.getByRole('button', { name: 'Filter', exact: true }).click();
      const choice = page.getByRole('combobox', { name: 'Kept from it by' });
      expect(await choice.inputValue()).toBe(condition);
      await choice.click();
      const other = "sentinelOne:operationalState == 'na'";
      await page.getByRole('option', { name: other }).click();
      await chips.getByText(other).waitFor();
      await settled(page);
      expect(await page.locator('tbody tr').count()).toBe(await kept(other));
      expect(await axeViolations(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await button(page, 'Take the filter Kept from it by away').click();
      await chips.getByText('failing').waitFor();
      // What keeps devices from it stands above them, too.
      const row = page.getByRole('group', { name: 'What keeps devices from it:' });
      await row.getByRole('button', { name: other, pressed: false }).click();
      await chips.getByText(other).waitFor();
      await settled(page);
      expect(await page.locator('tbody tr').count()).toBe(await kept(other));
      expect(await axeViolations(page)).toEqual([]);
      await row.getByRole('button', { name: other, pressed: true }).click();
      await chips.getByText('failing').waitFor();
    });
  });

  test('can be compared with those before, and one of these put in force again', async () => {
    await apply(written);
    await apply(stricter);
    await look('policy?tab=history', async page => {
      await page.locator('.cm-changedText').first().waitFor();
      expect(await page.locator('.cm-changedText').first().textContent()).toContain('firewallEnabled');
      expect(await axeViolations(page)).toEqual([]);
      await button(page, /^Restore revision/)
        .nth(1)
        .click();
      await button(page, /^Put in force/).click();
      await page.getByText('The policy is in force').waitFor();
      expect(await inForce()).toBe(written);
    });
  });

  test('is compared with the one before it where the address names what is not there', async () => {
    await apply(written);
    await apply(stricter);
    type Revisions = { revisions: { revision: number }[] };
    const { revisions } = await service.api<Revisions>('GET', 'tailnet/-/acl/history?order=newest&limit=2');
    const [newest = '', before = ''] = revisions.map(({ revision }) => String(revision));
    for (const sides of ['to=draft', 'from=draft&to=no-revision', 'to=1234567890123'])
      await look(`policy?tab=history&${sides}`, async page => {
        const words = texts.policy.history;
        const shown = ['from', 'to'] as const;
        const named = shown.map(side => page.getByRole('combobox', { name: words[side], exact: true }).inputValue());
        const meant = [words.name(before), words.nameInForce(newest)];
        expect([sides, ...(await Promise.all(named))]).toEqual([sides, ...meant]);
        const changed = page.locator('.cm-changedText');
        await changed.first().waitFor();
        expect(await changed.allTextContents()).toEqual([expect.stringContaining('firewallEnabled')]);
      });
  });

  test('is not put in force again in place of one that came while that was looked at, and can be afterwards', async () => {
    await apply(written);
    await apply(stricter);
    await look('policy?tab=history', async (page, { expectsErrors }) => {
      expectsErrors(/status of 412/);
      const newest = page.getByRole('table').getByRole('row').nth(1);
      const before = await newest.innerText();
      await button(page, /^Restore revision/)
        .nth(1)
        .click();
      await button(page, /^Put in force/).waitFor();
      await apply(theirs);
      await expect.poll(async () => (await newest.innerText()) === before).toBe(false);
      await button(page, /^Put in force/).click();
      await page.getByText(texts.policy.history.changed).waitFor();
      expect(await inForce()).toBe(theirs);
      await button(page, /^Restore revision/)
        .nth(2)
        .click();
      await button(page, /^Put in force/).click();
      await page.getByText('The policy is in force').waitFor();
      expect(await inForce()).toBe(written);
      expect(await page.getByText(texts.policy.history.changed).count()).toBe(0);
    });
  });

  test('stays text, whatever stands in it', async () => {
    const odd = [...plantedTexts, ...rightToLeftNames];
    const hostile = JSON.stringify(
      {
        postures: Object.fromEntries(
          odd.map((text, i) => [
            `posture:p${i}`,
            { conditions: [`node:os == "${text.replaceAll('"', "'")}"`], description: text, resolution: text },
          ]),
        ),
        groups: { 'group:staff': [] },
        acls: odd.map((_, i) => ({ action: 'accept', src: ['*'], dst: ['*:*'], srcPosture: [`posture:p${i}`] })),
      },
      null,
      2,
    );
    await service.api('POST', 'tailnet/-/acl', hostile);
    const { devices } = await service.api<{ devices: { nodeId: string }[] }>('GET', 'tailnet/-/devices?limit=1');
    for (const tab of ['editor', 'postures&posture=posture:p0', `try&device=${devices[0]?.nodeId}`, 'history'])
      await look(`policy?tab=${tab}`, async page => {
        await page.getByText('posture:p0').first().waitFor();
        if (/postures|try/.test(tab))
          await page
            .getByText(odd[0] ?? '')
            .first()
            .waitFor();
        await page.setViewportSize({ width: 375, height: 900 });
        await drawn(page);
        await expect.poll(() => widerThanWindow(page), { message: tab }).toEqual([]);
      });
    await look('policy', async page => {
      // As names that are refused they stand in what is wrong, and in what is offered.
      await paste(
        page,
        hostile.replaceAll(/posture:p(\d+)/g, (_, i) => `posture:${JSON.stringify(odd[i] ?? '').slice(1, -1)}`),
      );
      await lookedOver(page, 'Cannot be put in force');
      await page.getByRole('region', { name: 'What is wrong or odd' }).getByRole('button').first().click();
      // The editor may still move to the line, away from the pointer.
      const tooltip = page.locator('.cm-tooltip-lint');
      await expect
        .poll(async () => {
          await page.mouse.move(0, 0);
          await page.locator('.cm-lint-marker-error').first().hover();
          return await tooltip.waitFor({ timeout: 2_000 }).then(
            () => true,
            () => false,
          );
        })
        .toBe(true);
    });
  });
});
