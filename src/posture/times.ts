// Times as they are stored and written: RFC 3339, or a date for its first moment in UTC. Read by hand, since this is on the
// way of each decision and Date.parse takes much that is no time. Pure.

const dayMs = 86_400_000;

/** A time more than this ahead of now is no evidence: a clock is wrong, and we do not know which. */
export const aheadMs = 5 * 60_000;

/** @returns n digits of a text as a number, or NaN */
function digits(text: string, from: number, n: number): number {
  let value = 0;
  for (let i = from; i < from + n; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    // False for NaN too, which is what there is behind the end.
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** @returns days since 1970-01-01 of a day that exists, or NaN */
function dayNumber(year: number, month: number, day: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const last = (monthDays[month - 1] ?? 0) + (month === 2 && isLeap ? 1 : 0);
  if (!(day >= 1 && day <= last)) return Number.NaN;
  // Years that begin in March put the leap day last: 400 of them have 146,097 days.
  const marchYear = month <= 2 ? year - 1 : year;
  const sinceMarch = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leaps = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leaps + sinceMarch - 719_468;
}

/**
 * @param text `2026-11-20T09:30:00.000Z`, with any number of decimals or none, with a zone as in `+01:00`; or `2026-11-20`
 * @returns milliseconds since 1970, or NaN where it is none of these or does not exist, as 30 February
 */
export function parseTime(text: string): number {
  if (text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d) return Number.NaN;
  const days = dayNumber(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2));
  if (text.length === 10) return days * dayMs;
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  const separator = text.charCodeAt(10) | 0x20;
  const isClock = separator === 0x74 && text.charCodeAt(13) === 0x3a && text.charCodeAt(16) === 0x3a;
  if (!isClock || !(hour <= 23 && minute <= 59 && second <= 59)) return Number.NaN;
  const clock = days * dayMs + hour * 3_600_000 + minute * 60_000 + second * 1_000;
  // The form that we store.
  if (text.length === 24 && text.charCodeAt(19) === 0x2e && text.charCodeAt(23) === 0x5a)
    return clock + digits(text, 20, 3);
  return clock + fractionAndZone(text.slice(19));
}

/** @returns what `.25`, `Z` and `+01:00` add, in whole milliseconds, or NaN */
function fractionAndZone(text: string): number {
  const found = /^(?:\.(\d{1,12}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/.exec(text);
  if (found === null) return Number.NaN;
  const [, decimals = '', sign, hours = '0', minutes = '0'] = found;
  if (Number(hours) > 23 || Number(minutes) > 59) return Number.NaN;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return Number(decimals.slice(0, 3).padEnd(3, '0')) - (sign === '-' ? -offsetMs : offsetMs);
}

/** @returns a time as it is shown, or null where there is none */
export function rfc3339(at: Date | null): string | null {
  return at?.toISOString() ?? null;
}
