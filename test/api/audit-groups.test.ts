// The audit log by writes: groups newest first, found by any filter and by several at once, their entries, menus, and files to keep.
import { beforeEach, describe, expect, it } from 'vitest';
import { eventCatalogue } from '../../src/posture/events.ts';
import { write } from '../../src/store/write.ts';
import { type Answered, startApi, type TestApi } from '../support/api.ts';
import { runCommand } from '../support/cli.ts';
import { createWorld, minute, tester, type World } from '../support/world.ts';

const path = '/api/v2/tailnet/-/logging/configuration';
type Parameters = Record<string, string | string[]>;
const query = (parameters: Parameters) =>
  new URLSearchParams(
    Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((each): [string, string] => [name, each])),
  );

let world: World;
let api: TestApi;
const bob = { ...tester, id: 'u2', loginName: 'bob', displayName: 'Bob Loud' };
const groups = (parameters: Parameters = {}) => api.call('GET', `${path}/groups?${query(parameters)}`);
const found = async (parameters: Parameters = {}): Promise<string[]> =>
  (await groups(parameters)).body.groups.map(({ eventGroupID }: { eventGroupID: string }) => eventGroupID);

/** One write by somebody, with so many entries of an event. @returns its group */
async function fill(event: string, count: number, actor: typeof bob = bob, prefix = 'd'): Promise<string> {
  const { revision } = await write(world.db, world.now, { actor, origin: 'CONTROL', cause: 'test' }, w =>
    w.events(
      `select $2::text as event, $3::text || g as target_id, 'Name of ' || $3 || g as target_name, '{"a": 1}'::jsonb as old,
         '{"a": 2}'::jsonb as new from generate_series(1, $1::int) g order by g`,
      [count, event, prefix],
    ),
  );
  world.pass(minute);
  return String(revision);
}

beforeEach(async () => {
  world = await createWorld();
  await world.devices({ id: 'lt-1', serialNumbers: ['SER-1'], hostname: 'ANNA-LT' });
  world.pass(minute);
  await world.devices({ id: 'lt-2', serialNumbers: ['SER-2'] }, { id: 'server', serialNumbers: [] });
  world.pass(minute);
  api = await startApi({ database: world.database, now: world.now });
});

