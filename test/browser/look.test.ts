// Each page with an ordinary fleet, in light and dark, on a phone and on a wide screen: nothing that axe refuses, nothing that scrolls
// sideways, nothing that jumps while it loads, and no fault that test/support/browser.ts looks for.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { chromiumFile, open, visit } from '../support/browser.ts';
import { axeViolations, countShifts, layoutShift, widerThanWindow } from '../support/browser-look.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const widths = [375, 1280, 2560];
const themes = ['light', 'dark'] as const;

describe.skipIf(chromiumFile === null)('each page', () => {
  let service: PagesService;
  beforeAll(async () => {
    service = await startPagesService();
    await withFleet(service);
  });
  afterAll(() => service?.stop());

  const places: [string, () => string][] = [
    ['the overview', () => ''],
    ['integrations', () => 'integrations'],
    ['devices', () => 'devices'],
    ['the policy', () => 'policy'],
    ['the audit log', () => 'audit'],
    ['settings', () => 'settings'],
    ['an address that leads nowhere', () => 'no/such/page'],
  ];

  test.each(places)('is accessible, fits and does not jump: %s', async (_, address) => {
    for (const colorScheme of themes)
      await visit({ origin: service.url, colorScheme }, async ({ page, context }) => {
        await signIn(context, service.key);
        await countShifts(context);
        for (const width of widths) {
          await page.setViewportSize({ width, height: 900 });
          await open(page, `${service.url}/admin/${address()}`);
          expect(await widerThanWindow(page), `${colorScheme}, ${width} px`).toEqual([]);
          const { sum, moved } = await layoutShift(page);
          expect(sum, `${colorScheme}, ${width} px: ${moved.join('\n')}`).toBeLessThan(0.1);
          expect(await axeViolations(page), `${colorScheme}, ${width} px`).toEqual([]);
        }
      });
  });
});
