// Refetches: the agents of some devices, read at once. They set and change as a sweep does, and take away only what a provider
// calls decommissioned.
import { beforeEach, describe, expect, it } from 'vitest';
import { changePlaceholders } from '../../src/operations/placeholders.ts';
import { askForRefetches } from '../../src/operations/refetch.ts';
import { keep } from '../../src/sync/keeper.ts';
import type { RefetchContext } from '../../src/sync/refetch-desk.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { answered, askByHand, openRefetchCount, startWorkers } from '../support/refetching.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };

describe('a refetch', () => {
  let world: World;
  let console: FakeConsole;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    const serials = ['a', 'b', 'c', 'd', 'e', 'f'];
    await world.devices(...serials.map(id => ({ id, serialNumbers: [`SER-${id}`] })));
    for (const id of ['a', 'b', 'c', 'd', 'e']) console.set(fakeAgent(`1${id}`, `SER-${id}`));
    await world.sync('hq');
    console.queries.length = 0;
    world.pass(5 * minute);
  });

  const ask = (device: string) => askByHand(world, device);
  const askAsGateway = (...devices: string[]) => askForRefetches(world, devices, 0);
  const workers = (count?: number, context?: Partial<RefetchContext>) => startWorkers(world, count, context);

  const refetch = async (device: string) => await answered(world, await ask(device));
  const observedAt = async (agent: string) =>
    (await world.db.query('select observed_at, frozen_at, gone_reason from agents where agent_id = $1', [agent]))
      .rows[0];

  async function allIsRight(): Promise<void> {
    await world.verify();
    await expectWholeLog(world.db);
  }

  it('brings what changed since the last sweep, by id and by serial, with its age and an event', async () => {
    workers();
    console.set(fakeAgent('1a', 'SER-a', { values: { ...fakeAgent('1a', null).values, 'fake:threats': 7 } }));
    expect(await refetch('a')).toMatchObject({
      device: 'a',
      state: 'done',
      error: null,
      integrations: [
        {
          integration: 'hq',
          outcome: 'read',
          agents: 1,
          old: { 'fake:threats': 0 },
          new: { 'fake:threats': 7 },
        },
      ],
    });
    expect(console.queries).toEqual([{ kind: 'some', ids: ['1a'], serials: ['SER-A'] }]);
    expect(await world.values('a')).toEqual({ ...healthy, threats: 7 });
    const events = await world.events('NODE.UPDATE.ATTRIBUTES');
    expect(events).toMatchObject([{ target: { id: 'a' }, actor: { type: 'AUTOMATED_WORKER' } }]);
    expect((await world.explain('a')).attributes['fake:threats']?.confirmedAt).toBe(world.now().toISOString());
    // The others are as old as they were.
    expect((await world.explain('b')).attributes['fake:threats']?.confirmedAt).not.toBe(world.now().toISOString());
    expect((await world.db.query('select from sync_runs')).rowCount).toBe(1);
    await allIsRight();
  });

  it('that finds all as it was confirms it, without an event', async () => {
    workers();
    expect(await refetch('a')).toMatchObject({ integrations: [{ outcome: 'read', agents: 1, old: null, new: null }] });
    expect((await world.explain('a')).attributes['fake:threats']?.confirmedAt).toBe(world.now().toISOString());
    expect(await world.events('NODE.UPDATE.ATTRIBUTES')).toEqual([]);
    await allIsRight();
  });

  it('finds the agent of a device that had none', async () => {
    workers();
    expect(await refetch('f')).toMatchObject({
      state: 'done',
      integrations: [{ outcome: 'read', agents: 0, new: null }],
    });
    console.set(fakeAgent('1f', 'ser-f'.toUpperCase()), fakeAgent('2f', 'SER-f-of-another'));
    console.set(fakeAgent('3f', 'SER-F', { decommissioned: true }));
    expect(await refetch('f')).toMatchObject({ integrations: [{ agents: 1, old: null, new: { 'fake:threats': 0 } }] });
    expect(await world.values('f')).toEqual(healthy);
    // Neither one whose serial number only begins so, nor one that nobody knew and that is no more.
    expect((await world.db.query("select agent_id from agents where agent_id like '%f'")).rows).toEqual([
      { agent_id: '1f' },
    ]);
    await allIsRight();
  });

  it('removes nothing that is absent, and freezes nothing that cannot be read', async () => {
    workers();
    console.agents.delete('1a');
    expect(await refetch('a')).toMatchObject({ state: 'done', integrations: [{ agents: 0, old: null, new: null }] });
    console.unreadable.add('1b');
    expect(await refetch('b')).toMatchObject({ state: 'done', integrations: [{ agents: 0 }] });
    expect(await world.values('a')).toEqual(healthy);
    expect(await world.values('b')).toEqual(healthy);
    expect(await observedAt('1b')).toMatchObject({ frozen_at: null, gone_reason: null });
    await allIsRight();
  });

  it('keeps values that are told no more, and a device whose agent took another serial number, until a whole sweep', async () => {
    workers();
    console.set(fakeAgent('1a', 'SER-a', { values: { 'fake:isActive': true } }), fakeAgent('1b', 'SER-f'));
    await refetch('a');
    await refetch('b');
    expect(await world.values('a')).toEqual(healthy);
    expect(await world.values('b')).toEqual(healthy);
    expect(await world.values('f')).toEqual(healthy);
    await allIsRight();
    await world.sync('hq');
    expect(await world.values('a')).toEqual({ isActive: true });
    expect(await world.values('b')).toEqual({});
    await allIsRight();
  });

  it('removes the values of an agent that is told to be decommissioned', async () => {
    workers();
    console.set(fakeAgent('1a', 'SER-a', { decommissioned: true }));
    expect(await refetch('a')).toMatchObject({ integrations: [{ agents: 1, new: null, old: { 'fake:threats': 0 } }] });
    expect(await world.values('a')).toEqual({});
    expect(await observedAt('1a')).toMatchObject({ gone_reason: 'decommissioned' });
    expect(await world.events('NODE.DELETE.ATTRIBUTES')).toMatchObject([{ target: { id: 'a' } }]);
    await allIsRight();
  });

  it('removes no more in a day than a sweep may, and sweeps count what it removed', async () => {
    workers();
    for (const id of ['a', 'b', 'c']) console.set(fakeAgent(`1${id}`, `SER-${id}`, { decommissioned: true }));
    for (const id of ['a', 'b', 'c']) await refetch(id);
    expect([await world.values('a'), await world.values('b')]).toEqual([{}, {}]);
    expect(await world.values('c')).toEqual(healthy);
    await allIsRight();
    // Requests end up forgotten, not their losses.
    world.pass(2 * hour);
    await keep({ pool: world.db, now: world.now, log: world.context.log, auditRetentionMs: 400 * 24 * hour });
    expect((await world.db.query('select target from requests order by id')).rows).toEqual([
      { target: 'a' },
      { target: 'b' },
    ]);
    expect(await world.sync('hq')).toMatchObject({ outcome: 'held' });
    expect(await world.values('c')).toEqual(healthy);
    world.pass(24 * hour);
    await keep({ pool: world.db, now: world.now, log: world.context.log, auditRetentionMs: 400 * 24 * hour });
    expect((await world.db.query('select from requests')).rowCount).toBe(0);
    expect(await world.sync('hq')).toMatchObject({ outcome: 'succeeded' });
    expect(await world.values('c')).toEqual({});
    await allIsRight();
  });

  it('lets nothing else expire, and brings back what had', async () => {
    workers();
    world.pass(80 * hour);
    await refetch('a');
    expect(await world.values('b')).toEqual(healthy);
    console.fail = { page: 0, kind: 'unavailable' };
    await world.sync('hq');
    expect(await world.values('a')).toEqual(healthy);
    expect(await world.values('b')).toEqual({});
    console.fail = null;
    expect(await refetch('b')).toMatchObject({ integrations: [{ new: { 'fake:threats': 0 } }] });
    expect(await world.values('b')).toEqual(healthy);
    await allIsRight();
  });

  it('is one for all who ask while it is open; by hand it is one event each', async () => {
    const first = await ask('a');
    expect(await ask('a')).toBe(first);
    expect(await askAsGateway('a', 'b')).toEqual(expect.arrayContaining(['a', 'b']));
    expect((await world.db.query('select target from requests order by target')).rows).toEqual([
      { target: 'a' },
      { target: 'b' },
    ]);
    workers();
    await answered(world, first);
    expect(await world.events('NODE.REFETCH.AGENT')).toMatchObject([
      { target: { id: 'a' }, actor: { id: 'test' } },
      { target: { id: 'a' }, actor: { id: 'test' } },
    ]);
    expect(await ask('a')).not.toBe(first);
  });

  it('goes together with others that wait, as many as one question may be about', async () => {
    console.agents.clear();
    const ids = Array.from({ length: 40 }, (_, i) => `m${i}`);
    await world.devices(...ids.map(id => ({ id, serialNumbers: [`MANY-${id}`] })));
    for (const id of ids) console.set(fakeAgent(id, `MANY-${id}`.toUpperCase()));
    await askAsGateway(...ids);
    workers(1, { providerOf: id => ({ ...world.context.providerOf(id), someAtOnce: 20 }) });
    await expect.poll(() => openRefetchCount(world)).toBe(0);
    expect(console.queries.map(query => (query.kind === 'some' ? query.serials.length : 0))).toEqual([20, 20]);
    for (const id of ids) expect(await world.values(id)).toEqual(healthy);
    await allIsRight();
  });

  it('is served once, however many workers there are', async () => {
    const ids = Array.from({ length: 60 }, (_, i) => `m${i}`);
    await world.devices(...ids.map(id => ({ id, serialNumbers: [`MANY-${id}`] })));
    for (const id of ids) console.set(fakeAgent(id, `MANY-${id}`.toUpperCase()));
    workers(3);
    for (let at = 0; at < ids.length; at += 5) await askAsGateway(...ids.slice(at, at + 5));
    await expect.poll(() => openRefetchCount(world)).toBe(0);
    const asked = console.queries.flatMap(query => (query.kind === 'some' ? query.serials : []));
    expect(asked.sort()).toEqual(ids.map(id => `MANY-${id}`.toUpperCase()).sort());
    const { rows } = await world.db.query('select attempts, error, count(*)::int as n from requests group by 1, 2');
    expect(rows).toEqual([{ attempts: 1, error: null, n: 60 }]);
    await allIsRight();
  });

  it('asks every integration that may know the device, and tells of each', async () => {
    const branch = await world.integration('branch', { pause_reason: 'administrator' });
    const labs = await world.integration('labs');
    labs.fail = { page: 'some', kind: 'unavailable' };
    workers();
    const { state, integrations } = await refetch('f');
    expect(state).toBe('done');
    expect(integrations.map(({ integration, outcome }) => [integration, outcome]).sort()).toEqual([
      ['branch', 'not_asked'],
      ['hq', 'read'],
      ['labs', 'failed'],
    ]);
    expect(integrations.find(({ integration }) => integration === 'branch')?.reason).toBe('it is paused: by hand');
    expect(branch.queries).toEqual([]);
    await allIsRight();
  });

  it('passes over integrations that no version of ours can read', async () => {
    await world.integration('mdm', { provider: 'intune', pause_reason: 'unsupported' });
    const providerOf: RefetchContext['providerOf'] = id => {
      if (id === 'intune') throw new Error('there is no such provider');
      return world.context.providerOf(id);
    };
    startWorkers(world, 1, { providerOf });
    const { state, integrations } = await refetch('a');
    expect(state).toBe('done');
    expect(integrations.map(({ integration, outcome }) => [integration, outcome]).sort()).toEqual([
      ['hq', 'read'],
      ['mdm', 'not_asked'],
    ]);
  });

  it('of a device without a serial number that matches, or that is gone, or without any integration, says so', async () => {
    await world.devices({ id: 'bare' });
    await world.devices({ id: 'junk', serialNumbers: ['JUNK-1'] });
    await changePlaceholders({ db: world.db, now: world.now, actor: tester }, { add: ['JUNK-1'], remove: [] });
    const gone = await ask('f');
    await world.db.query("delete from devices where id = 'f'");
    workers();
    expect(await answered(world, gone)).toMatchObject({
      state: 'failed',
      error: { message: 'the device was removed' },
    });
    const nothing = { state: 'failed', error: { message: expect.stringContaining('nothing to ask by') } };
    expect(await refetch('bare')).toMatchObject(nothing);
    expect(await refetch('junk')).toMatchObject(nothing);
    expect(console.queries).toEqual([]);
  });
});