describe('groups', () => {
  it('are the writes, newest first, each with who, when, how many entries and the first of them', async () => {
    const id = await fill('NODE.UPDATE', 5);
    const { body } = await groups({ event: 'NODE' });
    expect(body.nextCursor).toBeNull();
    expect(body.groups.map(({ eventGroupID }: { eventGroupID: string }) => eventGroupID)).toEqual([id, '2', '1']);
    expect(body.groups[0]).toEqual({
      eventGroupID: id,
      eventTime: '2026-03-01T00:02:00.000Z',
      actor: bob,
      cause: 'test',
      runId: null,
      entries: 5,
      logs: [1, 2, 3].map(n =>
        expect.objectContaining({ target: expect.objectContaining({ id: `d${n}` }), new: { a: 2 } }),
      ),
    });
  });

  it('are found by time, actor, target, id of a target, and event, each of which may come several times', async () => {
    const [one, two] = [await fill('NODE.UPDATE', 2), await fill('NODE.DELETE', 1, bob, 'x')];
    expect(await found({ start: '2026-03-01T00:01:00Z', end: '2026-03-01T00:01:00Z' })).toEqual(['2']);
    expect(await found({ actor: 'u2' })).toEqual([two, one]);
    expect(await found({ actor: '~loud' })).toEqual([two, one]);
    expect(await found({ actor: ['~nobody', 'test'], event: 'NODE' })).toEqual(['2', '1']);
    expect(await found({ target: ['anna', 'NAME OF X'] })).toEqual([two, '1']);
    expect(await found({ targetId: ['lt-1', 'd2'] })).toEqual([one, '1']);
    expect(await found({ targetId: 'd' })).toEqual([]);
    expect(await found({ event: 'NODE.UPDATE' })).toEqual([one]);
    expect(await found({ event: ['NODE.DELETE', 'NODE.CREATE'] })).toEqual([two, '2', '1']);
    expect(await found({ event: 'USER.CREATE' })).toEqual([]);
    expect(await found({ event: ['=NODE', '=NODE.DELETE'] })).toEqual([two]);
    // Several at once, in each order of the search.
    expect(await found({ actor: 'u2', event: 'NODE.DELETE' })).toEqual([two]);
    expect(await found({ actor: 'u2', target: 'd2' })).toEqual([one]);
    expect(await found({ event: 'NODE', target: 'server', actor: '~test' })).toEqual(['2']);
    expect(await found({ targetId: 'lt-1', target: 'server' })).toEqual([]);
    expect(await found({ targetId: 'd1', event: 'NODE.DELETE' })).toEqual([]);
    expect(await found({ targetId: 'd1', actor: 'test' })).toEqual([]);
    // Of a group only what was asked for is shown, and how much there is in all.
    const { body } = await groups({ target: 'server' });
    expect(body.groups[0]).toMatchObject({ entries: 2, logs: [{ target: { id: 'server' } }] });
  });

  it.each<[string, Parameters]>([
    ['nothing', {}],
    ['actor', { actor: 'u2' }],
    ['event', { event: 'NODE.UPDATE' }],
    ['part of a target', { target: 'd1' }],
    ['id of a target', { targetId: 'd1' }],
    ['actor and event', { actor: 'u2', event: 'NODE' }],
  ])('come in pages that miss nothing and tell nothing twice, filtered by %s', async (_, parameters) => {
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) ids.unshift(await fill('NODE.UPDATE', 2));
    // At one time: their order is that of their revisions.
    for (let n = 0; n < 4; n++) {
      ids.unshift(await fill('NODE.UPDATE', 2));
      world.pass(-minute);
    }
    const told: string[] = [];
    let cursor: string | null = null;
    do {
      const { body }: Answered = await groups({
        ...parameters,
        limit: '3',
        ...(cursor === null ? {} : { cursor }),
      });
      told.push(...body.groups.map((group: { eventGroupID: string }) => group.eventGroupID));
      cursor = body.nextCursor;
      if (told.length === 3) await fill('NODE.UPDATE', 2);
    } while (cursor !== null);
    expect(told.slice(0, 11)).toEqual(ids);
    expect(new Set(told).size).toBe(told.length);
  });

  it('that are rare are searched for piece by piece, and a page says how far that came', async () => {
    const rare = await fill('NODE.UPDATE', 1, bob, 'needle');
    for (let n = 0; n < 2; n++) await fill('NODE.UPDATE', 60_000);
    const first = await groups({ target: 'needle' });
    expect(first.body).toMatchObject({ groups: [], nextCursor: expect.any(String), searchedTo: expect.any(String) });
    const more: Answered[] = [first];
    while (more.at(-1)?.body.nextCursor) {
      const { nextCursor: cursor } = more.at(-1)?.body ?? {};
      more.push(await groups({ target: 'needle', cursor }));
    }
    const told = more
      .flatMap(({ body }) => body.groups)
      .map(({ eventGroupID }: { eventGroupID: string }) => eventGroupID);
    expect(told).toEqual([rare]);
    expect(more.at(-1)?.body).toMatchObject({ nextCursor: null, searchedTo: null });
  });

  it('go no further back than what is kept', async () => {
    await world.db.query("select audit_log_ensure_month('2026-02-01')");
    await world.db.query('drop table audit_log_2026_03');
    expect((await groups()).body).toEqual({ groups: [], nextCursor: null, searchedTo: null });
    expect((await api.call('GET', `${path}/groups/1`)).status).toBe(404);
  });
});

describe('a group', () => {
  it('has its entries in their order, page by page, also only those that are asked for', async () => {
    const id = await fill('NODE.UPDATE', 25);
    const told: string[] = [];
    let cursor: string | null = null;
    do {
      const more: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { body } = await api.call('GET', `${path}/groups/${id}?limit=10${more}`);
      expect(body.group).toMatchObject({ eventGroupID: id, entries: 25 });
      told.push(...body.logs.map(({ target }: { target: { id: string } }) => target.id));
      cursor = body.nextCursor;
    } while (cursor !== null);
    expect(told).toEqual(Array.from({ length: 25 }, (_, n) => `d${n + 1}`));
    const some = await api.call('GET', `${path}/groups/${id}?targetId=d7&targetId=d9`);
    expect(some.body.logs.map(({ target }: { target: { id: string } }) => target.id)).toEqual(['d7', 'd9']);
  });

  it.each(['999', 'x', '1e3', '-1', '99999999999999999999'])('is not there by the name %s', async name => {
    const { status, body } = await api.call('GET', `${path}/groups/${name}`);
    expect([status, body.message]).toEqual([404, expect.stringContaining('there is no group')]);
  });
});

