// The table of devices over HTTP: searched, filtered, in order and page by page to and fro, and as CSV.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { sampleOverview } from '../../src/operations/overview-history.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { inForce, openKeeper } from '../support/standings.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const table = '/api/v2/tailnet/-/devices/table';
let world: World;
let hq: FakeConsole;
let api: TestApi;
const get = async (query: string) => (await api.call('GET', `${table}?${query}`)).body;
const ids = (body: { devices: { id: string }[] }) => body.devices.map(({ id }) => id);
const found = async (query: string) => ids(await get(`sort=id&${query}`));

beforeEach(async () => {
  world = await createWorld();
  hq = await world.integration('hq');
  await world.devices(
    { id: 'a', hostname: 'ÄNNE-LT', serialNumbers: ['SER-1'], user: 'anna@example.com', tags: ['laptop'] },
    {
      id: 'b',
      hostname: 'bob-lt',
      serialNumbers: ['VMware-56 4d 5b d6 51 bc f0 9b-4b e9 b2 ef e2 b6 00 a5'],
      user: 'bob@example.com',
    },
    { id: 'c', serialNumbers: ['To Be Filled By O.E.M.'], addresses: ['10.1.2.3'] },
    { id: 'd', hostname: '=cmd|"A1", or', user: 'عمر' },
  );
  hq.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true, 'fake:score': 47, 'fake:mode': 'Protect' } }));
  hq.set(fakeAgent('2', 'VMWARE-564D5BD651BCF09B-4BE9B2EFE2B600A5', { values: { 'fake:isActive': false } }));
  await world.sync('hq');
  api = await startApi({ database: world.database, now: world.now });
});

