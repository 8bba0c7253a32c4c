// Changing devices over HTTP: create, replace, delete, serial numbers by hand, bindings, refetches; and that the command line does
// the same.
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DeviceBody } from '../../src/api/devices-schema.ts';
import type { AuditEntry } from '../../src/posture/events.ts';
import { type Answered, startApi, type TestApi } from '../support/api.ts';
import { createInstallation, type Installation } from '../support/cli.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { startWorkers } from '../support/refetching.ts';
import '../support/registered.ts';
import { createWorld, type World } from '../support/world.ts';

const all = '/api/v2/tailnet/-/devices';
const single = (id: string) => `/api/v2/device/${encodeURIComponent(id)}`;

describe('a device', () => {
  let world: World;
  let api: TestApi;
  const events = async (): Promise<AuditEntry[]> =>
    (await world.events()).filter(({ event }) => !event.startsWith('API_KEY'));
  const revision = async () => (await world.db.query('select revision from head')).rows[0].revision;
  const put = async (path: string, body?: unknown): Promise<Answered> => {
    const answer = await api.call('PUT', path, body);
    expect([answer.status, answer.body.message]).toEqual([200, undefined]);
    expect(DeviceBody.strict().parse(answer.body)).toEqual(answer.body);
    return answer;
  };

  beforeEach(async () => {
    world = await createWorld();
    api = await startApi({ database: world.database, now: world.now });
  });
  afterEach(() => world.verify());

  it('is created with the values of its agent, replaced, deleted, and then 404; each is one event group of who asked', async () => {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true } }));
    await world.sync('hq');
    const before = (await events()).length;
    const created = await api.call('POST', all, {
      id: 'lt-1',
      hostname: 'ANNA',
      serialNumbers: ['ser-1'],
      os: 'macOS',
    });
    expect(created.body).toMatchObject({ id: 'lt-1', os: 'macOS', match: { state: 'matched' } });
    expect((await api.call('GET', single('lt-1'))).body.hostname).toBe('ANNA');
    expect((await api.call('GET', `${single('lt-1')}/attributes`)).body.attributes).toEqual({ 'fake:isActive': true });
    const replaced = await put(single('lt-1'), { hostname: 'ANNA-2', addresses: ['10.0.0.1'] });
    expect(replaced.body).toMatchObject({ hostname: 'ANNA-2', os: '', addresses: ['10.0.0.1'] });
    expect(replaced.body).toMatchObject({ postureIdentity: { serialNumbers: [] }, match: { reason: 'no_serial' } });
    expect((await api.call('GET', `${single('lt-1')}/attributes`)).body.attributes).toEqual({});
    const at = await revision();
    await put(single('lt-1'), { id: 'lt-1', hostname: 'ANNA-2', addresses: ['10.0.0.1'] });
    expect(await revision()).toBe(at);
    const deleted = await api.call('DELETE', single('lt-1'));
    expect([deleted.status, deleted.body]).toEqual([200, '']);
    for (const method of ['GET', 'DELETE']) expect((await api.call(method, single('lt-1'))).status).toBe(404);
    const told = (await events()).slice(before);
    expect(new Set(told.map(({ eventGroupID }) => eventGroupID)).size).toBe(3);
    for (const { actor, origin } of told)
      expect([actor.type, actor.displayName, origin]).toEqual(['OAUTH_CLIENT', 'admin', 'CONFIG_API']);
  });

  it('is created once, however many create it at once', async () => {
    const record = (i: number) => ({ id: 'lt-1', hostname: `host-${i}` });
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => api.call('POST', all, record(i))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
    const winner = answers.find(({ status }) => status === 200);
    expect((await api.call('GET', single('lt-1'))).body.hostname).toBe(winner?.body.hostname);
    expect(await events()).toHaveLength(1);
  });

  it('has any id that a device may have, also in paths', async () => {
    for (const id of ['a/b', 'a b%2F?#', 'ä', '✓'.repeat(128), 'x'.repeat(128), 'attributes', '-']) {
      expect((await api.call('POST', all, { id })).status).toBe(200);
      expect((await api.call('GET', single(id))).body.id).toBe(id);
      expect((await api.call('GET', `${single(id)}/attributes`)).body).toMatchObject({ attributes: {}, expiries: {} });
      expect((await api.call('DELETE', single(id))).status).toBe(200);
    }
  });

  it('has its serial numbers set by hand, which is told, and not those that another one holds by hand', async () => {
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] }, { id: 'b' });
    const { body } = await put(`${single('a')}/serials`, { serialNumbers: ['SER-9'] });
    expect(body.postureIdentity).toEqual({ serialNumbers: ['SER-9'] });
    expect(body.serials).toEqual([
      { serial: 'SER-9', source: 'manual', problem: null },
      { serial: 'SER-1', source: 'reported', problem: 'replaced_by_manual' },
    ]);
    const refused = await api.call('PUT', `${single('b')}/serials`, { serialNumbers: ['ser-9'] });
    expect([refused.status, refused.body.message]).toEqual([409, expect.stringContaining('"a"')]);
    expect(await world.events('NODE.REFUSE.POSTURE_IDENTITY')).toHaveLength(1);
    expect((await put(`${single('a')}/serials`, { serialNumbers: [] })).body.postureIdentity.serialNumbers).toEqual([
      'SER-1',
    ]);
  });

  it('has an agent bound to it and taken away again, from it alone', async () => {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true } }));
    await world.sync('hq');
    await world.devices({ id: 'a' }, { id: 'b' });
    const agent = (id: string) => `${single(id)}/agents/1`;
    expect((await put(`${agent('a')}?integration=hq`)).body.match.state).toBe('matched');
    const elsewhere = await api.call('DELETE', agent('b'));
    expect([elsewhere.status, elsewhere.body.message]).toEqual([409, 'agent "1" is bound to device "a"']);
    expect((await api.call('DELETE', agent('a'))).body.match).toMatchObject({ state: 'unmatched' });
    const again = await api.call('DELETE', agent('a'));
    expect([again.status, (await world.events('NODE.BIND')).length]).toEqual([200, 2]);
    for (const path of [`${single('a')}/agents/nope`, `${agent('a')}?integration=nope`, agent('nope')])
      expect((await api.call('PUT', path)).status).toBe(404);
  });

  it('has its agents read again at once, and is told what came, or that it takes longer', async () => {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true } }));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    await world.sync('hq');
    world.pass(60_000);
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': false } }));
    const early = await api.call('POST', `${single('a')}/refetch?wait=0`);
    expect([early.status, early.body]).toMatchObject([202, { device: 'a', state: 'waiting', finishedAt: null }]);
    startWorkers(world);
    const done = await api.call('POST', `${single('a')}/refetch?wait=20`);
    expect([done.status, done.body]).toMatchObject([200, { id: early.body.id, state: 'done' }]);
    const [answer] = done.body.integrations;
    expect(answer).toMatchObject({ outcome: 'read', agents: 1, new: { 'fake:isActive': false } });
    const path = `${single('a')}/refetch/${early.body.id}`;
    expect((await api.call('GET', path)).body).toEqual(done.body);
    const key = await api.keyFor('devices:core');
    const bare = (await api.call('GET', path, undefined, { key })).body;
    expect(bare.integrations).toEqual([{ ...answer, old: null, new: null }]);
    await world.devices({ id: 'b' });
    for (const missing of [`${single('b')}/refetch/${early.body.id}`, `${single('a')}/refetch/99999`])
      expect((await api.call('GET', missing)).status).toBe(404);
    expect((await api.call('POST', `${single('nope')}/refetch`)).status).toBe(404);
  });

  it('is refused with anything that it cannot have, which is named, and nothing is written', async () => {
    await world.devices({ id: 'a' });
    const before = await revision();
    const deep = '['.repeat(50_000) + ']'.repeat(50_000);
    for (const [method, path, body, message] of [
      ['POST', all, undefined, 'the body: '],
      ['POST', all, [], 'the body: '],
      ['POST', all, '{"id":', 'JSON'],
      ['POST', all, {}, 'id: it is missing'],
      ['POST', all, { id: 7 }, 'id: expected a string'],
      ['POST', all, { id: ' x' }, 'id: '],
      ['POST', all, { id: 'x'.repeat(129) }, 'id: '],
      ['POST', all, { id: 'x', colour: 'red' }, 'colour: there is no such field'],
      ['POST', all, { id: 'x', hostname: 'a\0b' }, 'hostname: '],
      ['POST', all, { id: 'x', hostname: '\ud800' }, 'hostname: is not valid Unicode'],
      ['POST', all, { id: 'x', addresses: ['10.0.0.0/8'] }, 'addresses.0: '],
      ['POST', all, { id: 'x', certificateFingerprints: ['zz'] }, 'certificateFingerprints.0: '],
      ['POST', all, { id: 'x', serialNumbers: 'SER-1' }, 'serialNumbers: expected a list'],
      ['POST', all, { id: 'x', tags: [null] }, 'tags.0: '],
      ['POST', all, `{"id":"x","tags":${deep}}`, 'tags.0: '],
      ['PUT', single('a'), { id: 'b' }, 'id: '],
      ['PUT', single('a'), { os: 7 }, 'os: '],
      ['PUT', `${single('a')}/serials`, {}, 'serialNumbers: it is missing'],
      ['PUT', `${single('a')}/serials`, { serialNumbers: ['Default string'] }, 'placeholder'],
      ['PUT', `${single('a')}/agents/a%00b`, undefined, 'agentId: '],
      ['GET', '/api/v2/device/a%00b', undefined, 'deviceId: '],
      ['GET', '/api/v2/device/%ff', undefined, '%ff'],
      ['POST', `${single('a')}/refetch?wait=99`, undefined, 'wait: '],
      ['GET', `${single('a')}/refetch/x`, undefined, 'refetchId: '],
      ['GET', `${single('a')}/refetch/9999999999999999999999`, undefined, 'refetchId: '],
      ['POST', '/api/v2/tailnet/-/device-attributes/query', { nodes: Array(1_001).fill('a') }, 'nodes: '],
      ['POST', '/api/v2/tailnet/-/device-attributes/query', { nodes: ['a\0b'] }, 'nodes.0: '],
    ] as const) {
      const answer = await api.call(method, path, body);
      expect([method, path, answer.status, answer.body]).toEqual([
        ...[method, path, 400],
        { message: expect.stringContaining(message) },
      ]);
    }
    expect((await api.call('POST', all, { id: 'x', hostname: 'a'.repeat(2_000_000) })).status).toBe(413);
    expect(await revision()).toBe(before);
  });
});

