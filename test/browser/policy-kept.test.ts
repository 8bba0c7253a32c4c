// What is written of a policy on its page is not lost while it is saved or while somebody else's is looked at, and what somebody else put
// in force is not undone unseen.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { button, chromiumFile, settled } from '../support/browser.ts';
import {
  beginToWrite,
  editor,
  type Looking,
  lookAt,
  paste,
  policyInForce,
  stricter,
  theirs,
  written,
} from '../support/browser-policy.ts';
import { type PagesService, startPagesService } from '../support/browser-service.ts';

let service: PagesService;
beforeAll(async () => {
  if (chromiumFile === null) return;
  service = await startPagesService();
});
afterAll(() => service?.stop());

const look = (address: string, work: Looking) => lookAt(service, address, work);
const unsaved = (page: Page) => page.getByText(texts.policy.unsaved, { exact: true });
const inForce = () => policyInForce(service);
const apply = (text: string) => service.api('POST', 'tailnet/-/acl', text);

describe.skipIf(chromiumFile === null)('a policy that is being written', () => {
  beforeEach(() => apply(written).catch(() => {}));

  test('keeps what was taken over by hand from somebody else, also where the rest is decided later', async () => {
    await look('devices', async page => {
      await page.getByRole('link', { name: 'Policy', exact: true }).click();
      await paste(page, stricter);
      await apply(theirs);
      const words = texts.policy.conflict;
      const dialog = page.getByRole('dialog', { name: words.title });
      const own = dialog.getByRole('textbox', { name: words.names[1] });
      await button(page, words.look).click();
      const take = dialog.getByRole('button', { name: words.take });
      await take.last().click();
      await own.getByText('bob@example.com').waitFor();
      await page.goBack();
      await button(page, texts.unsaved.keep).click();
      await button(page, texts.unsaved.keep).waitFor({ state: 'detached' });
      const closing = [() => page.keyboard.press('Escape'), () => page.mouse.click(8, 8)];
      for (const close of [...closing, () => button(page, words.later).click()]) {
        await close();
        await dialog.waitFor({ state: 'detached' });
        for (const kept of ['bob@example.com', 'firewallEnabled']) await editor(page).getByText(kept).waitFor();
        // The rest is still to be decided.
        await button(page, words.look).click();
        await own.getByText('firewallEnabled').waitFor();
        expect(await take.count()).toBe(1);
      }
      expect(await inForce()).toBe(theirs);
    });
  });

  test('keeps what is typed while it is being saved, made from what was saved', async () => {
    await look('devices', async page => {
      await page.getByRole('link', { name: 'Policy', exact: true }).click();
      await paste(page, stricter);
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      await page.route(/\/acl$/, async route => {
        if (route.request().method() === 'POST') await released;
        await route.continue();
      });
      await button(page, 'Save …').click();
      await button(page, /^Put in force/).click();
      await page.keyboard.press('Escape');
      await page.mouse.click(8, 8);
      expect(await button(page, texts.policy.save.back).isDisabled()).toBe(true);
      await page.goBack();
      await page.getByRole('link', { name: 'Policy', exact: true }).click();
      await beginToWrite(page);
      await page.keyboard.press('Control+End');
      await page.keyboard.type('// and more');
      release();
      await page.getByText('The policy is in force').waitFor();
      expect(await inForce()).toBe(stricter);
      await editor(page).getByText('// and more').waitFor();
      await unsaved(page).waitFor();
      await button(page, 'Save …').click();
      await button(page, 'Put in force').click();
      await unsaved(page).waitFor({ state: 'detached' });
      expect(await inForce()).toBe(`${stricter}// and more`);
    });
  });

  test('is undone as far as it was typed: what was dropped, or replaced by somebody else, does not come back', async () => {
    await look('policy', async page => {
      const shows = async (text: string) => {
        await editor(page).getByText(text).waitFor();
        await settled(page);
        expect([await unsaved(page).count(), await editor(page).getByText(text).count()]).toEqual([0, 1]);
      };
      await beginToWrite(page);
      await paste(page, stricter);
      await unsaved(page).waitFor();
      await button(page, texts.policy.drop.button).click();
      await page.getByRole('dialog').getByRole('button', { name: texts.policy.drop.button }).click();
      for (const gone of [unsaved(page), page.getByRole('dialog')]) await gone.waitFor({ state: 'detached' });
      await editor(page).click();
      await page.keyboard.press('Control+z');
      await shows('"group:staff": []');
      await apply(theirs);
      await editor(page).getByText('bob@example.com').waitFor();
      for (const key of ['Control+z', 'Control+y', 'Control+z']) await page.keyboard.press(key);
      await shows('bob@example.com');
      await paste(page, stricter);
      await unsaved(page).waitFor();
      await page.keyboard.press('Control+z');
      await page.keyboard.press('Control+z');
      await shows('bob@example.com');
    });
  });
});
