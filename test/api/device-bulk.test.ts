// Many devices in one call: each line is answered, bad ones alone are rejected, and the command line does the same.
import { connect } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { importDevices } from '../../src/operations/device-import.ts';
import { type Answered, startApi, type TestApi } from '../support/api.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const bulk = '/api/v2/tailnet/-/devices/bulk';
const headers = { 'content-type': 'application/x-ndjson' };

describe('a bulk upsert of devices', () => {
  let world: World;
  let api: TestApi;
  const post = (text: string): Promise<Answered> => api.call('POST', bulk, text, { headers });
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  const linesOf = (answer: Answered): any[] => {
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    expect(answer.body.endsWith('\n')).toBe(true);
    return answer.body
      .trim()
      .split('\n')
      .map((line: string) => JSON.parse(line));
  };
  const groups = async () => new Set((await world.events('NODE')).map(({ eventGroupID }) => eventGroupID)).size;

  beforeEach(async () => {
    world = await createWorld();
    api = await startApi({ database: world.database, now: world.now });
  });

  it('answers each line in its order, rejects bad ones alone, and sums up at the end', async () => {
    await world.devices({ id: 'same', hostname: 'H' }, { id: 'other', hostname: 'H', os: 'linux' });
    const before = await groups();
    const given = [
      '{"id":"new","serialNumbers":["SER-1"]}',
      '',
      '{"id":"same","hostname":"H"}',
      'no json',
      '{"id":"other","hostname":null}',
      '{"id":"new","hostname":"twice"}',
      '{"id":"x","colour":"red"}',
      `{"id":"${'x'.repeat(1024 * 1024)}"}`,
      '{"id":"last"}',
    ];
    const lines = linesOf(await post(given.join('\r\n')));
    expect(lines).toEqual([
      { line: 1, id: 'new', outcome: 'created' },
      { line: 3, id: 'same', outcome: 'unchanged' },
      { line: 4, outcome: 'rejected', message: 'the line is not JSON' },
      { line: 5, id: 'other', outcome: 'changed' },
      { line: 6, id: 'new', outcome: 'changed' },
      { line: 7, outcome: 'rejected', message: expect.stringContaining('colour') },
      { line: 8, outcome: 'rejected', message: 'the line is longer than 1 MiB' },
      { line: 9, id: 'last', outcome: 'created' },
      { created: 2, changed: 2, unchanged: 1, rejected: 3 },
    ]);
    const { body } = await api.call('GET', '/api/v2/device/other');
    expect([body.hostname, body.os]).toEqual(['', 'linux']);
    expect((await groups()) - before).toBe(2);
    expect((await world.events('NODE.CREATE')).at(-1)?.actor.displayName).toBe('admin');
    await world.verify();
  });

  it('takes tens of thousands in one call, and changes nothing the second time', async () => {
    const text = Array.from({ length: 10_001 }, (_, i) => `{"id":"d${i}","serialNumbers":["SER-${i}"]}\n`).join('');
    const first = linesOf(await post(text));
    expect(first).toHaveLength(10_002);
    expect(first.slice(0, -1).map(({ line }) => line)).toEqual(Array.from({ length: 10_001 }, (_, i) => i + 1));
    expect(first.at(-1)).toEqual({ created: 10_001, changed: 0, unchanged: 0, rejected: 0 });
    const before = await groups();
    expect(linesOf(await post(text)).at(-1)).toEqual({ created: 0, changed: 0, unchanged: 10_001, rejected: 0 });
    expect(await groups()).toBe(before);
  });

  it('does what an import by command does', async () => {
    const records = [
      { id: 'a', serialNumbers: ['SER-1'] },
      { id: 'b', tags: 7 },
      { id: 'a', hostname: 'H' },
      { id: 'c' },
    ];
    const { created, changed, unchanged, rejected } = linesOf(
      await post(records.map(record => JSON.stringify(record)).join('\n')),
    ).at(-1);
    const other = await createWorld();
    const request = { db: other.db, now: other.now, actor: tester };
    const result = await importDevices(
      request,
      records.map((record, i) => ({ line: i + 1, record })),
    );
    expect({ created, changed, unchanged, rejectedTotal: rejected }).toEqual({
      ...{ created: result.created, changed: result.changed, unchanged: result.unchanged },
      rejectedTotal: result.rejectedTotal,
    });
    const told = async (from: World) => (await from.events('NODE')).map(each => [each.event, each.old, each.new]);
    expect(await told(world)).toEqual(await told(other));
  });

  it('is refused as another type, and takes nothing where nothing is sent', async () => {
    const json = await api.call('POST', bulk, { id: 'a' });
    expect([json.status, json.body.message]).toEqual([400, 'the body: it must be sent as application/x-ndjson']);
    expect((await api.call('POST', bulk)).status).toBe(400);
    expect((await api.call('POST', bulk, 'id,a', { headers: { 'content-type': 'text/csv' } })).status).toBe(415);
    expect((await api.call('POST', '/api/v2/tailnet/-/devices', '{"id":"a"}', { headers })).status).toBe(415);
    expect(linesOf(await post('\n'))).toEqual([{ created: 0, changed: 0, unchanged: 0, rejected: 0 }]);
    expect(await groups()).toBe(0);
  });

  it('that is cut on the way leaves what was written, and is not answered as done', async () => {
    const { hostname, port } = new URL(api.service.url);
    const socket = connect(Number(port), hostname);
    const head = [`POST ${bulk} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${api.key}`, 'Content-Length: 1000000'];
    const lines = Array.from({ length: 2_500 }, (_, i) => `{"id":"d${i}"}\n`).join('');
    socket.write(`${head.join('\r\n')}\r\nContent-Type: application/x-ndjson\r\n\r\n${lines}{"id":"hal`);
    const answer = await new Promise<string>(resolve => socket.once('data', data => resolve(String(data))));
    expect(answer).toContain('200 OK');
    socket.destroy();
    await expect.poll(() => api.lines.join('')).toContain('a bulk upsert of devices ended early');
    expect((await api.call('GET', '/api/v2/tailnet/-/devices')).body.devices).toHaveLength(2_000);
  });
});
