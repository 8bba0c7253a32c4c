// What is wrong with how a page looks and is built, as far as a program can tell: axe's rules, a page wider than the window, parts that
// jump while it loads.
import { AxeBuilder } from '@axe-core/playwright';
import type { BrowserContext, Page } from 'playwright-core';

/** @returns what axe finds, a line for each rule and place; empty where all is well */
export async function axeViolations(page: Page): Promise<string[]> {
  // Half a megabyte, which a page that has it keeps.
  const isThere = await page.evaluate(() => 'axe' in window);
  const builder = new AxeBuilder(isThere ? { page, axeSource: ';' } : { page });
  // In one frame, without a blank page beside it; and nothing is told of what is well, which takes as long as all the rest.
  const { violations } = await builder
    .setLegacyMode(true)
    .options({ resultTypes: ['violations'] })
    .analyze();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 300)}: ${failureSummary?.replaceAll(/\s+/g, ' ')}`,
    ),
  );
}

/** @returns what makes the page wider than its window, so that it would scroll sideways; empty where nothing does */
export async function widerThanWindow(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const isCut = (element: Element | null): boolean =>
      element !== null &&
      element !== document.body &&
      (/auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX) || isCut(element.parentElement));
    const wide = [...document.body.querySelectorAll('*')].filter(
      element => element.getBoundingClientRect().right > clientWidth + 1 && !isCut(element.parentElement),
    );
    const named = wide.slice(0, 5).map(element => element.cloneNode(false) as Element);
    return [`${scrollWidth} px of ${clientWidth}`, ...named.map(element => element.outerHTML.slice(0, 200))];
  });
}

/** Has the layout shifts of all pages of a context counted from their beginning. */
export async function countShifts(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const counted = { sum: 0, moved: [] as string[] };
    Object.assign(window, { layoutShifts: counted });
    new PerformanceObserver(list => {
      for (const entry of list.getEntries() as unknown as Shift[]) {
        if (entry.hadRecentInput) continue;
        counted.sum += entry.value;
        for (const { node } of entry.sources)
          if (node instanceof Element) counted.moved.push(node.outerHTML.slice(0, 120));
      }
    }).observe({ type: 'layout-shift', buffered: true });
    interface Shift {
      value: number;
      hadRecentInput: boolean;
      sources: { node: Node | null }[];
    }
  });
}

/** @returns the cumulative layout shift since the page was opened, and the first parts that moved */
export async function layoutShift(page: Page): Promise<{ sum: number; moved: string[] }> {
  return await page.evaluate(() => {
    const { sum, moved } = (window as unknown as { layoutShifts: { sum: number; moved: string[] } }).layoutShifts;
    return { sum, moved: moved.slice(0, 8) };
  });
}

/** Waits until what was changed is drawn, and no colour is on its way to another one. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const transitions = document.getAnimations().filter(animation => animation instanceof CSSTransition);
    // One that is cut short ends as well.
    await Promise.allSettled(transitions.map(({ finished }) => finished));
  });
}
