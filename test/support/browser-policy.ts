// What tests of the policy page share: policies to write, one that somebody else puts in force meanwhile, and how the page is looked at and
// written on.
import type { Page } from 'playwright-core';
import { starterPolicy } from '../../src/operations/policies.ts';
import { texts } from '../../src/web/texts.ts';
import { open, settled, type Visit, visit } from './browser.ts';
import { type PagesService, signIn } from './browser-service.ts';

export const starter = await starterPolicy();
export const written = starter.slice(0, starter.indexOf('  // What must stay true')).concat('}\n');
export const stricter = written.replace(
  '"sentinelOne:activeThreats == 0",',
  '"sentinelOne:activeThreats == 0",\n        "sentinelOne:firewallEnabled || sentinelOne:infected",',
);
/** What somebody else puts in force. */
export const theirs = written.replace('"group:staff": []', '"group:staff": ["bob@example.com"]');

export type Looking = (page: Page, visiting: Visit) => Promise<void>;

/**
 * @param address below /admin/
 * @param key the one that may do everything, where none is given
 * @param meant errors of the console that are no faults
 */
export async function lookAt(
  service: PagesService,
  address: string,
  work: Looking,
  key = '',
  ...meant: RegExp[]
): Promise<void> {
  await visit({ origin: service.url, viewport: { width: 1280, height: 900 } }, async visiting => {
    visiting.expectsErrors(...meant);
    await signIn(visiting.context, key === '' ? service : { url: service.url, key });
    await open(visiting.page, `${service.url}/admin/${address}`);
    await work(visiting.page, visiting);
  });
}

export const editor = (page: Page) => page.getByRole('textbox', { name: texts.policy.editor.label });

/** What helps to write is asked for only then; undoing comes with it. */
export async function beginToWrite(page: Page): Promise<void> {
  await editor(page).click();
  await page.locator('.cm-content[data-language]').waitFor();
}

/** As from the clipboard, in place of what stands there. */
export async function paste(page: Page, text: string): Promise<void> {
  await beginToWrite(page);
  await settled(page);
  await page.keyboard.press('Control+a');
  await editor(page).evaluate((element, given) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', given);
    element.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, text);
}

/** HuJSON, as it is in force. */
export async function policyInForce(service: PagesService): Promise<string> {
  const answer = await fetch(`${service.url}/api/v2/tailnet/-/acl`, {
    headers: { authorization: `Bearer ${service.key}` },
  });
  return await answer.text();
}