describe('the table of devices', () => {
  it('is searched by parts of names, users, serial numbers and addresses, in capitals or not, and by whole values', async () => {
    for (const [search, expected] of [
      ['änne', ['a']],
      ['ÄNNE', ['a']],
      ['EXAMPLE.com', ['a', 'b']],
      ['ser-', ['a']],
      ['56 4d 5b', ['b']],
      ['10.1.2', ['c']],
      ['عمر', ['d']],
      ['protect', ['a']],
      ['47', ['a']],
      ['4', ['b']],
      ['Prot', []],
      ['%', []],
      ['serial', []],
      ["'", []],
      ['"', ['d']],
      ['\\', []],
    ] as const)
      expect([search, await found(`search=${encodeURIComponent(search)}`)]).toEqual([search, expected]);
    const key = await api.keyFor('devices:core:read');
    const without = await api.call('GET', `${table}?search=protect`, undefined, { key });
    expect([without.status, ids(without.body)]).toEqual([200, []]);
    expect((await api.call('GET', `${table}?column=fake:mode`, undefined, { key })).status).toBe(403);
    expect((await api.call('GET', `${table}?column=postures`, undefined, { key })).status).toBe(403);
  });

  it('is filtered by identity as in Tailscale, by integration, by how old values are, and by why nobody speaks', async () => {
    for (const [query, expected] of [
      ['postureIdentity=has-posture-identity', ['a', 'b']],
      ['postureIdentity=empty-posture-identity', ['c']],
      ['postureIdentity=not-collected', ['d']],
      ['postureIdentity=not-enabled', []],
      ['integration=hq', ['a', 'b']],
      ['integration=phq', ['a', 'b']],
      ['match=placeholder_serial', ['c']],
      ['match=no_serial', ['d']],
      ['match=no_agent', []],
      ['freshness=fresh', ['a', 'b']],
      ['freshness=stale', []],
      ['freshness=none', ['c', 'd']],
      ['tags=tag:laptop', ['a']],
      ['attribute=fake:isActive=false', ['b']],
      ['attribute=fake:isActive=false&search=bob', ['b']],
    ] as const)
      expect([query, await found(query)]).toEqual([query, expected]);
    world.pass(2 * hour);
    expect(await found('freshness=stale')).toEqual(['a', 'b']);
    expect(await found('freshness=fresh&freshWithin=3h')).toEqual(['a', 'b']);
    const [line] = (await get('id=a&column=freshness&column=postureIdentity')).devices;
    expect(line.freshness.state).toBe('stale');
    expect(line.postureIdentity).toBe('has-posture-identity');
    const wrong = await api.call('GET', `${table}?freshWithin=soon`);
    expect([wrong.status, wrong.body.message]).toEqual([400, expect.stringContaining('freshWithin')]);
    await api.call('PATCH', '/api/v2/tailnet/-/settings', { postureIdentityCollectionOn: false });
    expect(await found('postureIdentity=not-enabled')).toEqual(['a', 'b', 'c', 'd']);
    expect(await found('postureIdentity=has-posture-identity')).toEqual([]);
  });

  it('calls fresh what the interval of the service says while no worker has said any, and then what that says', async () => {
    const often = await startApi({
      database: world.database,
      now: world.now,
      syncIntervalMs: 2 * minute,
      key: api.key,
    });
    const state = async (of: TestApi) =>
      (await of.call('GET', `${table}?id=a&column=freshness`)).body.devices[0].freshness.state;
    world.pass(7 * minute);
    expect([await state(often), await state(api)]).toEqual(['stale', 'fresh']);
    await sampleOverview({ db: world.db, now: world.now }, 15 * minute);
    expect([await state(often), await state(api)]).toEqual(['fresh', 'fresh']);
  });

  it('says beside postures whether a worker judges devices now, and when one looked last', async () => {
    const keeper = await openKeeper(world);
    await inForce(world, { 'posture:calm': ['fake:isActive'] });
    const judged = async () => (await get('id=a&column=postures')).judged;
    expect(await judged()).toEqual({ at: null, hasWorker: true });
    await keeper.judge();
    const at = world.now().toISOString();
    expect(await judged()).toEqual({ at, hasWorker: true });
    await keeper.end();
    world.pass(minute);
    await vi.waitUntil(async () => !(await judged()).hasWorker, { timeout: 60_000, interval: 20 });
    expect(await judged()).toEqual({ at, hasWorker: false });
    expect(await get('id=a&column=user')).not.toHaveProperty('judged');
    const { asOf } = (await api.call('GET', '/api/v2/tailnet/-/postures')).body;
    expect(asOf).toMatchObject({ at, hasWorker: false });
  });

  it('tells of every reason just the devices that are told to have it', async () => {
    for (const reason of [
      'no_agent',
      'no_serial',
      'placeholder_serial',
      'serial_on_several_devices',
      'gone',
      'expired',
    ]) {
      const told = (await get('sort=id&column=match')).devices.filter(
        ({ match }: { match: { reason: string } }) => match.reason === reason,
      );
      expect([reason, await found(`match=${reason}`)]).toEqual([reason, ids({ devices: told })]);
    }
  });

  it('has the columns that were chosen and no others', async () => {
    const text = '{"postures": {"posture:active": ["fake:isActive == true"]}}';
    await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text, ifRevision: null });
    await world.db.query(
      `insert into standings (device_id, posture, state, since, reasons, awaits_sweep, revision)
       values ('a', 'posture:active', 'passing', $1, '[]', false, 1)`,
      [world.now()],
    );
    expect((await get('id=a')).devices).toEqual([{ id: 'a', name: 'ÄNNE-LT' }]);
    const columns = ['user', 'tags', 'serials', 'match', 'postures', 'fake:score', 'fake:unknown'];
    expect((await get(`id=a&${columns.map(name => `column=${name}`).join('&')}`)).devices).toEqual([
      {
        ...{ id: 'a', name: 'ÄNNE-LT', user: 'anna@example.com', tags: ['tag:laptop'] },
        serials: [{ serial: 'SER-1', source: 'reported', problem: null }],
        match: { state: 'matched', reason: null, explanation: null },
        postures: [{ posture: 'posture:active', state: 'passing' }],
        attributes: { 'fake:score': 47 },
      },
    ]);
    const wrong = await api.call('GET', `${table}?column=colour`);
    expect([wrong.status, wrong.body.message]).toEqual([400, expect.stringContaining('column: ')]);
  });

  it('comes in every order, to and fro, each device once', async () => {
    const hosts = ['zeta', 'Alpha', 'beta', 'alpha', null, 'Beta', 'omega'];
    for (const [i, hostname] of hosts.entries()) {
      world.pass(hour);
      await world.devices({ id: `n${i}`, hostname, user: i % 2 === 0 ? `user${i % 3}` : null });
    }
    const all = await found('');
    for (const order of ['name', 'id', 'user', 'created', 'lastSeen'])
      for (const sort of [order, `-${order}`])
        for (const filter of ['', '&match=unmatched']) {
          const whole = ids(await get(`sort=${sort}${filter}`));
          expect([...whole].sort()).toEqual(filter === '' ? all : all.filter(id => id !== 'a' && id !== 'b'));
          const there: string[][] = [];
          const back: string[][] = [];
          let page = await get(`sort=${sort}&limit=3${filter}`);
          expect(page.previousCursor).toBeNull();
          for (; ; page = await get(`sort=${sort}&limit=3${filter}&cursor=${page.nextCursor}`)) {
            there.push(ids(page));
            if (page.nextCursor === null) break;
          }
          for (; page.previousCursor !== null; ) {
            page = await get(`sort=${sort}&limit=3${filter}&cursor=${page.previousCursor}`);
            back.unshift(ids(page));
          }
          expect([sort, there.flat()]).toEqual([sort, whole]);
          expect([sort, [...back, there.at(-1)].flat()]).toEqual([sort, whole]);
        }
    expect(ids(await get('sort=name&search=a&limit=4'))).toEqual(expect.arrayContaining(['n1', 'n3']));
    const named = ids(await get('sort=name'));
    expect(named.indexOf('n1')).toBeLessThan(named.indexOf('n2'));
    const mixed = await get('sort=name&limit=1');
    expect((await api.call('GET', `${table}?sort=created&cursor=${mixed.nextCursor}`)).status).toBe(400);
  });

  it('goes to and fro also by devices that were last seen in 1970 or before, as some providers say of what never was', async () => {
    const times = [
      '0001-01-01T00:00:00Z',
      '1969-12-31T23:59:59.999Z',
      '1970-01-01T00:00:00Z',
      '1970-01-01T00:00:00.001Z',
    ];
    for (const [i, time] of times.entries()) {
      await world.devices({ id: `old${i}`, serialNumbers: [`OLD-${i}`] });
      hq.set(fakeAgent(`old${i}`, `OLD-${i}`, { lastActiveAt: new Date(time) }));
    }
    await world.sync('hq');
    for (const sort of ['lastSeen', '-lastSeen']) {
      const whole = ids(await get(`sort=${sort}`));
      const order = ['c', 'd', 'old0', 'old1', 'old2', 'old3'];
      expect(whole.filter(id => order.includes(id))).toEqual(sort === 'lastSeen' ? order : order.toReversed());
      const there: string[] = [];
      const back: string[] = [];
      let page = await get(`sort=${sort}&limit=1`);
      for (there.push(...ids(page)); page.nextCursor !== null && there.length < 20; there.push(...ids(page)))
        page = await get(`sort=${sort}&limit=1&cursor=${page.nextCursor}`);
      expect([sort, there]).toEqual([sort, whole]);
      for (back.push(...ids(page)); page.previousCursor !== null && back.length < 20; back.unshift(...ids(page)))
        page = await get(`sort=${sort}&limit=1&cursor=${page.previousCursor}`);
      expect([sort, back]).toEqual([sort, whole]);
    }
  });

  it('says how many there are', async () => {
    expect((await get('limit=1')).total).toEqual({ devices: 4, isExact: true });
    expect((await get('limit=1&match=unmatched')).total).toEqual({ devices: 2, isExact: true });
    expect((await get('limit=1&search=zzzz')).total).toEqual({ devices: 0, isExact: true });
  });

  it('says that there are more than it counts, and pages through them all the same', async () => {
    await world.db.query(
      `insert into devices (id, hostname, created_at, updated_at) select 'x' || n, 'host' || n, $1, $1 from generate_series(1, 5100) n`,
      [world.now()],
    );
    const first = await get('search=host&limit=1000');
    expect(first.total).toEqual({ devices: 5_000, isExact: false });
    const second = await get(`search=host&limit=1000&cursor=${first.nextCursor}`);
    expect(new Set([...ids(first), ...ids(second)]).size).toBe(2_000);
    expect((await get('limit=1')).total).toEqual({ devices: 5_104, isExact: true });
  });

  it('is exported as CSV in which no cell is a formula', async () => {
    await api.call('POST', '/api/v2/device/d/attributes/custom:note', { value: 'B2' });
    const path = '/api/v2/tailnet/-/devices/csv?sort=id&column=user&column=tags&column=match&column=custom:note';
    const answer = await api.call('GET', path);
    expect(answer.headers.get('content-type')).toContain('text/csv');
    expect(answer.headers.get('content-disposition')).toContain('devices.csv');
    expect(answer.body.split('\r\n')).toEqual([
      'id,name,user,tags,match,custom:note',
      'a,ÄNNE-LT,anna@example.com,tag:laptop,matched,',
      'b,bob-lt,bob@example.com,,matched,',
      'c,c,,,placeholder_serial,',
      `d,"'=cmd|""A1"", or",عمر,,no_serial,B2`,
      '',
    ]);
    await world.devices(...Array.from({ length: 1_100 }, (_, i) => ({ id: `m${i}` })));
    const lines = (await api.call('GET', '/api/v2/tailnet/-/devices/csv')).body.trim().split('\r\n');
    expect(new Set(lines).size).toBe(1_105);
  });
});
