// Sentences of the service taken apart: times and names from outside in them.
import { describe, expect, it } from 'vitest';
import { piecesOf, timeOf } from '../../src/web/parts/pieces.ts';
import { endTime, relativeTime, spanTime } from '../../src/web/parts/times.ts';

const told = (text: string, names: readonly string[] = []) =>
  piecesOf(text, names).map(piece => (piece.kind === 'text' ? piece.text : { [piece.kind]: piece.text }));

describe('a sentence', () => {
  it('has its times apart, and no word before them that would not go with an age', () => {
    expect(told('"hq" is paused until 2026-11-22T23:37:26Z: its credentials were refused.')).toEqual([
      '"hq" is paused ',
      { time: '2026-11-22T23:37:26Z' },
      ': its credentials were refused.',
    ]);
    expect(piecesOf('paused until 2026-11-22T23:37:26Z')[1]).toMatchObject({ kind: 'time', leading: 'until' });
    expect(told('applied by key-1 at 2026-11-22T23:37:26.123Z; nothing was applied')).toEqual([
      'applied by key-1 ',
      { time: '2026-11-22T23:37:26.123Z' },
      '; nothing was applied',
    ]);
    expect(told('since 2026-11-22T23:37:26+02:00')).toEqual(['since ', { time: '2026-11-22T23:37:26+02:00' }]);
  });

  it('keeps what is no time, and a time within a name', () => {
    for (const text of ['', 'nothing', '2026-11-22', '2026-99-22T23:37:26Z', 'x2026-11-22T23:37:26Zy'])
      expect(told(text)).toEqual(text === '' ? [] : [text]);
    const name = 'run until 2026-11-22T23:37:26Z';
    expect(told(`"${name}" fails`, [name])).toEqual(['"', { name }, '" fails']);
  });

  it('has names apart, the longer of two that begin alike, and each time that they stand in it', () => {
    expect(told('hq fails, hq-2 too, hq', ['hq', 'hq-2', ''])).toEqual([
      { name: 'hq' },
      ' fails, ',
      { name: 'hq-2' },
      ' too, ',
      { name: 'hq' },
    ]);
  });
});

describe('a value', () => {
  it('is a time only where it is nothing else', () => {
    expect(timeOf('2026-11-22T23:37:26Z')).toBe('2026-11-22T23:37:26Z');
    for (const value of ['at 2026-11-22T23:37:26Z', '2026-11-22T23:37:26Z.', '2026-11-22', '', 5, null, undefined])
      expect(timeOf(value)).toBeNull();
  });
});

describe('an end', () => {
  it.each([
    [23 * 3_600_000 + 5, 'for 23 hours more'],
    [60_000, 'for 1 minute more'],
    [400, 'for 1 second more'],
    [-3_600_000, 'until 1 hour ago'],
  ])('in %i ms is told as a span that is left', (ms, text) => {
    expect(endTime(ms)).toBe(text);
  });

  it('of what goes on is told as a span that has passed', () => {
    expect([-3 * 86_400_000, -500].map(spanTime)).toEqual(['for 3 days', 'for 1 second']);
  });
});

describe('an age', () => {
  it.each([
    [-7.99 * 3_600_000, '7 hours ago'],
    [7.99 * 3_600_000, 'in 8 hours'],
    [7.5 * 3_600_000, 'in 7 hours'],
    [59.99 * 60_000, 'in 1 hour'],
    [-59.99 * 60_000, '59 minutes ago'],
    [-3_000, 'just now'],
    [3_000, 'in a moment'],
  ])('of %i ms is told: %s', (ms, text) => {
    expect(relativeTime(ms)).toBe(text);
  });
});
