// The history of a device's attributes over HTTP: what changed when and by whom, page by page, and the values over a time.
import { beforeEach, describe, expect, it } from 'vitest';
import { deleteAttribute, patchAttributes, setAttribute } from '../../src/operations/attributes.ts';
import { removeDevice } from '../../src/operations/devices.ts';
import { attributeChanges, attributeSeries } from '../../src/store/attribute-history.ts';
import type { Queryable } from '../../src/store/client.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { runCommand } from '../support/cli.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const of = (device: string, query = '') => `/api/v2/device/${device}/attributes/history${query}`;

interface Change {
  at: string;
  key: string;
  old: unknown;
  new: unknown;
  revision: number;
}

describe('the history of the attributes of a device', () => {
  let world: World;
  let api: TestApi;
  let console: FakeConsole;
  const request = () => ({ db: world.db, now: world.now, actor: tester });
  const start = new Date('2026-03-01T00:00:00.000Z').getTime();
  const at = (minutes: number) => new Date(start + minutes * minute).toISOString();
  const steps = async (query = '', device = 'a') => {
    const { status, body } = await api.call('GET', of(device, query));
    return status === 200
      ? body.changes.map((each: Change) => [each.at, each.key, each.old, each.new])
      : [status, body];
  };

  /** Values at minutes 1, 2 and 4, one stated at 3 and deleted at 5. */
  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    const agent = (values: Record<string, boolean | number | string>) =>
      console.set(fakeAgent('1', 'SER-1', { values }));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] }, { id: 'b' });
    agent({ 'fake:isActive': true, 'fake:threats': 0 });
    await world.sync('hq');
    agent({ 'fake:isActive': true, 'fake:threats': 2 });
    await world.sync('hq');
    world.pass(minute);
    const expiry = at(600);
    await setAttribute(request(), 'a', 'custom:tier', { value: 'gold', expiry, comment: 'ticket 4711' });
    agent({ 'fake:isActive': false });
    await world.sync('hq');
    world.pass(minute);
    await deleteAttribute(request(), 'a', 'custom:tier');
    api = await startApi({ database: world.database, now: world.now });
  });

  const all = [
    [at(5), 'custom:tier', 'gold', null],
    [at(4), 'fake:isActive', true, false],
    [at(4), 'fake:threats', 2, null],
    [at(3), 'custom:tier', null, 'gold'],
    [at(2), 'fake:threats', 0, 2],
    [at(1), 'fake:isActive', null, true],
    [at(1), 'fake:threats', null, 0],
  ];

  it('has every change, newest first, with old and new value, and who and what made it', async () => {
    expect(await steps()).toEqual(all);
    const { body } = await api.call('GET', of('a'));
    expect(body.nextCursor).toBeNull();
    const [, swept, , stated] = body.changes;
    const log = await world.events('NODE');
    const entry = log.find(({ new: now }) => (now as Record<string, unknown> | undefined)?.['custom:tier'] === 'gold');
    expect(stated).toEqual({
      ...{ at: at(3), key: 'custom:tier', old: null, new: 'gold', expiresAt: at(600), source: 'custom' },
      ...{ integration: null, run: null, cause: 'attribute set', comment: 'ticket 4711', origin: 'CONFIG_API' },
      ...{ event: 'NODE.CREATE.ATTRIBUTES', actor: tester },
      ...{ eventGroupID: entry?.eventGroupID, revision: Number(entry?.eventGroupID) },
    });
    expect(swept).toMatchObject({
      ...{ source: 'fake', integration: 'hq', run: 3, cause: 'sync', comment: null, expiresAt: null },
      actor: { id: 'posture-sync', type: 'AUTOMATED_WORKER' },
    });
  });

  it('is found by key and time, both ends inclusive', async () => {
    const only = (...indexes: number[]) => indexes.map(i => all[i]);
    expect(await steps('?key=fake:threats')).toEqual(only(2, 4, 6));
    expect(await steps('?key=fake:threats&key=custom:tier')).toEqual(only(0, 2, 3, 4, 6));
    expect(await steps('?key=fake:other')).toEqual([]);
    expect(await steps(`?since=${at(2)}&until=${at(4)}`)).toEqual(only(1, 2, 3, 4));
    expect(await steps('?since=61s')).toEqual(only(0, 1, 2));
  });

  it.each([1, 2, 3, 7, 100])('comes in pages of %i, each change once, whatever is written meanwhile', async limit => {
    const found: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const next = cursor === '' ? '' : `&cursor=${cursor}`;
      const { status, body } = await api.call('GET', of('a', `?limit=${limit}${next}`));
      expect(status).toBe(200);
      found.push(...body.changes.map((each: Change) => [each.at, each.key, each.old, each.new]));
      cursor = body.nextCursor;
      await setAttribute(request(), 'a', 'custom:later', { value: found.length });
    }
    expect(found).toEqual(all);
  });

  it('has an entry where only the end of a value changed, and tells of no other device', async () => {
    await setAttribute(request(), 'b', 'custom:tier', { value: 'gold' });
    await setAttribute(request(), 'b', 'custom:tier', { value: 'gold', expiry: at(60) });
    const { body } = await api.call('GET', of('b'));
    const told = body.changes.map((each: Change & { expiresAt: string }) => [each.old, each.new, each.expiresAt]);
    expect(told).toEqual([
      ['gold', 'gold', at(60)],
      [null, 'gold', null],
    ]);
  });

  it('comes whole where somebody asks for what stands beside the values, which is none', async () => {
    for (let n = 0; n < 5; n++) await setAttribute(request(), 'b', 'custom:other', { value: n, expiry: at(60 + n) });
    await setAttribute(request(), 'b', 'custom:tier', { value: 'gold' });
    const { body } = await api.call('GET', of('b', '?key=expiries&key=custom:tier&limit=2'));
    expect(body.changes.map(({ key }: Change) => key)).toEqual(['custom:tier']);
    await setAttribute(request(), 'b', 'custom:tier', { value: 'silver' });
    for (let n = 0; n < 5; n++) await setAttribute(request(), 'b', 'custom:other', { value: n, expiry: at(80 + n) });
    expect((await steps('?key=expiries&key=custom:tier&limit=2', 'b')).map(([, , , to]: unknown[]) => to)).toEqual([
      'silver',
      'gold',
    ]);
    expect(await steps('?key=expiries', 'b')).toEqual([]);
  });

  it('is kept of a device that is gone, and none is made up of one that never was', async () => {
    world.pass(minute);
    await removeDevice(request(), 'a');
    expect(await steps()).toEqual([[at(6), 'fake:isActive', false, null], ...all]);
    const { body } = await api.call('GET', of('a', '?key=fake:isActive&limit=1'));
    expect(body.changes[0]).toMatchObject({ cause: 'device remove', actor: tester, event: 'NODE.DELETE.ATTRIBUTES' });
    await world.devices({ id: 'empty' });
    expect(await steps('', 'empty')).toEqual([]);
    const message = 'there is no device "nope", and the audit log knows none of that id';
    expect(await steps('', 'nope')).toEqual([404, { message }]);
    expect((await api.call('GET', of('nope', '/series'))).status).toBe(404);
  });

  it('is printed by the command as it is told over HTTP', async () => {
    const run = async (...words: string[]) => {
      return await runCommand(['attribute', 'history', 'a', ...words], { DATABASE_URL: world.database.url });
    };
    const told = async (query = '') => (await api.call('GET', of('a', query))).body.changes;
    expect((await run('--json')).json()).toEqual(await told());
    expect((await run('--json', '--key', 'fake:threats', '--key', 'custom:tier', '--last', '2')).json()).toEqual(
      await told('?key=fake:threats&key=custom:tier&limit=2'),
    );
    const range = ['--since', at(2), '--until', at(3)];
    expect((await run('--json', ...range)).json()).toEqual(await told(`?since=${at(2)}&until=${at(3)}`));
    expect((await run(...range)).stdout.split('\n')).toEqual([
      `2026-03-01T00:03:00Z  custom:tier: not set -> gold until ${at(600)}  test (attribute set)  ticket 4711`,
      '2026-03-01T00:02:00Z  fake:threats: 0 -> 2  posture-sync (sync of hq)',
      '',
    ]);
    expect((await run('--since', 'soon')).status).toBe(2);
  });

  it.each([
    ['?cursor=x', 'cursor: it must be a nextCursor that this list gave out'],
    ['?cursor=', 'cursor: it must be a nextCursor that this list gave out'],
    [`?cursor=${Buffer.from('[9e15,1,1,"a"]').toString('base64url')}`, 'cursor: '],
    [`?cursor=${Buffer.from('[1,1,1,"\\u0000"]').toString('base64url')}`, 'cursor: '],
    ['?since=yesterday', 'since: "yesterday" is no time'],
    ['?until=2026-13-01', 'until: "2026-13-01" is no time that there is'],
    ['?since=2026-03-02&until=2026-03-01', 'since: it lies after until'],
    ['?limit=1001', 'limit: '],
    ['/series?limit=5', 'limit: there is no such field'],
    ['/series?since=2050-01-01', 'since: it lies after until'],
  ])('%s is refused by the field', async (query, message) => {
    const { status, body } = await api.call('GET', of('a', query));
    expect([status, body.message]).toEqual([400, expect.stringContaining(message)]);
  });

  describe('as values over a time', () => {
    const series = async (query: string, device = 'a') => (await api.call('GET', of(device, `/series${query}`))).body;

    it('begins with what held then, and goes on with what followed', async () => {
      const body = await series(`?since=${at(2)}&until=${at(4)}`);
      expect(body).toEqual({
        ...{ since: at(2), until: at(4) },
        series: {
          'custom:tier': { start: null, changes: [{ at: at(3), value: 'gold' }] },
          'fake:isActive': { start: true, changes: [{ at: at(4), value: false }] },
          'fake:threats': {
            start: 0,
            changes: [
              { at: at(2), value: 2 },
              { at: at(4), value: null },
            ],
          },
        },
      });
      expect((await series(`?key=fake:isActive&since=${at(2)}&until=${at(3)}`)).series).toEqual({
        'fake:isActive': { start: true, changes: [] },
      });
    });

    it('is of the last 30 days where nothing is said, and leaves out what was set at no time of it', async () => {
      const body = await series('');
      expect([body.until, body.since]).toEqual([at(5), new Date(start + 5 * minute - 720 * hour).toISOString()]);
      expect(Object.keys(body.series)).toEqual(['custom:tier', 'fake:isActive', 'fake:threats']);
      expect((await series(`?since=${at(5)}`)).series).toEqual({
        'custom:tier': { start: 'gold', changes: [{ at: at(5), value: null }] },
        'fake:isActive': { start: false, changes: [] },
      });
      expect((await series('', 'b')).series).toEqual({});
    });

    it('needs nothing of the log that is older: what held is known from what is now', async () => {
      await world.db.query('alter table audit_log_2026_03 disable trigger all');
      await world.db.query('delete from audit_log_2026_03 where event_time < $1', [at(4)]);
      expect((await series(`?since=${at(4)}`)).series).toMatchObject({
        'custom:tier': { start: 'gold' },
        'fake:isActive': { start: true },
        'fake:threats': { start: 2 },
      });
    });

    it('says from when on it is whole where there is too much of it', async () => {
      world.pass(minute);
      const values = Array.from({ length: 5_200 }, (_, i) => i);
      // As that many writes would leave it, a second apart.
      await world.db.query(
        `insert into audit_log (revision, n, event_time, event, origin, actor, target_type, target_id, action, target_property, old, new)
         select 1000 + i, 1, $2::timestamptz + i * interval '1 ms', 'NODE.UPDATE.ATTRIBUTES', 'CONTROL', '{}', 'NODE', 'a', 'UPDATE', 'ATTRIBUTES',
           jsonb_build_object('custom:n', i), jsonb_build_object('custom:n', i + 1) from unnest($1::int[]) i`,
        [values, at(6)],
      );
      await patchAttributes(request(), { nodes: { b: { 'custom:n': { value: 1 } } } });
      const body = await series(`?since=${at(0)}&until=${at(60)}`);
      expect(body.since).toBe(new Date(start + 6 * minute + 200).toISOString());
      expect(body.series['custom:n'].changes).toHaveLength(5_000);
      expect(body.series['custom:n'].start).toBe(200);
      expect(body.series['fake:isActive']).toEqual({ start: false, changes: [] });
    });
  });
});

