// Lists and what they are filtered by: all that is in force is seen and can be taken away, what is loaded stays, and back is the page before.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { broken, button, chromiumFile, open, settled, type Visit, visit } from '../support/browser.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';

const hourMs = 3_600_000;
const paramOf = (page: Page, name: string) => new URL(page.url()).searchParams.get(name);

describe.skipIf(chromiumFile === null)('of a list', () => {
  let service: PagesService;
  let integrationId = '';
  beforeAll(async () => {
    service = await startPagesService();
    integrationId = await withFleet(service);
    await service.api('POST', 'tailnet/-/acl', { postures: { 'posture:healthy': ['sentinelOne:infected == false'] } });
  });
  afterAll(() => service?.stop());

  const look = (work: (visiting: Visit) => Promise<void>) =>
    visit({ origin: service.url }, async visiting => {
      await signIn(visiting.context, service);
      await work(visiting);
    });

  test('of the audit log, the file has what was written up to now, however long its page is open', async () => {
    const words = texts.audit.export;
    await look(async ({ page }) => {
      await open(page, `${service.url}/admin/audit`);
      const later = Date.now() + 3 * hourMs;
      await page.clock.setFixedTime(later);
      await page.getByRole('button', { name: words.label, exact: true }).click();
      const href = await page.getByRole('menuitem', { name: words.csv }).getAttribute('href');
      const end = new URL(href ?? '').searchParams.get('end') ?? '';
      expect(new Date(end).getTime()).toBeGreaterThanOrEqual(later);
    });
  });

  test('of devices, a posture alone means who passes it: that is said, and any standing is not offered', async () => {
    const { filters, standings } = texts.devices;
    await look(async ({ page }) => {
      await open(page, `${service.url}/admin/devices?posture=healthy`);
      const chips = page.locator('.chip');
      const [posture, passing] = [`${filters.posture}healthy`, `${filters.standing}${standings.passing}`];
      expect(await chips.allTextContents()).toEqual([posture, passing]);
      await button(page, filters.button).click();
      const standing = page.getByRole('combobox', { name: filters.standing });
      expect(await standing.inputValue()).toBe(standings.passing);
      // What is chosen again stays chosen.
      for (const chosen of [standings.failing, standings.failing, standings.unknown]) {
        await standing.click();
        await page.getByRole('option', { name: chosen, exact: true }).click();
        await settled(page);
        await expect.poll(() => standing.inputValue()).toBe(chosen);
        expect(paramOf(page, 'standing')).toBe(chosen);
      }
      expect(await standing.locator('xpath=..').locator('button').count()).toBe(0);
      // Whom a condition keeps from it does not pass, this way or that.
      const condition = encodeURIComponent('sentinelOne:infected == false');
      await open(page, `${service.url}/admin/devices?posture=healthy&condition=${condition}`);
      await button(page, filters.button).click();
      expect(await standing.getAttribute('placeholder')).toBe(filters.notPassing);
      await open(page, `${service.url}/admin/devices?posture=healthy`);
      await button(page, texts.chip.remove(filters.standing)).click();
      await chips.first().waitFor({ state: 'detached' });
      expect(paramOf(page, 'posture')).toBeNull();
    });
  });

  test('of devices, no column but the name is a choice like others, and is remembered', async () => {
    const { button: label, names, usual } = texts.devices.columns;
    await look(async ({ page }) => {
      await open(page, `${service.url}/admin/devices`);
      await button(page, label).click();
      for (const name of [names.user, names.serials, names.freshness, names.postures, names.lastSeen]) {
        await page.getByRole('checkbox', { name, exact: true }).click();
        await page.getByRole('checkbox', { name, exact: true, checked: false }).waitFor();
      }
      const isBare = async () => {
        await expect.poll(() => page.getByRole('columnheader').count()).toBe(1);
        await page.getByRole('rowheader').first().waitFor();
        expect(await page.getByRole('cell').count()).toBe(0);
      };
      await isBare();
      expect(await page.getByRole('checkbox', { checked: true }).count()).toBe(0);
      const address = page.url();
      await open(page, `${service.url}/admin/devices`);
      await isBare();
      await button(page, label).click();
      await button(page, usual).click();
      await expect.poll(() => page.getByRole('columnheader').count()).toBe(6);
      await open(page, address);
      await isBare();
    });
  });

  test('of the audit log, events that are chosen are seen where those that there are cannot be asked for', async () => {
    const words = texts.audit.filters;
    await look(async ({ page, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await page.route('**/configuration/catalogue', route => route.fulfill(broken));
      await open(page, `${service.url}/admin/audit?event=%3DNODE.CREATE&event=NODE.UPDATE&event=NODE.UPDATE`);
      const field = page.locator('.filters .filter-wide');
      await field.getByText('Device added', { exact: true }).waitFor();
      await field.getByText('NODE.UPDATE', { exact: true }).waitFor();
      const input = page.getByRole('combobox', { name: words.event });
      await input.fill('no such event');
      await page.getByText(words.failed, { exact: true }).filter({ visible: true }).waitFor();
      expect(await page.getByText(words.nothingFound).count()).toBe(0);
      await input.fill('');
      await page.keyboard.press('Backspace');
      await page.waitForURL(/audit\?event=%3DNODE.CREATE$/);
    });
  });

  test('of the audit log, whom a link asks for alone is seen and can be taken away', async () => {
    const words = texts.audit.filters;
    const { devices } = await service.api<{ devices: { nodeId: string }[] }>('GET', 'tailnet/-/devices?limit=2');
    const [one = { nodeId: '' }, other = { nodeId: '' }] = devices;
    await look(async ({ page }) => {
      const asked = [one, other].map(({ nodeId }) => `targetId=${encodeURIComponent(nodeId)}`);
      await open(page, `${service.url}/admin/audit?${asked.join('&')}`);
      const chips = page.locator('.chip');
      expect(await chips.allTextContents()).toEqual([one, other].map(({ nodeId }) => `${words.targetId}${nodeId}`));
      // Both what is seen in the field and what is seen beside it is in force.
      await page.getByLabel(words.target).fill('nobody');
      await page.waitForURL(/target=nobody/);
      await settled(page);
      expect(await chips.count()).toBe(2);
      await page.getByLabel(words.target).fill('');
      await page.waitForURL(url => !url.searchParams.has('target'));
      await button(page, texts.chip.remove(`${words.targetId} ${one.nodeId}`)).click();
      await page.waitForURL(new RegExp(`audit\\?${asked[1]}$`));
      await button(page, texts.chip.remove(`${words.targetId} ${other.nodeId}`)).click();
      await page.waitForURL(/audit$/);
      await chips.first().waitFor({ state: 'detached' });
    });
  });

  test('of the audit log, what is loaded stays where what is older cannot be had', async () => {
    const words = texts.audit;
    for (let n = 0; n < 55; n++)
      await service.api('POST', 'tailnet/-/devices', { id: `old-${n}`, hostname: `OLD-${n}`, serialNumbers: [] });
    await look(async ({ page, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await open(page, `${service.url}/admin/audit`);
      const rows = page.getByRole('list', { name: words.list }).locator(':scope > li');
      const isOlder = (url: URL) => url.pathname.endsWith('/groups') && url.searchParams.has('cursor');
      await page.route(isOlder, route => route.fulfill(broken));
      await button(page, words.older).click();
      const failure = page.getByRole('alert').filter({ hasText: 'it broke' });
      await failure.waitFor();
      const shown = await rows.count();
      expect(shown).toBeGreaterThanOrEqual(50);
      // What comes is still followed, which does not hide it.
      await service.api('POST', 'tailnet/-/devices', { id: 'young', hostname: 'YOUNG', serialNumbers: [] });
      // At the top of the page by itself, and further down by this.
      const come = page.getByRole('button', { name: /new entr/ });
      const young = rows.getByText('YOUNG', { exact: true });
      await expect
        .poll(async () => {
          if (await come.isVisible()) await come.click({ timeout: 5_000 }).catch(() => {});
          return await young.count();
        })
        .toBe(1);
      expect(await failure.count()).toBe(1);
      await page.unroute(isOlder);
      await button(page, texts.failure.retry).click();
      await rows.getByText('OLD-0', { exact: true }).waitFor();
      expect(await failure.count()).toBe(0);
    });
  });

  test('of the entries of a write, what is loaded stays where the next cannot be had', async () => {
    const lines = Array.from({ length: 60 }, (_, n) => JSON.stringify({ id: `many-${n}`, hostname: `MANY-${n}` }));
    await service.installation.run(['device', 'import', '-'], { stdin: `${lines.join('\n')}\n` });
    const { groups } = await service.api<{ groups: { eventGroupID: string; entries: number }[] }>(
      'GET',
      'tailnet/-/logging/configuration/groups?target=many-59',
    );
    const id = groups.find(({ entries }) => entries === 60)?.eventGroupID;
    await look(async ({ page, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await open(page, `${service.url}/admin/audit?group=${id}`);
      const entries = page.locator('.entries > li');
      await expect.poll(() => entries.count()).toBe(50);
      const isNext = (url: URL) => url.pathname.endsWith(`/groups/${id}`) && url.searchParams.has('cursor');
      await page.route(isNext, route => route.fulfill(broken));
      await button(page, texts.audit.moreEntries).click();
      await page.getByText('it broke').waitFor();
      expect(await entries.count()).toBe(50);
      await page.unroute(isNext);
      await button(page, texts.failure.retry).click();
      await expect.poll(() => entries.count()).toBe(60);
      expect(await page.getByText('it broke').count()).toBe(0);
    });
  });

  test('of the history of the policy, what is loaded stays where what is older cannot be had', async () => {
    for (let n = 0; n < 60; n++)
      await service.api('POST', 'tailnet/-/acl', { postures: { 'posture:a': [`sentinelOne:activeThreats < ${n}`] } });
    await look(async ({ page, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await open(page, `${service.url}/admin/policy?tab=history`);
      const rows = page.getByRole('table').first().locator('tbody tr');
      const shown = await rows.count();
      const isOlder = (url: URL) => url.pathname.includes('/acl') && url.searchParams.has('cursor');
      await page.route(isOlder, route => route.fulfill(broken));
      await button(page, texts.policy.history.older).click();
      await page.getByText('it broke').waitFor();
      expect(await rows.count()).toBe(shown);
      await page.unroute(isOlder);
      // What stands below may still come to its height, and move the page under the pointer.
      const again = button(page, texts.failure.retry);
      const more = async () => {
        if (await again.isVisible()) await again.click();
        return await rows.count();
      };
      await expect.poll(more).toBeGreaterThan(shown);
      expect(await page.getByText('it broke').count()).toBe(0);
    });
  });

  test('of agents, the reason that is filtered by is told also once no agent has it', async () => {
    const words = texts.integrations;
    type Agents = { agents: { id: string }[] };
    const path = `posture/integrations/${integrationId}/agents?match=unmatched&reason=no_serial`;
    const { agents } = await service.api<Agents>('GET', path);
    expect(agents.length).toBeGreaterThan(0);
    const told = (n: number) => `${words.reasons.no_serial.title} (${n})`;
    await look(async ({ page }) => {
      await open(page, `${service.url}/admin/integrations/${integrationId}?tab=agents&reason=no_serial`);
      const reason = page.getByRole('combobox', { name: words.agents.reason });
      expect(await reason.inputValue()).toBe(told(agents.length));
      for (const [n, { id }] of agents.entries()) {
        await service.api('POST', 'tailnet/-/devices', { id: `spare-${n}`, hostname: `SPARE-${n}`, serialNumbers: [] });
        await service.api('PUT', `device/spare-${n}/agents/${encodeURIComponent(id)}`);
      }
      await page.getByText(words.agents.noneLike.title, { exact: true }).waitFor();
      await expect.poll(() => reason.inputValue()).toBe(told(0));
      await reason.click();
      await page.getByRole('option', { name: words.agents.anyReason }).click();
      await page.getByRole('tabpanel').getByRole('table').waitFor();
    });
  });

  test('of runs, back leads to the page before, also after one of them was looked at', async () => {
    await service.installation.database.pool.query(
      `insert into sync_runs (integration_id, worker, started_at, progress_at, finished_at, outcome, complete, duration_ms)
       select integration_id, worker, started_at, progress_at, finished_at, outcome, complete, duration_ms
       from (select * from sync_runs where integration_id = $1 order by id limit 1) one, generate_series(1, 60)`,
      [integrationId],
    );
    await look(async ({ page }) => {
      const { next, back } = texts.pager;
      await open(page, `${service.url}/admin/integrations/${integrationId}?tab=runs`);
      const cursors: (string | null)[] = [];
      for (let before: string | null = null; cursors.length < 2; before = paramOf(page, 'cursor')) {
        await button(page, next).click();
        await page.waitForURL(url => url.searchParams.get('cursor') !== before);
        await settled(page);
        cursors.push(paramOf(page, 'cursor'));
      }
      const drawer = page.getByRole('dialog');
      const lookAtOne = async () => {
        await page.getByRole('tabpanel').getByRole('row').nth(1).getByRole('link').click();
        await page.waitForURL(/[?&]run=\d+/);
        await drawer.getByText(texts.integrations.runs.timing).waitFor();
      };
      await lookAtOne();
      // As often as somebody in a hurry does.
      for (let times = 0; times < 3; times++) await page.keyboard.press('Escape');
      await drawer.waitFor({ state: 'detached' });
      expect([paramOf(page, 'cursor'), paramOf(page, 'run')]).toEqual([cursors[1], null]);
      await lookAtOne();
      await page.goBack();
      await drawer.waitFor({ state: 'detached' });
      await button(page, back).click();
      await expect.poll(() => paramOf(page, 'cursor')).toBe(cursors[0]);
      // Closed where it was opened by a link, it leads to no other page.
      await open(page, `${page.url()}&run=1`);
      await drawer.waitFor();
      await page.keyboard.press('Escape');
      await drawer.waitFor({ state: 'detached' });
      expect([paramOf(page, 'cursor'), paramOf(page, 'run')]).toEqual([cursors[0], null]);
    });
  });
});
