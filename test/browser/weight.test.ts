// What the browser has to load: bytes, which are the same however busy a machine is. How long it takes is measured by `bench pages`.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Weights, weigh } from '../../src/cli/bench-browser.ts';
import { chromiumFile, open, visit } from '../support/browser.ts';
import { knownOf, type Place, placesOf, signInPlace } from '../support/browser-places.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';

const mostScriptBytes = 300_000;
/** Of answers of the API, unpacked: several times what the fullest page shows. */
const mostAnswerBytes = 400_000;

describe.skipIf(chromiumFile === null)('a first load', () => {
  let service: PagesService;
  let places: Place[];
  beforeAll(async () => {
    service = await startPagesService({ simulator: { agents: 1_000 } });
    await withFleet(service);
    places = placesOf(await knownOf(service));
  });
  afterAll(() => service?.stop());

  const weightOf = (address: string): Promise<Weights> =>
    visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      if (address === signInPlace.address) expectsErrors(/status of 401/);
      else await signIn(context, service);
      const { weights } = await weigh(page);
      await open(page, `${service.url}/admin/${address}`);
      return weights();
    });

  test('of whichever page has at most 300 KB of compressed scripts, and no page pulls more than it shows', async () => {
    for (const { address } of [...places, signInPlace]) {
      const { scripts, answers } = await weightOf(address);
      expect(scripts.requests, address).toBeGreaterThan(0);
      expect(scripts.sent, address).toBeLessThanOrEqual(mostScriptBytes);
      expect(scripts.sent, `${address} comes compressed`).toBeLessThan(scripts.unpacked / 2);
      expect(answers.unpacked, address).toBeLessThanOrEqual(mostAnswerBytes);
    }
  });
});
