// Devices over HTTP: Tailscale's list, get and delete as its clients use them, what is ours beside them, and what is refused.
import { beforeEach, describe, expect, it } from 'vitest';
import { DeviceBody } from '../../src/api/devices-schema.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { basic } from '../support/http.ts';
import '../support/registered.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const all = '/api/v2/tailnet/-/devices';
const single = (id: string) => `/api/v2/device/${encodeURIComponent(id)}`;
const anna = {
  ...{ id: 'lt-1', hostname: 'ANNA-LT', user: 'anna@example.com', os: 'macOS', tags: ['laptop', 'tag:vip'] },
  ...{ serialNumbers: ['SER-1'], addresses: ['10.1.2.3'] },
};
const told = {
  ...{ id: 'lt-1', nodeId: 'lt-1', name: 'ANNA-LT', hostname: 'ANNA-LT', user: 'anna@example.com', os: 'macOS' },
  ...{ addresses: ['10.1.2.3'], tags: ['tag:laptop', 'tag:vip'], created: '2026-03-01T00:00:00.000Z' },
};

describe('devices', () => {
  let world: World;
  let api: TestApi;
  /** Ids of a list, with the query given. */
  const ids = async (query: string): Promise<string[]> => {
    const { status, body } = await api.call('GET', `${all}?${query}`);
    expect([status, body.message]).toEqual([200, undefined]);
    return body.devices.map(({ id }: { id: string }) => id);
  };

  beforeEach(async () => {
    world = await createWorld();
    api = await startApi({ database: world.database, now: world.now });
  });

  /** Three devices: one with values, one whose agent is not known, one without serial numbers. */
  async function three() {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true, 'fake:score': 7 } }));
    await world.devices(anna, { id: 'lt-2', serialNumbers: ['SER-2'], tags: ['laptop'] }, { id: 'srv-1', os: 'linux' });
    await world.sync('hq');
    return console;
  }

  it('are listed as Tailscale lists them, by Basic and Bearer, and each is got by its id', async () => {
    await three();
    const listed = await api.call('GET', all);
    expect(listed.headers.get('content-type')).toContain('application/json');
    expect(Object.keys(listed.body)).toEqual(['devices']);
    expect(listed.body.devices).toHaveLength(3);
    for (const device of listed.body.devices) expect(DeviceBody.strict().parse(device)).toEqual(device);
    const [first, , last] = listed.body.devices;
    expect(first).toEqual({ ...told, ...(first.lastSeen ? { lastSeen: first.lastSeen } : {}) });
    expect(last).toEqual({
      ...{ id: 'srv-1', nodeId: 'srv-1', name: 'srv-1', hostname: '', user: '', os: 'linux', addresses: [], tags: [] },
      created: '2026-03-01T00:00:00.000Z',
    });
    const headers = { authorization: basic(api.key) };
    expect((await api.call('GET', all, undefined, { headers })).body).toEqual(listed.body);
    expect((await api.call('GET', single('lt-1'))).body).toEqual(first);
    const gone = await api.call('GET', single('nope'));
    expect([gone.status, gone.body]).toEqual([404, { message: 'there is no device "nope"' }]);
  });

  it('show their posture identity with fields=all alone, and beside it why no agent speaks for them', async () => {
    await three();
    const { body } = await api.call('GET', `${all}?fields=all`);
    for (const device of body.devices) expect(DeviceBody.strict().parse(device)).toEqual(device);
    expect(body.devices.map(({ match }: { match: { reason: string } }) => match.reason)).toEqual([
      ...[null, 'no_agent', 'no_serial'],
    ]);
    const its = (await api.call('GET', `${single('lt-1')}?fields=all`)).body;
    expect(its).toEqual(body.devices[0]);
    expect(its.postureIdentity).toEqual({ serialNumbers: ['SER-1'] });
    expect((await api.call('GET', `${single('lt-1')}?fields=default`)).body).not.toHaveProperty('postureIdentity');
    await world.db.query('update settings set posture_identity_collection_on = false');
    expect((await api.call('GET', `${single('lt-1')}?fields=all`)).body).toMatchObject({
      ...{ postureIdentity: { disabled: true }, match: { reason: 'identity_collection_off' } },
    });
  });

  it('are found by any top-level field, exactly, and several fields or values must all be so', async () => {
    await three();
    const lastSeen = new Date('2026-02-28T12:00:00Z');
    await world.db.query("update agents set last_active_at = $1 where agent_id = '1'", [lastSeen]);
    for (const [query, found] of [
      ['hostname=ANNA-LT', ['lt-1']],
      ['hostname=anna-lt', []],
      ['hostname=ANNA', []],
      ['name=lt-2', ['lt-2']],
      ['hostname=', ['lt-2', 'srv-1']],
      ['tags=tag:laptop', ['lt-1', 'lt-2']],
      ['tags=tag:laptop&tags=tag:vip', ['lt-1']],
      ['tags=laptop&os=macOS', ['lt-1']],
      ['os=linux&tags=tag:laptop', []],
      ['id=lt-2', ['lt-2']],
      ['nodeId=lt-2', ['lt-2']],
      ['id=lt-2&nodeId=lt-1', []],
      ['user=anna%40example.com', ['lt-1']],
      ['addresses=10.1.2.3', ['lt-1']],
      ['addresses=::ffff:10.1.2.3', ['lt-1']],
      ['addresses=nonsense', []],
      ['created=2026-03-01T00:00:00Z', ['lt-1', 'lt-2', 'srv-1']],
      ['created=2026-03-01T01:00:00%2B01:00', ['lt-1', 'lt-2', 'srv-1']],
      ['created=2026-03-02T00:00:00Z', []],
      ['lastSeen=2026-02-28T12:00:00Z', ['lt-1']],
    ] as const)
      expect([query, await ids(query)]).toEqual([query, found]);
  });

  it('are found by values, by why no agent speaks for them, by problems and by text', async () => {
    await three();
    await world.devices({ id: 'twin', addresses: ['10.1.2.3'] });
    for (const [query, found] of [
      ['match=matched', ['lt-1']],
      ['match=unmatched', ['lt-2', 'srv-1', 'twin']],
      ['match=no_agent', ['lt-2']],
      ['match=no_serial&os=linux', ['srv-1']],
      ['problem=address_on_several_devices', ['lt-1', 'twin']],
      ['attribute=fake:isActive', ['lt-1']],
      ['attribute=fake:isActive=true', ['lt-1']],
      ['attribute=fake:isActive=false', []],
      ['attribute=!fake:isActive', ['lt-2', 'srv-1', 'twin']],
      ['attribute=fake:isActive=true&attribute=fake:score=7', ['lt-1']],
      ['attribute=fake:isActive=true&attribute=fake:score=8', []],
      ['attribute=custom:unknown=7', []],
      ['search=anna', ['lt-1']],
      ['search=ser-', ['lt-1', 'lt-2']],
      ['search=LT-', ['lt-1', 'lt-2']],
      ['search=%25', []],
      ['search=10.1.2', ['lt-1', 'twin']],
    ] as const)
      expect([query, await ids(query)]).toEqual([query, found]);
  });

  it('are found by how they stand in a posture, and by the condition that keeps them from it', async () => {
    await three();
    const text = '{"postures": {"posture:active": ["fake:isActive == true"]}}';
    await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text, ifRevision: null });
    await world.db.query(
      `insert into standings (device_id, posture, state, since, reasons, awaits_sweep, revision)
       values ('lt-1', 'posture:active', 'passing', $1, '[]', false, 1), ('lt-2', 'posture:active', 'unknown', $1, '[]', false, 1)`,
      [world.now()],
    );
    expect(await ids('posture=active')).toEqual(['lt-1']);
    expect(await ids('posture=posture:active&standing=unknown')).toEqual(['lt-2']);
    expect(await ids('posture=active&standing=failing')).toEqual([]);
    const kept = (posture: string, condition: string) =>
      `posture=${posture}&condition=${encodeURIComponent(condition)}`;
    await world.db.query(
      `update standings set reasons = '[{"posture": "posture:other", "condition": "fake:threats == 0", "unknown": null}, {"posture": "posture:active", "condition": "fake:isActive == true", "unknown": "unset"}]'
       where device_id = 'lt-2'`,
    );
    await world.db.query(
      `insert into standings (device_id, posture, state, since, reasons, awaits_sweep, revision)
       values ('srv-1', 'posture:active', 'failing', $1, '[{"condition": "fake:isActive == true", "unknown": null}]', false, 1)`,
      [world.now()],
    );
    expect(await ids(kept('active', 'fake:isActive == true'))).toEqual(['lt-2', 'srv-1']);
    expect(await ids(kept('active', 'fake:threats == 0'))).toEqual(['lt-2']);
    expect(await ids(kept('active', 'fake:threats'))).toEqual([]);
    expect(await ids(`${kept('active', 'fake:isActive == true')}&standing=failing`)).toEqual(['srv-1']);
    expect(await ids(`${kept('active', 'fake:isActive == true')}&standing=passing`)).toEqual([]);
    const unknown = await api.call('GET', `${all}?posture=nope`);
    expect([unknown.status, unknown.body.message]).toEqual([404, expect.stringContaining('posture:active')]);
  });

  it('come with their values where these are asked for', async () => {
    await three();
    const { body } = await api.call('GET', `${all}?attributes=true`);
    const values = body.devices.map(({ attributes }: { attributes: object }) => attributes);
    expect(values).toEqual([{ 'fake:isActive': true, 'fake:score': 7 }, {}, {}]);
    const one = (await api.call('GET', `${single('lt-1')}/attributes`)).body;
    expect(one).toMatchObject({ attributes: values[0], expiries: {} });
    expect((await api.call('GET', `${single('lt-1')}?attributes=true`)).body.attributes).toEqual(values[0]);
    expect((await api.call('GET', `${single('nope')}/attributes`)).status).toBe(404);
    const nodes = ['lt-1', 'nope', 'srv-1', 'lt-1'];
    const many = await api.call('POST', '/api/v2/tailnet/-/device-attributes/query', { nodes });
    const empty = { attributes: {}, expiries: {} };
    expect(many.body).toEqual({
      nodes: { 'lt-1': { ...empty, attributes: values[0] }, 'srv-1': empty },
      unknown: ['nope'],
    });
  });

  it('have values that administrators stated until these expire, also where nobody removed them yet', async () => {
    await three();
    const expiry = new Date(world.now().getTime() + 60_000).toISOString();
    await api.call('POST', `${single('lt-2')}/attributes/custom:loan`, { value: true, expiry });
    await api.call('POST', `${single('lt-2')}/attributes/custom:floor`, { value: 7 });
    const listed = async () => {
      const { attributes, expiries } = (await api.call('GET', `${all}?attributes=true`)).body.devices[1];
      return { attributes, expiries };
    };
    const whole = { attributes: { 'custom:loan': true, 'custom:floor': 7 }, expiries: { 'custom:loan': expiry } };
    expect(await listed()).toEqual(whole);
    expect(await ids('attribute=custom:loan=true&attribute=custom:floor=7')).toEqual(['lt-2']);
    world.pass(60_000);
    expect(await listed()).toEqual({ attributes: { 'custom:floor': 7 }, expiries: {} });
    for (const query of ['attribute=custom:loan', 'attribute=custom:loan=true']) expect(await ids(query)).toEqual([]);
    expect(await ids('attribute=!custom:loan')).toEqual(['lt-1', 'lt-2', 'srv-1']);
    const many = await api.call('POST', '/api/v2/tailnet/-/device-attributes/query', { nodes: ['lt-2'] });
    expect(many.body.nodes['lt-2']).toEqual(await listed());
  });

  it('come page by page, each once, also where others come and go between the pages', async () => {
    await world.devices(...Array.from({ length: 25 }, (_, i) => ({ id: `d${String(i).padStart(2, '0')}` })));
    const found: string[] = [];
    for (let cursor = ''; ; ) {
      const page = await api.call('GET', `${all}?limit=10${cursor}`);
      found.push(...page.body.devices.map(({ id }: { id: string }) => id));
      if (found.length === 10) {
        await api.call('DELETE', single('d09'));
        await world.devices({ id: 'd05a' }, { id: 'd11a' });
      }
      if (page.body.nextCursor === null) break;
      cursor = `&cursor=${page.body.nextCursor}`;
    }
    expect(found).toHaveLength(26);
    expect(new Set(found).size).toBe(26);
    expect(found).toEqual([...found].sort());
    expect(found).toContain('d11a');
    expect((await api.call('GET', `${all}?limit=25`)).body.devices).toHaveLength(25);
    const last = await api.call('GET', `${all}?limit=26`);
    expect([last.body.devices.length, last.body.nextCursor]).toEqual([26, null]);
  });

  it('come all without a limit, however many there are, in JSON that is whole', async () => {
    const none = await api.call('GET', all);
    expect(none.body).toEqual({ devices: [] });
    await world.devices(...Array.from({ length: 1_201 }, (_, i) => ({ id: `d${i}`, serialNumbers: [`SER-${i}`] })));
    const { devices } = (await api.call('GET', `${all}?fields=all&attributes=true`)).body;
    expect(new Set(devices.map(({ id }: { id: string }) => id)).size).toBe(1_201);
  });

  it('are not listed by what nobody knows, and what is wrong is named', async () => {
    for (const [query, status, message] of [
      ['authorized=true', 400, 'authorized: there is no such field'],
      ['colour=red', 400, 'colour: '],
      ['fields=some', 400, 'fields: '],
      ['limit=0', 400, 'limit: '],
      ['limit=ten', 400, 'limit: '],
      ['limit=1001', 400, 'limit: '],
      ['limit=1&limit=2', 400, 'limit: '],
      ['cursor=%20', 400, 'cursor: '],
      ['cursor=', 400, 'cursor: '],
      ['cursor=AA', 400, 'cursor: '],
      ['match=maybe', 400, 'match: '],
      ['problem=none', 400, 'problem: '],
      ['attribute=infected', 400, 'attribute: '],
      ['attribute=!fake:isActive=true', 400, 'attribute: '],
      ['attribute=sentinelOne:infected=yes', 400, 'attribute: sentinelOne:infected is true or false'],
      ['standing=passing', 400, 'standing: '],
      ['posture=active&standing=maybe', 400, 'standing: '],
      ['condition=fake:isActive', 400, 'condition: '],
      ['posture=active', 404, 'posture:active'],
      ['created=today', 400, 'created: '],
      ['lastSeen=2026-13-01T00:00:00Z', 400, 'lastSeen: '],
      ['hostname=a%00b', 400, 'hostname: '],
      ['tags=a&tags=a%00b', 400, 'tags.1: '],
      [`hostname=${'a'.repeat(600)}`, 400, 'hostname: '],
    ] as const) {
      const answer = await api.call('GET', `${all}?${query}`);
      expect([query, answer.status, answer.body]).toEqual([
        ...[query, status],
        { message: expect.stringContaining(message) },
      ]);
    }
  });

  it('need another scope for values, which is named and noted', async () => {
    await three();
    const key = await api.keyFor('devices:core:read');
    expect((await api.call('GET', `${all}?fields=all`, undefined, { key })).status).toBe(200);
    for (const path of [
      `${all}?attributes=true`,
      `${all}?attribute=fake:score`,
      `${all}?posture=x`,
      `${single('lt-1')}?attributes=true`,
      `${single('lt-1')}/explain`,
    ]) {
      const answer = await api.call('GET', path, undefined, { key });
      expect([answer.status, answer.body.message]).toEqual([
        403,
        expect.stringContaining('devices:posture_attributes'),
      ]);
    }
    await api.service.refusals.flush();
    const noted = await api.service.events('FAILED_REQUEST');
    expect(noted.filter(entry => JSON.stringify(entry).includes('devices:posture_attributes:read'))).toHaveLength(1);
  });
});
