// Consoles that answer oddly: rows without an id, two that chase agents between them, waits of years, a fault of our own.
import { beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/store/client.ts';
import { dueIntegrations } from '../../src/store/integrations.ts';
import { keep } from '../../src/sync/keeper.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { createWorld, hour, minute, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };

describe('an odd console', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });

  it('whose rows lost their ids takes nothing away: what it may have meant keeps its values and their age', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] }, { id: 'b', serialNumbers: ['BBBB1'] });
    console.set(fakeAgent('1', 'AAAA1'), fakeAgent('2', 'BBBB1'));
    await world.sync('one');
    const confirmed = (await world.explain('a')).attributes['fake:state']?.confirmedAt;
    console.nameless.add('1');
    world.pass(hour);
    expect(await world.sync('one')).toMatchObject({ outcome: 'succeeded', skipped: 2, attributes: { removed: 0 } });
    expect(await world.values('a')).toEqual(healthy);
    expect((await world.explain('a')).attributes['fake:state']?.confirmedAt).toBe(confirmed);
    expect((await world.explain('b')).attributes['fake:state']?.confirmedAt).not.toBe(confirmed);
    await world.verify();
    world.pass(72 * hour);
    await world.sync('one');
    expect(await world.values('a')).toEqual({});
    expect(await world.values('b')).toEqual(healthy);
    await world.verify();
  });

  it('takes the readable one of two rows with one id, whichever comes last', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] });
    console.set(fakeAgent('1', 'AAAA1'), fakeAgent('2', null));
    console.hollow.add('1');
    await world.sync('one');
    expect(await world.values('a')).toEqual(healthy);
  });

  it('hurries the other integrations of its provider when agents go missing, and is not hurried back', async () => {
    const [one, two] = [await world.integration('one'), await world.integration('two')];
    for (const console of [one, two]) {
      console.set(...[1, 2, 3].map(n => fakeAgent(`${n}`, null)));
    }
    await world.sync('one');
    await world.sync('two');
    const due = async () => (await dueIntegrations(world.db, world.now())).map(row => row.name);
    expect(await due()).toEqual([]);
    one.agents.delete('1');
    two.agents.delete('1');
    await world.sync('one');
    expect(await due()).toEqual(['two']);
    await world.sync('two');
    expect(await due()).toEqual([]);
  });

  it('that asks for a wait of years is asked again after a day', async () => {
    const console = await world.integration('one');
    console.fail = { page: 0, kind: 'throttled', retryAfterMs: 3_650 * 24 * hour };
    await world.sync('one');
    const { nextSyncAt } = await world.row('one');
    expect(nextSyncAt.getTime() - world.now().getTime()).toBe(24 * hour);
  });

  it('that runs into a fault of ours leaves a failed run and a visible state, and waits for its turn', async () => {
    const console = await world.integration('one');
    console.beforePage = () => {
      throw new TypeError('a bug');
    };
    await expect(world.sync('one')).rejects.toThrow('a bug');
    expect(await world.row('one')).toMatchObject({ error: { kind: 'malformed' }, attemptedAt: world.now() });
    expect((await world.row('one')).nextSyncAt.getTime()).toBeGreaterThan(world.now().getTime());
    expect(JSON.stringify(await world.events('TAILNET.FAIL'))).not.toContain('a bug');
    const { rows } = await world.db.query('select outcome, finished_at is not null as closed from sync_runs');
    expect(rows).toEqual([{ outcome: 'failed', closed: true }]);
  });

  it('that fails while paused by hand brings nothing back that had expired meanwhile', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] });
    console.set(fakeAgent('1', 'AAAA1'));
    await world.sync('one');
    world.pass(72 * hour - minute);
    console.beforePage = async () => {
      await world.db.query("update integrations set pause_reason = 'administrator'");
      world.pass(10 * minute);
      await keep({ pool: world.db, now: world.now, log: world.context.log, auditRetentionMs: 400 * 24 * hour });
      expect(await world.values('a')).toEqual({});
    };
    console.fail = { page: 0, kind: 'unavailable' };
    await world.sync('one');
    expect(await world.values('a')).toEqual({});
    await world.verify();
  });
});

it('writes and reads times alike whatever style the server has set', async () => {
  const world = await createWorld();
  const name = new URL(world.database.url).pathname.slice(1);
  await world.db.query(`alter database ${name} set datestyle = 'SQL, DMY'`);
  await world.db.query(`alter database ${name} set timezone = 'Asia/Kolkata'`);
  const session = await connect(world.database.url);
  try {
    const { rows } = await session.query("select timestamptz '2026-02-03T04:05:06Z' as at");
    expect(rows[0].at).toEqual(new Date('2026-02-03T04:05:06Z'));
  } finally {
    await session.end();
  }
});
