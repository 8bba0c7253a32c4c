// A pause by hand that has an end: nothing is synced before it, and then a sync decides how the integration is.
import { beforeEach, describe, expect, it } from 'vitest';
import { pauseEnd, pauseIntegration } from '../../src/operations/integration-states.ts';
import { dueIntegrations } from '../../src/store/integrations.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

describe('a pause until a time', () => {
  let world: World;
  let console: FakeConsole;
  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1'));
    await world.sync('hq');
  });

  const request = () => ({ db: world.db, now: world.now, actor: tester });
  const pause = (until: string | null) => pauseIntegration(request(), 'hq', pauseEnd(until, world.now()));
  const isDue = async () => (await dueIntegrations(world.db, world.now())).length > 0;
  const states = async () =>
    (await world.events('TAILNET.')).map(({ action, new: to }) => [action, (to as { until?: string })?.until]);

  it('lets nothing be due before it, and ends with a sync that works', async () => {
    const until = new Date(world.now().getTime() + 8 * hour);
    expect(await pause('8h')).toBe(true);
    expect(await world.row('hq')).toMatchObject({ pauseReason: 'administrator', pausedUntil: until });
    world.pass(8 * hour - 1);
    expect(await isDue()).toBe(false);
    world.pass(1);
    expect(await isDue()).toBe(true);
    await world.sync('hq');
    expect(await world.row('hq')).toMatchObject({ pauseReason: null, pausedUntil: null, failingSince: null });
    expect(await states()).toEqual([
      ['PAUSE', until.toISOString()],
      ['RESUME', undefined],
    ]);
  });

  it.each(['unavailable', 'auth'] as const)('ends also where the first sync after it fails with %s', async kind => {
    await pause('8h');
    world.pass(8 * hour);
    console.fail = { page: 0, kind };
    await world.sync('hq');
    expect((await world.row('hq')).pauseReason).toBe(kind === 'auth' ? 'auth' : null);
    expect((await world.row('hq')).error).toMatchObject({ kind });
  });

  it('is not ended by a run that was on when it began', async () => {
    await world.sync('hq', { reached: async point => void (point === 'claimed' && (await pause('8h'))) });
    expect(await world.row('hq')).toMatchObject({ pauseReason: 'administrator', pausedUntil: expect.any(Date) });
  });

  it('is changed by another one, and the same one changes nothing', async () => {
    await pause('8h');
    expect(await pause('8h')).toBe(false);
    expect(await pause('9h')).toBe(true);
    expect(await pause(null)).toBe(true);
    expect(await world.row('hq')).toMatchObject({ pauseReason: 'administrator', pausedUntil: null });
    world.pass(24 * hour);
    expect(await isDue()).toBe(false);
  });

  it.each(['0h', '367d', 'soon', '2026-02-28T23:59:00Z', ''])('until %j is refused', text => {
    expect(() => pauseEnd(text, world.now())).toThrow(/^until: /);
  });

  it('may be given as a time as well', () => {
    expect(pauseEnd('2026-03-02', world.now())).toEqual(new Date('2026-03-02T00:00:00Z'));
    expect(pauseEnd('1m', world.now())?.getTime()).toBe(world.now().getTime() + minute);
  });
});
