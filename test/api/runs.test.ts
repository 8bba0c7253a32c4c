// Runs and agents of an integration over HTTP, and a sync at once: by a real scheduler against a pretended console.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startScheduler } from '../../src/sync/scheduler.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, type World } from '../support/world.ts';

const of = (end: string) => `/api/v2/posture/integrations/phq${end}`;

describe('of a posture integration', () => {
  let world: World;
  let api: TestApi;

  beforeEach(async () => {
    world = await createWorld();
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true } }));
    console.set(fakeAgent('2', 'SER-2', { hostname: 'lt_2', values: { 'fake:isActive': true } }));
    console.set(fakeAgent('3', 'SER-3', { hostname: 'ltx2', values: { 'fake:isActive': true } }));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    api = await startApi({ database: world.database, now: world.now });
  });

  it('a sync is begun at once and answered with its run, which can be looked at until it is done', async () => {
    const scheduler = startScheduler({ ...world.context, pool: world.db, concurrency: 1, auditRetentionMs: 1e12 });
    onTestFinished(() => scheduler.stop());
    // The first is due by itself.
    const done = (id: number) => expect.poll(async () => (await api.call('GET', of(`/runs/${id}`))).body.outcome);
    await expect.poll(async () => (await api.call('GET', of('/runs'))).body.runs.length).toBe(1);
    await done(1).toBe('succeeded');
    const asked = await api.call('POST', of('/sync'));
    expect([asked.status, asked.body.run.id]).toEqual([202, 2]);
    await done(2).toBe('succeeded');
    const { body } = await api.call('GET', of('/runs/2'));
    expect(body).toMatchObject({ agents: 3, matched: 1, unmatched: { no_device: 2 }, complete: true, error: null });
    const { body: listed } = await api.call('GET', of('/runs?limit=1'));
    expect(listed.runs).toEqual([body]);
    const { body: older } = await api.call('GET', of(`/runs?limit=1&cursor=${listed.nextCursor}`));
    expect(older).toEqual({ runs: [expect.objectContaining({ id: 1 })], nextCursor: null });
    expect((await api.call('GET', of('/runs?limit=2'))).body.nextCursor).toBeNull();
  });

  it('a sync that no worker begins is answered all the same, and one that is paused is refused', async () => {
    await world.sync('hq');
    const asked = await api.call('POST', of('/sync'));
    expect([asked.status, asked.body]).toEqual([202, { run: null }]);
    expect((await world.row('hq')).nextSyncAt).toEqual(world.now());
    await api.call('POST', of('/pause'));
    const refused = await api.call('POST', of('/sync'));
    const sentence = '"hq" is paused (by hand): resume it first, as by posture-sync integration resume hq';
    expect([refused.status, refused.body.message]).toEqual([409, sentence]);
  });

  it('agents are listed by what they match, and found by a part of their names, page by page', async () => {
    await world.sync('hq');
    const ids = async (query: string) => {
      const { status, body } = await api.call('GET', of(`/agents${query}`));
      return [status, body.agents?.map(({ id }: { id: string }) => id), body.nextCursor];
    };
    expect(await ids('')).toEqual([200, ['1', '2', '3'], null]);
    expect(await ids('?match=matched')).toEqual([200, ['1'], null]);
    expect(await ids('?match=unmatched&reason=no_device')).toEqual([200, ['2', '3'], null]);
    expect(await ids('?match=unmatched&reason=no_serial')).toEqual([200, [], null]);
    expect(await ids('?search=T_2')).toEqual([200, ['2'], null]);
    expect(await ids('?search=ser-3')).toEqual([200, ['3'], null]);
    expect(await ids('?search=%25')).toEqual([200, [], null]);
    expect(await ids('?limit=3')).toEqual([200, ['1', '2', '3'], null]);
    const [status, two, next] = await ids('?limit=2');
    expect([status, two]).toEqual([200, ['1', '2']]);
    expect(await ids(`?limit=2&cursor=${next}`)).toEqual([200, ['3'], null]);
    const [first] = (await api.call('GET', of('/agents?match=matched'))).body.agents;
    expect(first).toMatchObject({ id: '1', serials: ['SER-1'], device: 'a', reason: null, goneReason: null });
  });

  it.each([
    ['/runs?limit=0', 'limit: '],
    ['/runs?limit=x', 'limit: '],
    ['/runs?before=1', 'before: there is no such field'],
    ['/runs?colour=red', 'colour: there is no such field'],
    ['/runs/x', 'runId: '],
    ['/agents?match=some', 'match: '],
    ['/agents?reason=', 'reason: '],
    ['/agents?limit=1001', 'limit: '],
  ])('%s is refused by the field', async (end, message) => {
    const { status, body } = await api.call('GET', of(end));
    expect([status, body.message]).toEqual([400, expect.stringContaining(message)]);
  });

  it('a run of another one is not there', async () => {
    await world.integration('other');
    await world.sync('other');
    const { status, body } = await api.call('GET', of('/runs/1'));
    expect([status, body.message]).toEqual([404, 'there is no run 1 of this integration']);
    expect((await api.call('GET', '/api/v2/posture/integrations/nope/runs')).status).toBe(404);
  });
});
