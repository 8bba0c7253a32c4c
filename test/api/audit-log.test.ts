// The configuration audit log over HTTP: Tailscale's operation with its filters, long answers, pages and lines.
import { beforeEach, describe, expect, it } from 'vitest';
import { write } from '../../src/store/write.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { runCommand } from '../support/cli.ts';
import { basic } from '../support/http.ts';
import { createWorld, minute, tester, type World } from '../support/world.ts';

const path = '/api/v2/tailnet/-/logging/configuration';
const window = { start: '2026-03-01T00:00:00Z', end: '2026-03-02T00:00:00Z' };
type Parameters = Record<string, string | string[]>;
const query = (parameters: Parameters) => {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    [value].flat().map((each): [string, string] => [name, each]),
  );
  return new URLSearchParams(pairs);
};

let world: World;
let api: TestApi;
const get = (parameters: Parameters = {}, headers: Record<string, string> = {}) =>
  api.call('GET', `${path}?${query({ ...window, ...parameters })}`, undefined, { headers });
const targets = async (parameters: Parameters) =>
  (await get(parameters)).body.logs.map(({ target }: { target: { id: string } }) => target.id);

beforeEach(async () => {
  world = await createWorld();
  await world.devices({ id: 'lt-1', serialNumbers: ['SER-1'], hostname: 'ANNA-LT' });
  world.pass(minute);
  await world.devices({ id: 'lt-2', serialNumbers: ['SER-2'] }, { id: 'server', serialNumbers: [] });
  world.pass(minute);
  api = await startApi({ database: world.database, now: world.now });
});

/** Adds so many entries, in one write. */
async function fill(count: number): Promise<void> {
  const by = { actor: { ...tester, id: 'u2', displayName: 'Bob Loud' }, origin: 'CONTROL', cause: 'test' } as const;
  await write(world.db, world.now, by, w =>
    w.events(
      `select 'NODE.UPDATE' as event, 'd' || g as target_id, null::text as target_name, null::jsonb as old,
         jsonb_build_object('text', repeat('ü', 200)) as new from generate_series(1, $1::int) g order by g`,
      [count],
    ),
  );
}

describe('the audit log', () => {
  it('answers in the shape of Tailscale, by Basic and Bearer', async () => {
    const created = await get({ end: '2026-03-01T00:00:00.000Z' });
    expect([created.status, created.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(created.body).toEqual({
      version: '1.1',
      tailnet: 'example.com',
      tailnetId: 'example.com',
      logs: [
        {
          eventTime: '2026-03-01T00:00:00.000Z',
          type: 'CONFIG',
          eventGroupID: '1',
          origin: 'CONFIG_API',
          actor: tester,
          target: { id: 'lt-1', name: 'ANNA-LT', type: 'NODE' },
          action: 'CREATE',
          new: expect.objectContaining({ hostname: 'ANNA-LT', serialNumbers: ['SER-1'] }),
          event: 'NODE.CREATE',
        },
      ],
    });
    const byBasic = await get({ end: '2026-03-01T00:00:00.000Z' }, { authorization: basic(api.key) });
    expect(byBasic.body).toEqual(created.body);
    const none = await get({ start: '2026-03-03T00:00:00+01:00', end: '2026-03-04T00:00:00Z' });
    expect(none.body).toMatchObject({ version: '1.1', logs: [] });
  });

  it('is found by time, actor, target and event, each of which may come several times', async () => {
    await fill(2);
    expect(await targets({ start: '2026-03-01T00:01:00Z', end: '2026-03-01T00:01:00Z' })).toEqual(['lt-2', 'server']);
    expect(await targets({ actor: 'test', event: 'NODE' })).toEqual(['lt-1', 'lt-2', 'server']);
    expect(await targets({ actor: ['~LOUD', 'nobody'] })).toEqual(['d1', 'd2']);
    expect(await targets({ actor: ['tes', '~%'] })).toEqual([]);
    expect(await targets({ target: ['anna', 'SERV'] })).toEqual(['lt-1', 'server']);
    expect(await targets({ event: 'NODE.UPDATE' })).toEqual(['d1', 'd2']);
    expect(await targets({ event: ['USER.CREATE', 'NODE.CREATE'], target: '2' })).toEqual(['lt-2']);
    expect(await targets({ event: 'WEB_INTERFACE.LOGIN' })).toEqual([]);
    expect(await targets({ actor: '', target: '', event: 'NODE' })).toHaveLength(5);
  });

  it('is the same by command line and by HTTP', async () => {
    await fill(3);
    const { body } = await get({ actor: ['~test'], target: 'lt', event: 'NODE' });
    const words = ['audit', '--since', window.start, '--until', window.end, '--actor', '~test', '--target', 'lt'];
    const said = await runCommand([...words, '--event', 'NODE', '--json'], { DATABASE_URL: world.database.url });
    expect([said.status, said.json()]).toEqual([0, body.logs]);
    expect(body.logs).toHaveLength(2);
  });

  it('comes whole and in order however long it is, as one document and as lines', async () => {
    await fill(5_000);
    const wanted = ['lt-1', 'lt-2', 'server', ...Array.from({ length: 5_000 }, (_, i) => `d${i + 1}`)];
    expect(await targets({ event: 'NODE' })).toEqual(wanted);
    const answer = await get({ event: 'NODE' }, { accept: 'application/x-ndjson' });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    const lines = answer.body
      .trimEnd()
      .split('\n')
      .map((line: string) => JSON.parse(line));
    expect(lines.map(({ target }: { target: { id: string } }) => target.id)).toEqual(wanted);
  });

  it('comes in pages that miss nothing and tell nothing twice, also where more is written meanwhile', async () => {
    await fill(20);
    const found: string[] = [];
    let cursor: string | null = null;
    for (let pages = 0; pages === 0 || cursor !== null; pages++) {
      const { body } = await get({ limit: '7', event: 'NODE', ...(cursor === null ? {} : { cursor }) });
      found.push(...body.logs.map(({ target }: { target: { id: string } }) => target.id));
      cursor = body.nextCursor;
      if (pages === 1) await world.devices({ id: 'late', serialNumbers: [] });
    }
    expect(found).toEqual(['lt-1', 'lt-2', 'server', ...Array.from({ length: 20 }, (_, i) => `d${i + 1}`), 'late']);
  });

  it.each<[string, string, Parameters]>([
    ['no start', 'start: ', { start: [] }],
    ['no end', 'end: ', { end: [] }],
    ['a start that is no time', 'start: expected a time such as', { start: 'yesterday' }],
    ['an end without a zone', 'end: expected a time such as', { end: '2026-03-01T00:00:00' }],
    ['an end before its start', 'the end lies before the start', { end: '2026-02-01T00:00:00Z' }],
    ['a code that is none', 'there is no event "NODE.UPDATE; DROP"', { event: 'node.update; drop' }],
    ['an unknown parameter', 'colour: there is no such field', { colour: 'red' }],
    ['a limit that is none', 'limit: ', { limit: '0' }],
    ['a cursor that is none', 'cursor: ', { limit: '5', cursor: 'x' }],
    ['a cursor that is none, without a limit', 'cursor: ', { cursor: 'x' }],
  ])('is refused to a question with %s', async (_, message, parameters) => {
    const { status, body } = await get(parameters);
    expect([status, body]).toEqual([400, { message: expect.stringContaining(message) }]);
  });
});
