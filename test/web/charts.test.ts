// Where charts put figures and times, and that nothing is drawn where nothing is known.
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/web/parts/charts/layout.ts';
import { figureScale, pathThrough, stacked, stretches, timeScale } from '../../src/web/parts/charts/scales.ts';
import { gridTimes } from '../../src/web/parts/charts/series.ts';

describe('a scale of figures', () => {
  it.each([
    [100_000, [0, 50_000, 100_000]],
    [95, [0, 50, 100]],
    [3, [0, 1, 2, 3]],
    [0, [0, 1]],
    [1, [0, 1]],
  ])('has round ticks up to %i', (max, ticks) => {
    expect(figureScale(max, 100, 0, 3).ticks).toEqual(ticks);
  });

  it('has ticks between whole figures where these are shares', () => {
    const scale = figureScale(1, 100, 0, 5, false);
    expect(scale.ticks.map(tick => Math.round(tick * 100))).toEqual([0, 20, 40, 60, 80, 100]);
    expect([scale(0), scale(1)]).toEqual([100, 0]);
  });
});

describe('a scale of times', () => {
  it('has few ticks, at round times', () => {
    const begin = Date.parse('2026-03-01T10:07:00Z');
    const { ticks } = timeScale(begin, begin + 86_400_000, 0, 600, 6);
    expect(ticks.length).toBeLessThanOrEqual(7);
    for (const tick of ticks) expect(new Date(tick).getMinutes()).toBe(0);
  });
});

describe('what is not known', () => {
  it('breaks a line into stretches', () => {
    expect(stretches([null, 1, 2, null, 3, null, null])).toEqual([
      { from: 1, to: 2 },
      { from: 4, to: 4 },
    ]);
    expect(stretches([null, null])).toEqual([]);
  });

  it('of one series leaves out the stack above it', () => {
    expect(
      stacked([
        [1, null, 2],
        [3, 4, 5],
      ]),
    ).toEqual([
      [1, null, 2],
      [4, null, 7],
    ]);
  });
});

describe('the layout of a chart', () => {
  const times = gridTimes('2026-03-01T00:00:00Z', 300_000, 288);
  const series = [
    { key: 'a', label: 'a', tone: 'good' as const, values: times.map(() => 60) },
    { key: 'b', label: 'b', tone: 'bad' as const, values: times.map(() => 50) },
  ];

  it('has room for the sum of a stack, and for the greatest of lines', () => {
    const of = (kind: 'stack' | 'lines') => layoutOf({ times, series, kind }, 600, 180, String);
    expect([of('stack').y.max >= 110, of('lines').y.max]).toEqual([true, 60]);
  });

  it('finds the time that is nearest to a place', () => {
    const layout = layoutOf({ times, series, kind: 'lines' }, 600, 180, String);
    for (const n of [0, 1, 140, 287]) expect(layout.nearest(layout.x(times[n] ?? 0) + 0.4)).toBe(n);
    expect([layout.nearest(-100), layout.nearest(10_000)]).toEqual([0, 287]);
  });

  it('draws a path through points', () => {
    expect(
      pathThrough([
        [0, 1],
        [2.04, 3],
      ]),
    ).toBe('M0,1L2,3');
  });
});