describe('by command line and by HTTP', () => {
  let it_: Installation;
  let api: TestApi;
  const ran = async (...words: string[]) => {
    const result = await it_.run([...words, '--json']);
    expect([words, result.status, result.stderr]).toEqual([words, 0, expect.any(String)]);
    return result.json();
  };
  const asked = async (method: string, path: string, body?: unknown) => {
    const answer = await api.call(method, path, body);
    expect([path, answer.status]).toEqual([path, 200]);
    return answer.body;
  };
  /** Without what tells the two apart: which device it is, who asked and when. */
  const same = (value: unknown, id: string) => JSON.parse(JSON.stringify(value).replaceAll(id, 'ID'));
  const eventsOf = async (id: string) => {
    const { rows } = await it_.database.pool.query(
      `select event, target_name, old, new, origin from audit_log where target_id = $1 order by revision`,
      [id],
    );
    return same(rows, id);
  };

  beforeEach(async () => {
    it_ = await createInstallation({ agents: 4 });
    onTestFinished(() => it_.close());
    api = await startApi({ database: it_.database });
  });

  it('devices are listed, explained and changed the same', async () => {
    await it_.addHq();
    await ran('sync');
    await ran('device', 'import', '--from-agents');
    const [agent] = await ran('device', 'list');
    for (const [words, query] of [
      [[], ''],
      [['--match', 'matched'], 'match=matched'],
      [['--match', 'no_serial'], 'match=no_serial'],
      [['--search', String(agent?.hostname)], `search=${agent?.hostname}`],
      [['--attribute', 'sentinelOne:infected=false'], 'attribute=sentinelOne:infected=false'],
      [['--tag', 'laptop'], 'tags=tag:laptop'],
    ] as const) {
      const listed = (await ran('device', 'list', ...words)).map(({ id, match }) => [id, match]);
      const { devices } = await asked('GET', `${all}?fields=all&${query}`);
      expect(devices.map(({ id, match }: Record<string, unknown>) => [id, match])).toEqual(listed);
    }
    const id = String(agent?.id);
    expect([await asked('GET', `${single(id)}/explain`)]).toEqual(await ran('explain', id));
    const add = ['--hostname', 'H', '--serial', 'SER-77', '--user', 'u', '--os', 'o', '--tag', 't'];
    const record = { hostname: 'H', user: 'u', os: 'o', tags: ['t'] };
    await ran('device', 'add', 'by-hand', ...add);
    await asked('POST', all, { id: 'by-http', ...record, serialNumbers: ['SER-78'] });
    await ran('device', 'serials', 'by-hand', 'SER-88');
    await asked('PUT', `${single('by-http')}/serials`, { serialNumbers: ['SER-99'] });
    const agentId = String((await asked('GET', `${single(id)}/explain`)).agents[0].id);
    for (const device of ['by-hand', 'by-http'] as const) {
      const path = `${single(device)}/agents/${agentId}`;
      if (device === 'by-hand') {
        await ran('device', 'bind', device, agentId);
        await ran('device', 'bind', device, agentId, '--undo');
        await ran('device', 'remove', device, '--yes');
      } else {
        await asked('PUT', path);
        await asked('DELETE', path);
        await asked('DELETE', single(device));
      }
    }
    const [hand, http] = [await eventsOf('by-hand'), await eventsOf('by-http')];
    expect(hand.length).toBe(7);
    expect(JSON.parse(JSON.stringify(http).replaceAll('SER-99', 'SER-88').replaceAll('SER-78', 'SER-77'))).toEqual(
      hand,
    );
  });
});
