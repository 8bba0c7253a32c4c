// How commands write: tables, ages, progress on a terminal and elsewhere, and text that must not steer a terminal.
import { Readable, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { fields, printable, roughly, sayText, table, timeAndAge } from '../../src/cli/output.ts';
import { pace, startProgress } from '../../src/cli/progress.ts';
import type { Surroundings } from '../../src/cli/surroundings.ts';
import { readConfig } from '../../src/config.ts';

test('tables are aligned, numbers to the right, nothing is a dash', () => {
  expect(
    table(
      ['NAME', 'N', ''],
      [
        ['a', 5, 'x'],
        ['long', 123, null],
      ],
    ),
  ).toEqual(['NAME    N', 'a       5  x', 'long  123  -']);
});

test('names and values are aligned; what has no value is left out', () => {
  expect(
    fields([
      ['a', 1],
      ['long', null],
      ['bb', 'x'],
    ]),
  ).toEqual(['a:  1', 'bb: x']);
});

test.each([
  [0, '0s'],
  [59_400, '59s'],
  [60_000, '1m'],
  [3_600_000, '1h'],
  [7_500_000, '2h 5m'],
  [86_400_000 * 12, '12d'],
])('%i ms are about %s', (ms, text) => expect(roughly(ms)).toBe(text));

test('times are RFC 3339 with their age', () => {
  const now = new Date('2026-11-20T16:05:00Z');
  expect(timeAndAge('2026-11-20T16:00:00.123Z', now)).toBe('2026-11-20T16:00:00Z (5m ago)');
  expect(timeAndAge(new Date('2026-11-20T17:05:00Z'), now)).toBe('2026-11-20T17:05:00Z (in 1h)');
  expect(timeAndAge(null, now)).toBeNull();
});

test('text of others cannot steer the terminal', () => {
  expect(printable('a\u001b[2Jb\nc\u202e')).toBe('a\ufffd[2Jb\ufffdc\ufffd');
});

test.each([
  ['a terminal without what would steer it', true, '\ta\ufffd[2J\r\n\ufffdb\n'],
  ['a pipe as it is', false, '\ta\u001b[2J\r\n\rb\n'],
])('a text of many lines goes to %s', async (_, isTTY, expected) => {
  let written = '';
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      done();
    },
  });
  const to = { stdout: Object.assign(stdout, { isTTY }), stop: new AbortController().signal };
  await sayText(to as unknown as Surroundings, '\ta\u001b[2J\r\n\rb\n');
  expect(written).toBe(expected);
});

describe('progress', () => {
  function progressOn(isTTY: boolean) {
    const written: string[] = [];
    let ms = 0;
    const stderr = Object.assign(
      new Writable({ write: (chunk, _, done) => done(written.push(String(chunk)) ? null : undefined) }),
      {
        isTTY,
        columns: 40,
      },
    );
    const surroundings: Surroundings = {
      config: async () => readConfig({}),
      configurationDocuments: async () => [],
      stdin: Readable.from([]),
      stdout: new Writable(),
      stderr,
      user: 'anna',
      stop: new AbortController().signal,
      program: '',
      tellParent: () => {},
    };
    const progress = startProgress(surroundings, () => ms);
    return { progress, pass: (by: number) => (ms += by), text: () => written.join('') };
  }

  test('is one line that overwrites itself on a terminal, cut to its width, and taken away at the end', () => {
    const { progress, pass, text } = progressOn(true);
    progress.show('one');
    progress.show('too soon');
    pass(200);
    progress.show('x'.repeat(100));
    progress.end();
    expect(text()).toBe(`\r\u001b[Kone\r\u001b[K${'x'.repeat(39)}\r\u001b[K`);
  });

  test('is a plain line at most every 5 seconds elsewhere, and none for quick work', () => {
    const { progress, pass, text } = progressOn(false);
    for (let second = 0; second < 12; second++) {
      progress.show(`second ${second}`);
      pass(1_000);
    }
    progress.end();
    expect(text()).toBe('second 5\nsecond 10\n');
  });

  test('tells pages, count, rate and time left', () => {
    expect(pace({ pages: 3, count: 3_000, total: 9_000, what: 'agents' }, 2_000)).toBe(
      '3 pages, 3000 of 9000 agents, 1500/s, 4s left',
    );
    expect(pace({ count: 5, total: null, what: 'devices' }, 0)).toBe('5 devices');
  });
});
