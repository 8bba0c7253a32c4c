// Times as texts.
import { describe, expect, it } from 'vitest';
import { parseTime } from '../../src/posture/times.ts';
import { seeded } from '../support/random.ts';

describe('a time', () => {
  it.each([
    ['as it is stored', '2026-11-20T09:30:00.250Z', '2026-11-20T09:30:00.250Z'],
    ['without decimals', '2026-11-20T09:30:00Z', '2026-11-20T09:30:00.000Z'],
    ['with one decimal', '2026-11-20T09:30:00.5Z', '2026-11-20T09:30:00.500Z'],
    ['with nine decimals', '2026-11-20T09:30:00.123456789Z', '2026-11-20T09:30:00.123Z'],
    ['in small letters', '2026-11-20t09:30:00z', '2026-11-20T09:30:00.000Z'],
    ['east of Greenwich', '2026-11-20T01:30:00.000+02:00', '2026-11-19T23:30:00.000Z'],
    ['west of Greenwich', '2026-11-20T09:30:00-05:30', '2026-11-20T15:00:00.000Z'],
    ['as a date', '2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['on a leap day', '2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['on a leap day of a full century', '2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
    ['of the year 1', '0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ])('%s is read', (_, text, iso) => expect(new Date(parseTime(text)).toISOString()).toBe(iso));

  it.each([
    ['empty', ''],
    ['a word', 'yesterday'],
    ['a number', '1763631000'],
    ['without a zone', '2026-11-20T09:30:00'],
    ['without seconds', '2026-11-20T09:30Z'],
    ['with a space', '2026-11-20 09:30:00Z'],
    ['of a month that does not exist', '2026-13-01T00:00:00Z'],
    ['of a day that does not exist', '2026-02-30T00:00:00Z'],
    ['of a leap day that does not exist', '2100-02-29T00:00:00Z'],
    ['of day 0', '2026-01-00'],
    ['of an hour that does not exist', '2026-11-20T24:00:00Z'],
    ['of a zone that does not exist', '2026-11-20T09:30:00+99:00'],
    ['with something behind it', '2026-11-20T09:30:00.000Z '],
    ['with something behind its date', '2026-11-20 '],
    ['with a comma', '2026-11-20T09:30:00,5Z'],
    ['of a year with five digits', '+012026-11-20T09:30:00Z'],
    ['with digits of another script', '２０２６-11-20'],
  ])('%s is none', (_, text) => expect(parseTime(text)).toBeNaN());

  it('is read as Date reads it, for 20,000 random times', () =>
    seeded(3, random => {
      for (let i = 0; i < 20_000; i++) {
        const ms = Math.floor(random.next() * 253_402_300_800_000 * 1.02) - 62_135_596_800_000 * random.below(2);
        const iso = new Date(Math.min(ms, 253_402_300_799_999)).toISOString();
        if (parseTime(iso) !== Date.parse(iso)) expect(parseTime(iso), iso).toBe(Date.parse(iso));
      }
    }));
});
