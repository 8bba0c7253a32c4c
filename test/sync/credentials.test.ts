// What happens when credentials are refused, and when a provider fails for a while: pauses and their end, waits asked for,
// and events on change of state only.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resumeIntegration } from '../../src/operations/integration-states.ts';
import { dueIntegrations } from '../../src/store/integrations.ts';
import { keep } from '../../src/sync/keeper.ts';
import { runSync } from '../../src/sync/run.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };

describe('refused credentials', () => {
  let world: World;
  let name: string;
  let console: FakeConsole;
  let count = 0;
  beforeAll(async () => {
    world = await createWorld();
  });
  beforeEach(async () => {
    name = `n${count++}`;
    console = await world.integration(name);
    await world.devices(...[1, 2, 3, 4].map(n => ({ id: `${name}-${n}`, serialNumbers: [`${name}-SER-${n}`] })));
    for (const n of [1, 2, 3, 4]) console.set(fakeAgent(`${n}`, `${name}-SER-${n}`));
    await world.sync(name);
  });

  const isDue = async () => (await dueIntegrations(world.db, world.now())).some(row => row.name === name);
  /** Events of this integration's state, in short. */
  const states = async () =>
    (await world.events('TAILNET.'))
      .filter(entry => entry.target.id === `p${name}`)
      .map(entry => [entry.action, (entry.new as { reason?: string } | undefined)?.reason].filter(Boolean).join(' '));
  const syncIfDue = () => runSync(world.context, `p${name}`, { signal: new AbortController().signal, onlyIfDue: true });

  it.each(['auth', 'permission'] as const)(
    'of kind %s pause the integration for 24 hours, with one event, and try once after that',
    async kind => {
      console.fail = { page: 0, kind };
      expect(await world.sync(name)).toMatchObject({ outcome: 'failed', error: { kind } });
      const until = new Date(world.now().getTime() + 24 * hour);
      expect(await world.row(name)).toMatchObject({
        pauseReason: kind,
        pausedUntil: until,
        nextSyncAt: until,
        failingSince: null,
        error: { kind, message: `scripted ${kind}` },
      });
      expect(await states()).toEqual([`PAUSE ${kind}`]);
      const asked = console.queries.length;
      // The pause stands in the table: whoever starts anew finds it.
      world.pass(24 * hour - 1);
      expect(await isDue()).toBe(false);
      expect(await syncIfDue()).toBeNull();
      expect(console.queries).toHaveLength(asked);
      world.pass(1);
      expect(await isDue()).toBe(true);
      expect(await syncIfDue()).toMatchObject({ outcome: 'failed' });
      expect(await isDue()).toBe(false);
      expect(await states()).toEqual([`PAUSE ${kind}`]);
      expect((await world.row(name)).pausedUntil).toEqual(new Date(until.getTime() + 24 * hour));
      world.pass(24 * hour);
      console.fail = null;
      expect(await syncIfDue()).toMatchObject({ outcome: 'succeeded' });
      expect(await states()).toEqual([`PAUSE ${kind}`, 'RESUME']);
      expect(await world.row(name)).toMatchObject({ pauseReason: null, pausedUntil: null, error: null });
      world.pass(24 * hour);
      expect(await isDue()).toBe(true);
    },
  );

  it('stay a pause when the try after it cannot reach the provider: nothing is proven by that', async () => {
    console.fail = { page: 0, kind: 'auth' };
    await world.sync(name);
    world.pass(24 * hour);
    console.fail = { page: 0, kind: 'unavailable' };
    expect(await syncIfDue()).toMatchObject({ outcome: 'failed' });
    const row = await world.row(name);
    expect(row).toMatchObject({ pauseReason: 'auth' });
    expect(row.pausedUntil).toEqual(row.nextSyncAt);
    expect(await isDue()).toBe(false);
    world.pass(30 * minute);
    console.fail = null;
    expect(await syncIfDue()).toMatchObject({ outcome: 'succeeded' });
    expect(await world.row(name)).toMatchObject({ pauseReason: null });
  });

  it('in the middle of a sweep merge what was read, then pause', async () => {
    console.set(fakeAgent('1', `${name}-SER-1`, { values: { 'fake:threats': 7 } }));
    console.agents.delete('4');
    console.set(fakeAgent('5', null), fakeAgent('6', null));
    console.fail = { page: 1, kind: 'auth' };
    expect(await world.sync(name)).toMatchObject({ outcome: 'partial', attributes: { changed: 1, removed: 0 } });
    expect(await world.values(`${name}-1`)).toEqual({ ...healthy, threats: 7 });
    expect(await world.values(`${name}-4`)).toEqual(healthy);
    expect(await world.row(name)).toMatchObject({ pauseReason: 'auth' });
  });

  it('do not concern the other integrations', async () => {
    await world.integration('other');
    console.fail = { page: 0, kind: 'auth' };
    await world.sync(name);
    expect((await dueIntegrations(world.db, world.now())).map(row => row.name)).toContain('other');
    expect(await world.sync('other')).toMatchObject({ outcome: 'succeeded' });
    expect(await world.row('other')).toMatchObject({ pauseReason: null });
  });

  it('end their pause when somebody resumes', async () => {
    console.fail = { page: 0, kind: 'auth' };
    await world.sync(name);
    console.fail = null;
    expect(await resumeIntegration({ db: world.db, now: world.now, actor: tester }, name)).toBe(true);
    expect(await isDue()).toBe(true);
    expect(await syncIfDue()).toMatchObject({ outcome: 'succeeded' });
    expect(await states()).toEqual(['PAUSE auth', 'RESUME']);
  });

  it('that become missing permissions are told as a new state', async () => {
    console.fail = { page: 0, kind: 'auth' };
    await world.sync(name);
    console.fail = { page: 0, kind: 'permission' };
    world.pass(24 * hour);
    await world.sync(name);
    expect(await states()).toEqual(['PAUSE auth', 'PAUSE permission']);
  });

  it('after other failures leave it failing until a sync succeeds', async () => {
    console.fail = { page: 0, kind: 'unavailable' };
    await world.sync(name);
    console.fail = { page: 0, kind: 'auth' };
    await world.sync(name);
    console.fail = null;
    world.pass(24 * hour);
    await world.sync(name);
    expect(await states()).toEqual(['FAIL', 'PAUSE auth', 'RESUME', 'RECOVER']);
  });

  it.each(['settings', 'throttled', 'unavailable', 'malformed'] as const)(
    'are not meant by failures of kind %s: these are tried again at the next turn, with one event',
    async kind => {
      console.fail = { page: 0, kind };
      const since = world.now().getTime() + minute;
      for (let tries = 0; tries < 3; tries++) {
        await world.sync(name);
        const row = await world.row(name);
        expect(row).toMatchObject({ pauseReason: null, failingSince: new Date(since), error: { kind } });
        const wait = row.nextSyncAt.getTime() - world.now().getTime();
        expect(wait).toBeGreaterThanOrEqual(7.5 * minute);
        expect(wait).toBeLessThanOrEqual(22.5 * minute);
      }
      expect(await states()).toEqual(['FAIL']);
      expect(await world.values(`${name}-1`)).toEqual(healthy);
      console.fail = null;
      await world.sync(name);
      await world.sync(name);
      expect(await states()).toEqual(['FAIL', 'RECOVER']);
      expect(await world.row(name)).toMatchObject({ failingSince: null, error: null });
      console.fail = { page: 1, kind };
      await world.sync(name);
      expect(await states()).toEqual(['FAIL', 'RECOVER', 'FAIL']);
    },
  );

  it('that expire are warned of 30, 7 and 1 days before, once each, and anew for a new token', async () => {
    const day = 24 * hour;
    const expiresIn = async (ms: number) => {
      const tokenExpiresAt = new Date(world.now().getTime() + ms);
      console.account = { scope: [], tokenExpiresAt };
      await world.sync(name);
      return tokenExpiresAt.getTime();
    };
    const look = () => keep({ ...world.context, pool: world.db, auditRetentionMs: 10_000 * day });
    const warnings = async () =>
      (await world.events('TAILNET.WARN'))
        .filter(entry => entry.target.id === `p${name}`)
        .map(entry => entry.new as { expires: string; within: string })
        .flatMap(({ expires, within }) => (expires === 'token' ? [within] : []));
    const end = await expiresIn(31 * day);
    await look();
    expect(await warnings()).toEqual([]);
    for (const days of [30, 20, 7, 2, 1, 0.5]) {
      world.pass(end - days * day - world.now().getTime());
      await look();
      await look();
    }
    expect(await warnings()).toEqual(['30 days', '7 days', '1 days']);
    await expiresIn(29 * day);
    await look();
    expect(await warnings()).toEqual(['30 days', '7 days', '1 days', '30 days']);
  });

  it('a provider that asks for a wait is not asked before, not even when its agents may have moved', async () => {
    console.fail = { page: 0, kind: 'throttled', retryAfterMs: 3 * hour };
    await world.sync(name);
    const notBefore = new Date(world.now().getTime() + 3 * hour);
    expect((await world.row(name)).nextSyncAt).toEqual(notBefore);
    const neighbour = await world.integration(`${name}-neighbour`);
    neighbour.set(fakeAgent('1', null), fakeAgent('2', null));
    await world.sync(`${name}-neighbour`);
    neighbour.agents.delete('1');
    expect(await world.sync(`${name}-neighbour`)).toMatchObject({ unmatched: { gone: 1 } });
    expect((await world.row(name)).nextSyncAt).toEqual(notBefore);
    console.fail = null;
    world.pass(3 * hour);
    expect(await syncIfDue()).toMatchObject({ outcome: 'succeeded' });
  });

  it('a wait shorter than the next turn changes nothing', async () => {
    console.fail = { page: 0, kind: 'throttled', retryAfterMs: 1_000 };
    await world.sync(name);
    expect((await world.row(name)).nextSyncAt.getTime()).toBeGreaterThan(world.now().getTime() + 7 * minute);
  });

  it('when agents go missing here, the healthy integrations of the provider become due, the paused ones do not', async () => {
    const others = [`${name}-healthy`, `${name}-paused`];
    for (const other of others) await world.integration(other);
    for (const other of others) await world.sync(other);
    await world.db.query("update integrations set pause_reason = 'administrator' where name = $1", [others[1]]);
    console.agents.delete('1');
    await world.sync(name);
    const due = (await dueIntegrations(world.db, world.now())).map(row => row.name);
    expect(due).toContain(others[0]);
    expect(due).not.toContain(others[1]);
  });
});
