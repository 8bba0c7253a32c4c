// Files of devices: what each form means, and that a bad line costs itself alone.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { readDeviceFile } from '../../src/cli/device-file.ts';

const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-files-'));
afterAll(() => rmSync(place, { recursive: true }));

async function all(lines: AsyncIterable<unknown>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

async function read(name: string, content: string | Buffer): Promise<unknown[]> {
  const file = path.join(place, name);
  writeFileSync(file, content);
  return await all(readDeviceFile(file, null, Readable.from([])));
}

/** In pieces of a few bytes, as a slow pipe gives them. */
async function readPipe(content: string): Promise<unknown[]> {
  const bytes = Buffer.from(content);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, i) => bytes.subarray(i * 3, i * 3 + 3));
  return await all(readDeviceFile('-', null, Readable.from(pieces)));
}

describe('csv', () => {
  test('columns in any order and case, lists by ;, a byte order mark, quotes, CRLF and blank lines', async () => {
    const lines = await read(
      'a.csv',
      '\ufeffTags,ID,serialnumbers,hostname\r\n"a; b",d1,S1;S2,"Anna\'s, ""big"" one"\r\n\r\n,d2,,\r\n',
    );
    expect(lines).toEqual([
      { line: 2, record: { id: 'd1', tags: ['a', 'b'], serialNumbers: ['S1', 'S2'], hostname: 'Anna\'s, "big" one' } },
      { line: 4, record: { id: 'd2' } },
    ]);
  });

  test('addresses and certificate fingerprints are lists, whose colons separate nothing', async () => {
    const lines = await read(
      'i.csv',
      'id,addresses,certificateFingerprints\nd1,2001:db8::1; 10.0.0.1,AB:CD\nd2,null,\n',
    );
    expect(lines).toEqual([
      { line: 2, record: { id: 'd1', addresses: ['2001:db8::1', '10.0.0.1'], certificateFingerprints: ['AB:CD'] } },
      { line: 3, record: { id: 'd2', addresses: null } },
    ]);
  });

  test('an empty cell keeps, the word null clears', async () => {
    expect(await read('b.csv', 'id,hostname,user,tags\nd1,,null,null\n')).toEqual([
      { line: 2, record: { id: 'd1', user: null, tags: null } },
    ]);
  });

  test('each bad line is told with its number, and the others are read', async () => {
    const lines = await read(
      'c.csv',
      Buffer.concat([
        Buffer.from('id,hostname\nd1,ok\nd2\nd3,"never closed\nd4,"x"y\nd5,'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from(`\nd6,${'x'.repeat(1024 * 1024)}\nd7,ok`),
      ]),
    );
    expect(lines).toEqual([
      { line: 2, record: { id: 'd1', hostname: 'ok' } },
      { line: 3, message: 'the line has 1 fields, the header 2' },
      { line: 4, message: 'a quoted field does not end in its line' },
      { line: 5, message: expect.stringContaining('a quote stands where none may') },
      { line: 6, message: 'the line is not UTF-8' },
      { line: 7, message: 'the line is longer than 1 MiB' },
      { line: 8, record: { id: 'd7', hostname: 'ok' } },
    ]);
  });

  test.each([
    ['', 'has no header'],
    ['hostname\nx\n', 'does not name id'],
    ['id,serial\n', 'names "serial"'],
    ['id,id\n', 'names a column twice'],
    ['id;hostname\n', 'is separated by ;'],
  ])('a header %j is refused', async (content, told) => {
    await expect(read('d.csv', content)).rejects.toThrow(told);
  });
});

describe('ndjson', () => {
  test('an object a line, blank lines passed over, null kept apart from absent', async () => {
    expect(await read('a.ndjson', '{"id":"d1","hostname":null}\n\n{"id":"d2"}')).toEqual([
      { line: 1, record: { id: 'd1', hostname: null } },
      { line: 3, record: { id: 'd2' } },
    ]);
  });

  test('a line that is no JSON or no UTF-8 is told with its number', async () => {
    const content = Buffer.concat([Buffer.from('{"id":"d1"}\n{nope\n"'), Buffer.from([0xff]), Buffer.from('"\n')]);
    expect(await read('b.ndjson', content)).toEqual([
      { line: 1, record: { id: 'd1' } },
      { line: 2, message: 'the line is not JSON' },
      { line: 3, message: 'the line is not UTF-8' },
    ]);
  });

  test('a JSON list is refused with the way to make lines of it', async () => {
    await expect(read('c.json', '[{"id":"d1"}]')).rejects.toThrow("jq -c '.[]'");
  });
});

test('what comes by a pipe is told apart by its beginning', async () => {
  expect(await readPipe('{"id":"ü1"}\n')).toEqual([{ line: 1, record: { id: 'ü1' } }]);
  expect(await readPipe('id,hostname\nü1,x\n')).toEqual([{ line: 2, record: { id: 'ü1', hostname: 'x' } }]);
});

test('a file that is not there, and one in UTF-16, are refused in a line', async () => {
  await expect(all(readDeviceFile(path.join(place, 'none.csv'), null, Readable.from([])))).rejects.toThrow(
    'cannot be read (ENOENT)',
  );
  await expect(read('u.csv', Buffer.from('\ufeffid\nd1\n', 'utf16le'))).rejects.toThrow('UTF-16');
});