interface PlanNode {
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: PlanNode[];
}

describe('in a log of many devices', () => {
  /** @returns how many rows of the log a plan looked at */
  const looked = (node: PlanNode): number => {
    const below = (node.Plans ?? []).reduce((sum, each) => sum + looked(each), 0);
    if (!node['Relation Name']?.startsWith('audit_log')) return below;
    const { 'Rows Removed by Filter': filtered = 0, 'Rows Removed by Index Recheck': rechecked = 0 } = node;
    return below + (node['Actual Rows'] + filtered + rechecked) * node['Actual Loops'];
  };

  it('only the entries of the device are looked at, in whichever month', async () => {
    const { db } = await createWorld();
    for (const month of ['2026-01-01', '2026-02-01', '2026-03-01']) {
      await db.query('select audit_log_ensure_month($1)', [month]);
      await db.query(
        `insert into audit_log (revision, n, event_time, event, origin, actor, target_type, target_id, action, target_property, old, new)
         select i, 1, $1::timestamptz + i * interval '30 s', 'NODE.UPDATE.ATTRIBUTES', 'CONTROL', '{}', 'NODE', case when i = 500 then 'rare' else 'd' || i % 2000 end,
           'UPDATE', 'ATTRIBUTES', '{"fake:threats": 1}', '{"fake:threats": 2}' from generate_series(1, 40000) i`,
        [month],
      );
    }
    await db.query('analyze audit_log');
    let plan: PlanNode | undefined;
    const explaining = {
      query: async (text: string, parameters: unknown[]) => {
        const { rows } = await db.query(`explain (analyze, format json) ${text}`, parameters);
        plan = rows[0]['QUERY PLAN'][0].Plan;
        return { rows: [{ changes: [], entries: 0 }] };
      },
    } as unknown as Queryable;
    const found: [string, number | undefined][] = [];
    for (const device of ['d7', 'rare', 'nobody'])
      for (const keys of [null, ['fake:threats'], ['fake:other']])
        for (const most of [2, 101]) {
          const filter = { device, keys, since: null, until: null };
          await attributeChanges(explaining, filter, null, most);
          found.push([`${device} ${keys} ${most}`, plan && looked(plan)]);
        }
    const [since, until] = [new Date('2026-01-15T00:00:00Z'), new Date('2026-03-15T00:00:00Z')];
    await attributeSeries(explaining, { device: 'd7', keys: null, since, until }, 5_000);
    found.push(['series', plan && looked(plan)]);
    // Each device has 60 entries.
    expect(found.filter(([, rows]) => rows === undefined || rows > 60)).toEqual([]);
  });
});
