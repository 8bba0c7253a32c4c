// Lists and what they are filtered by: all that is in force is seen and can be taken away, what is loaded stays, and back is the page before.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { chromiumFile, open, type Visit, visit } from '../support/browser.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';

const hourMs = 3_600_000;

describe.skipIf(chromiumFile === null)('of a list', () => {
  let service: PagesService;
  beforeAll(async () => {
    service = await startPagesService();
    await withFleet(service);
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
});
