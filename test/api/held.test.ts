// What is held of an integration, over HTTP: every device that would lose something, with what and why, in pages; and its acceptance by
// the number that was shown.
import { beforeEach, describe, expect, it } from 'vitest';
import { heldImpact } from '../../src/operations/held-impact.ts';
import { integrationById } from '../../src/store/integrations.ts';
import { insertPolicy } from '../../src/store/policies.ts';
import { write } from '../../src/store/write.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const of = (end: string) => `/api/v2/posture/integrations/phq${end}`;

describe('what is held', () => {
  let world: World;
  let api: TestApi;
  let console: FakeConsole;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    const numbers = [1, 2, 3, 4, 5];
    console.set(...numbers.map(n => fakeAgent(`${n}`, `SER-${n}`)));
    await world.devices(...numbers.map(n => ({ id: `lt-${n}`, serialNumbers: [`SER-${n}`], hostname: `HOST_${n}` })));
    api = await startApi({ database: world.database, now: world.now });
    await world.sync('hq');
  });

  const held = async (query = '') => {
    const { status, body } = await api.call('GET', of(`/held${query}`));
    return [status, body.devices?.map(({ device }: { device: string }) => device), body.nextCursor];
  };

  it('is nothing where nothing is', async () => {
    expect(await held()).toEqual([200, [], null]);
  });

  it('is listed with what each device would lose and why, page by page, and found by a part of a name', async () => {
    for (const id of ['1', '2']) console.agents.delete(id);
    console.set(fakeAgent('3', 'SER-3', { decommissioned: true }));
    console.set(fakeAgent('4', 'SER-4', { values: { 'fake:isActive': true, 'fake:threats': 0 } }));
    expect(await world.sync('hq')).toMatchObject({ outcome: 'held' });
    expect(await held()).toEqual([200, ['lt-1', 'lt-2', 'lt-3', 'lt-4'], null]);
    const { body } = await api.call('GET', of('/held'));
    const values = { 'fake:isActive': true, 'fake:threats': 0, 'fake:state': 'na' };
    expect(body.devices[0]).toEqual({
      ...{ device: 'lt-1', hostname: 'HOST_1', user: null },
      losses: [{ integration: 'hq', agent: '1', reason: 'gone', values }],
    });
    expect(body.devices[2].losses).toEqual([{ integration: 'hq', agent: '3', reason: 'decommissioned', values }]);
    expect(body.devices[3].losses).toEqual([
      { integration: 'hq', agent: '4', reason: null, values: { 'fake:state': 'na' } },
    ]);
    const [, first, next] = await held('?limit=3');
    expect(first).toEqual(['lt-1', 'lt-2', 'lt-3']);
    expect(await held(`?limit=3&cursor=${next}`)).toEqual([200, ['lt-4'], null]);
    expect(await held('?search=host_2')).toEqual([200, ['lt-2'], null]);
    expect(await held('?search=%25')).toEqual([200, [], null]);
  });

  it('is every device with values where the console lists no agent any more', async () => {
    console.agents.clear();
    expect(await world.sync('hq')).toMatchObject({ outcome: 'held', agents: 0 });
    expect(await held('?limit=4')).toEqual([200, ['lt-1', 'lt-2', 'lt-3', 'lt-4'], expect.any(String)]);
    const { body } = await api.call('GET', of('/held'));
    expect(body.devices).toHaveLength(5);
    expect(body.devices[4].losses).toMatchObject([{ agent: '5', reason: 'gone', values: { 'fake:isActive': true } }]);
  });

  it('tells which devices would stop passing which posture of the policy in force, and that comes true', async () => {
    const postures = {
      'posture:active': { conditions: ['fake:isActive == true'] },
      'posture:calm': { conditions: ['fake:threats == 0'] },
      'posture:free': { conditions: ['fake:state NOT SET'] },
    };
    const impact = async () => (await api.call('GET', of('/held?limit=1&impact=true'))).body.impact;
    for (const id of ['1', '2']) console.agents.delete(id);
    console.set(fakeAgent('4', 'SER-4', { values: { 'fake:isActive': true, 'fake:state': 'na' } }));
    expect(await world.sync('hq')).toMatchObject({ outcome: 'held' });
    const none = { judged: 0, isWhole: false, stopping: 0, postures: [] };
    expect(await impact()).toEqual({ policy: null, isPolicyReadable: true, ...none });
    const applied = await api.call('POST', '/api/v2/tailnet/-/acl', { postures, acls: [] });
    expect(applied.status).toBe(200);
    const device = (n: number) => ({ device: `lt-${n}`, hostname: `HOST_${n}` });
    const told = {
      ...{ policy: expect.any(Number), isPolicyReadable: true, judged: 3, isWhole: true, stopping: 3 },
      postures: [
        { posture: 'posture:calm', devices: 3, examples: [device(1), device(2), device(4)] },
        { posture: 'posture:active', devices: 2, examples: [device(1), device(2)] },
      ],
    };
    expect(await impact()).toEqual(told);
    // Of very many the first are judged, and that is said.
    const integration = await integrationById(world.db, 'phq');
    if (integration === null) throw new Error('the integration is gone');
    const first = await heldImpact({ db: world.db, now: world.now }, integration, { most: 2 });
    expect(first).toMatchObject({ judged: 2, isWhole: false, stopping: 2 });
    expect((await api.call('GET', of('/held'))).body.impact).toBeUndefined();

    const passing = async () => {
      const found: string[] = [];
      for (const n of [1, 2, 3, 4, 5]) {
        const { body } = await api.call('GET', `/api/v2/device/lt-${n}/postures`);
        for (const { posture, state } of body.postures) if (state === 'passing') found.push(`lt-${n} ${posture}`);
      }
      return found;
    };
    const before = await passing();
    await api.call('POST', of('/accept?confirm=3'));
    await world.sync('hq');
    const after = new Set(await passing());
    expect(before.filter(line => !after.has(line)).sort()).toEqual(
      told.postures.flatMap(({ posture, examples }) => examples.map(each => `${each.device} ${posture}`)).sort(),
    );
  });

  it('says so where this version cannot read the policy in force: who would stop passing is not known', async () => {
    console.agents.clear();
    await world.sync('hq');
    const by = { actor: tester, origin: 'CONFIG_API', cause: 'test' } as const;
    await write(world.db, world.now, by, async ({ client, revision, at }) => {
      await insertPolicy(client, { revision, text: '{ "tomorrow": 1 }', hash: '', appliedAt: at, actor: tester });
    });
    expect((await api.call('GET', of('/held?impact=true'))).body.impact).toEqual({
      ...{ policy: expect.any(Number), isPolicyReadable: false, judged: 0, isWhole: false, stopping: 0, postures: [] },
    });
  });

  it('is judged as a whole where the console lists no agent any more', async () => {
    const postures = { 'posture:active': { conditions: ['fake:isActive == true'] } };
    await api.call('POST', '/api/v2/tailnet/-/acl', { postures, acls: [] });
    console.agents.clear();
    await world.sync('hq');
    const { body } = await api.call('GET', of('/held?impact=true'));
    expect(body.impact).toMatchObject({ judged: 5, stopping: 5, postures: [{ devices: 5 }] });
  });

  it('is judged for two readers at once, and no further where nobody waits', async () => {
    const postures = { 'posture:active': { conditions: ['fake:isActive == true'] } };
    await api.call('POST', '/api/v2/tailnet/-/acl', { postures, acls: [] });
    for (const id of ['1', '2', '3']) console.agents.delete(id);
    await world.sync('hq');
    const impact = () => api.call('GET', of('/held?impact=true'));
    const lock = await world.db.connect();
    await lock.query('begin');
    await lock.query('lock table withheld_values');
    const asked = [impact(), impact(), impact()];
    // Two wait for the lock, whichever.
    const refused = await Promise.race(asked);
    expect([refused.status, refused.body.message]).toEqual([503, '2 losses are being judged already']);
    await lock.query('rollback');
    lock.release();
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 200, 503]);
    expect((await impact()).status).toBe(200);
    const integration = await integrationById(world.db, 'phq');
    if (integration === null) throw new Error('the integration is gone');
    const look = () => {
      throw new Error('gone');
    };
    await expect(heldImpact(world, integration, { look })).rejects.toThrow('gone');
  });

  it('tells values, so it needs the scope for that too', async () => {
    const key = await api.keyFor('feature_settings:read');
    expect((await api.call('GET', of('/held'), undefined, { key })).status).toBe(403);
  });

  it('is accepted by the number that was shown, and by no other', async () => {
    for (const id of ['1', '2', '3']) console.agents.delete(id);
    await world.sync('hq');
    const refused = await api.call('POST', of('/accept?confirm=2'));
    expect([refused.status, refused.body.message]).toEqual([
      ...[409, 'confirm: 3 devices lose values by now, not 2; to accept it, confirm 3'],
    ]);
    const accepted = await api.call('POST', of('/accept?confirm=3'));
    expect([accepted.status, accepted.body.held.acceptedLosses]).toEqual([200, 3]);
    await world.sync('hq');
    expect(await held()).toEqual([200, [], null]);
  });
});
