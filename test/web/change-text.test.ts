// What changed of a device, as people read it.
import { describe, expect, it } from 'vitest';
import { changeText } from '../../src/web/pages/devices/change-text.ts';

describe('a value of the audit log', () => {
  it.each<[unknown, string]>([
    ['windows', 'windows'],
    [true, 'true'],
    [0, '0'],
    [null, '–'],
    [[], '–'],
    [{}, '–'],
    [['laptop', 'kiosk'], 'laptop, kiosk'],
    [{ 'custom:tier': '2026-12-24T12:00:00Z' }, 'custom:tier: 2026-12-24T12:00:00Z'],
    [
      [
        { condition: 'custom:tier IS SET', found: null, unknown: null },
        { condition: 'sentinelOne:infected == false', found: true, unknown: null },
      ],
      'custom:tier IS SET\nsentinelOne:infected == false',
    ],
  ])('%j is told as %s', (value, text) => expect(changeText(value)).toBe(text));
});