describe('menus', () => {
  it('have every event, and everybody who stands in the log with when that was', async () => {
    await fill('NODE.UPDATE', 1);
    await fill('NODE.UPDATE', 1, { ...bob, displayName: 'Bob Renamed' });
    const { body } = await api.call('GET', `${path}/catalogue`);
    expect(body.events.map(({ event }: { event: string }) => event)).toEqual(Object.keys(eventCatalogue));
    expect(body.oldest).toBe('2026-03-01T00:00:00.000Z');
    const actors = body.actors as { id: string; displayName: string; lastAt: string }[];
    expect(actors.find(({ id }) => id === 'u2')).toMatchObject({
      displayName: 'Bob Renamed',
      lastAt: '2026-03-01T00:03:00.000Z',
    });
    expect(actors.map(({ id }) => id)).toContain('test');
  });
});

describe('a file', () => {
  const window = { start: '2026-03-01T00:00:00Z', end: '2026-03-02T00:00:00Z' };
  const file = (parameters: Parameters) => api.call('GET', `${path}?${query({ ...window, ...parameters })}`);

  it('is kept under a name of its days, as CSV, lines or a document', async () => {
    for (const [format, type] of [
      ['csv', 'text/csv; charset=utf-8'],
      ['ndjson', 'application/x-ndjson; charset=utf-8'],
      ['json', 'application/json; charset=utf-8'],
    ] as const) {
      const { status, headers } = await file({ format });
      expect([status, headers.get('content-type'), headers.get('content-disposition')]).toEqual([
        ...[200, type, `attachment; filename="audit-log-2026-03-01-2026-03-02.${format}"`],
      ]);
    }
    expect((await file({ format: 'csv', limit: '5' })).status).toBe(400);
  });

  it('as CSV has a line an entry, of what the filters find, and is the same by command line', async () => {
    const id = await fill('NODE.UPDATE', 2);
    const { body } = await file({ format: 'csv', targetId: 'd2' });
    expect(body.split('\r\n')).toEqual([
      'time,group,event,actor_id,actor_login,actor_name,origin,target_type,target_id,target_name,old,new,details,error',
      `2026-03-01T00:02:00.000Z,${id},NODE.UPDATE,u2,bob,Bob Loud,CONTROL,NODE,d2,Name of d2,"{""a"":1}","{""a"":2}",,`,
      '',
    ]);
    const words = ['audit', '--since', window.start, '--until', window.end, '--target-id', 'd2', '--csv'];
    const said = await runCommand(words, { DATABASE_URL: world.database.url });
    expect([said.status, said.stdout]).toEqual([0, body]);
  });

  it('has no cell that a spreadsheet takes for a formula', async () => {
    for (const prefix of ['=cmd|', '+1', '-1', '@SUM(', '\t=1', ' =1', '＝1'])
      await fill('NODE.UPDATE', 1, bob, prefix);
    const { body } = await file({ format: 'csv', event: 'NODE.UPDATE' });
    for (const line of body.trim().split('\r\n').slice(1)) expect(line).toMatch(/,NODE,"?'[\t ]?[=+\-@＝]/);
  });
});

describe('what is kept how long', () => {
  it('is told with who says so, and with the oldest entry of the log', async () => {
    const { status, body } = await api.call('GET', '/api/v2/tailnet/-/settings/retention');
    expect([status, body.retention[0]]).toEqual([
      200,
      {
        what: 'audit_log',
        keptMs: 400 * 86_400_000,
        newest: null,
        variable: 'AUDIT_RETENTION',
        oldest: '2026-03-01T00:00:00.000Z',
      },
    ]);
    expect(body.retention.map(({ what }: { what: string }) => what)).toHaveLength(5);
  });
});
