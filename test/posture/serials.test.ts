// Serial numbers in all their spellings: what counts as the same, what as none.
import { beforeAll, describe, expect, it } from 'vitest';
import {
  canonicalIdentifiers,
  canonicalSerial,
  isPlaceholderShape,
  serialSpellings,
  shippedPlaceholders,
} from '../../src/posture/serials.ts';
import { isPlaceholder as isPlaceholderIn } from '../../src/store/match.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { type Random, seeded } from '../support/random.ts';

const seed = 1_754_000_000;

describe('the canonical form of a serial number', () => {
  it.each([
    ['as it is', 'C02XK1ZZJG5J', 'C02XK1ZZJG5J'],
    ['in lower case', 'c02xk1zzjg5j', 'C02XK1ZZJG5J'],
    ['with spaces around it', '  C02XK1ZZJG5J\t', 'C02XK1ZZJG5J'],
    ['with spaces within it', 'C02X K1ZZ JG5J', 'C02XK1ZZJG5J'],
    ['with no-break, thin and zero-width spaces', '\u00a0C02X\u2009K1ZZ\u200bJG5J\ufeff', 'C02XK1ZZJG5J'],
    ['with a line break and other control characters', 'C02XK1ZZ\u0007JG5J\r\n', 'C02XK1ZZJG5J'],
    ['with a NUL', 'C02XK1ZZ\0JG5J', 'C02XK1ZZJG5J'],
    ['with half of a surrogate pair', 'C02XK1ZZ\ud83dJG5J', 'C02XK1ZZJG5J'],
    ['with a mark of direction', '\u202eC02XK1ZZJG5J\u202c', 'C02XK1ZZJG5J'],
    ['in full-width letters and digits', 'Ｃ０２ＸＫ１ＺＺＪＧ５Ｊ', 'C02XK1ZZJG5J'],
    ['with dashes, which are kept', 'pf-1a2b-c', 'PF-1A2B-C'],
    ['with full-width dashes', 'PF－1A2B', 'PF-1A2B'],
    ['with ligatures', 'ﬁ12ﬀ34', 'FI12FF34'],
    ['with a sharp s', 'straße1', 'STRASSE1'],
    ['with a letter whose capital is composed of several', 'ΐ1234', 'Ϊ́1234'.normalize('NFKC')],
    ['with an accent apart from its letter', 'se\u0301rie1', 'SÉRIE1'],
    ['with something invisible between an accent and its letter', 'se\u200b\u0301rie1', 'SÉRIE1'],
    ['of a parallels machine', 'Parallels-1A 2B 3C', 'PARALLELS-1A2B3C'],
    ['of three characters; that it is too short is decided elsewhere', 'x1a', 'X1A'],
  ])('%s', (_, raw, canonical) => expect(canonicalSerial(raw)).toBe(canonical));

  it.each([
    ['with spaces and a dash', 'VMware-56 4d 5b d6 51 bc f0 9b-4b e9 b2 ef e2 b6 00 a5'],
    ['without spaces', 'VMware-564d5bd651bcf09b-4be9b2efe2b600a5'],
    ['without any dash', 'VMware564d5bd651bcf09b4be9b2efe2b600a5'],
    ['as a UUID', 'VMWARE-564D5BD6-51BC-F09B-4BE9-B2EFE2B600A5'],
    ['with dashes everywhere', 'vmware-56-4d-5b-d6-51-bc-f0-9b-4b-e9-b2-ef-e2-b6-00-a5'],
  ])('of a VMware machine is one, written %s', (_, raw) => {
    expect(canonicalSerial(raw)).toBe('VMWARE-564D5BD651BCF09B4BE9B2EFE2B600A5');
  });

  it.each([
    [
      'a digit short',
      'VMware-56 4d 5b d6 51 bc f0 9b-4b e9 b2 ef e2 b6 00 a',
      'VMWARE-564D5BD651BCF09B-4BE9B2EFE2B600A',
    ],
    [
      'not hexadecimal',
      'VMware-56 4d 5b d6 51 bc f0 9b-4b e9 b2 ef e2 b6 00 zz',
      'VMWARE-564D5BD651BCF09B-4BE9B2EFE2B600ZZ',
    ],
  ])('of something like a VMware machine but %s is left alone', (_, raw, canonical) => {
    expect(canonicalSerial(raw)).toBe(canonical);
  });

  it.each([
    ['empty', ''],
    ['spaces', ' \t '],
    ['control characters', '\0\u0001'],
    ['longer than 256 characters', 'A'.repeat(257)],
    ['longer than 256 characters once unfolded', 'ﬃ'.repeat(100)],
  ])('is none when it is %s', (_, raw) => expect(canonicalSerial(raw)).toBeNull());

  it('may be 256 characters long, not counting what is dropped', () => {
    expect(canonicalSerial(` ${'A'.repeat(256)} `)).toHaveLength(256);
  });

  it('of the canonical form is the same, for 10,000 random strings', () =>
    seeded(seed, random => {
      for (let i = 0; i < 10_000; i++) {
        const raw = randomText(random);
        const once = canonicalSerial(raw);
        if (once === null) continue;
        expect(canonicalSerial(once), JSON.stringify(raw)).toBe(once);
        expect(once.isWellFormed(), JSON.stringify(raw)).toBe(true);
      }
    }));

  it('is the same whatever the case of the raw one, for 10,000 random serials', () =>
    seeded(seed + 1, random => {
      for (let i = 0; i < 10_000; i++) {
        const raw = Array.from({ length: 1 + random.below(20) }, () => random.pick(alphabet)).join('');
        expect(canonicalSerial(raw.toLowerCase()), raw).toBe(canonicalSerial(raw.toUpperCase()));
      }
    }));
});

const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/ '];
const odd = [
  ...'\u0301\u0308\u0345\u200b\u200d\u00ad\u0149\u0390\u03b0\u01f0\u1e96ßŉǰΐﬁﬃ１Ａ－㎏½ªº\u00a8\u00b4\u037a\u0130ı\u1fb3\u1f80ſ',
  '\ud83d',
  '\udc00',
  '😀',
  '\0',
];
const blocks = [
  [0x20, 0x7e],
  [0xa0, 0x24f],
  [0x300, 0x58f],
  [0x1d00, 0x24ff],
  [0xf900, 0xffff],
  [0x1d400, 0x1d7ff],
  [0, 0x10ffff],
] as const;

/** Mixes plain letters with what has made folding go wrong elsewhere: combining marks, ligatures, halves of pairs. */
function randomText(random: Random): string {
  return Array.from({ length: 1 + random.below(12) }, () => {
    const kind = random.below(3);
    if (kind === 0) return random.pick(alphabet);
    if (kind === 1) return random.pick(odd);
    const [from, to] = random.pick(blocks);
    return String.fromCodePoint(from + random.below(to - from + 1));
  }).join('');
}

describe('canonical identifiers', () => {
  it('keep their kinds apart and their order, and come once', () => {
    const identifiers = [
      { kind: 'serial', value: 'abc-1' },
      { kind: 'hardware_uuid', value: 'abc-1' },
      { kind: 'serial', value: ' ABC-1 ' },
      { kind: 'serial', value: '' },
      { kind: 'serial', value: 'xyz-2' },
    ];
    expect(canonicalIdentifiers(identifiers)).toEqual(['serial:ABC-1', 'hardware_uuid:ABC-1', 'serial:XYZ-2']);
  });

  it('are none for a serial that is none', () => {
    expect(canonicalIdentifiers([{ kind: 'serial', value: ' ' }])).toEqual([]);
    expect(canonicalIdentifiers([])).toEqual([]);
  });
});

describe('placeholders', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  async function isPlaceholder(serials: readonly string[]): Promise<boolean[]> {
    const { rows } = await database.pool.query(
      `select ${isPlaceholderIn("('serial:' || s)")} as is from unnest($1::text[]) with ordinality u(s, n) order by n`,
      [serials],
    );
    return rows.map(row => row.is);
  }

  it.each([
    ['ABC', true],
    ['0000', true],
    ['----', true],
    ['X.X-X_X', true],
    ['XXXXXXXXXX', true],
    ['ABCD', false],
    ['0001', false],
    ['1-23', false],
  ])('are known by shape: %s', async (serial, is) => {
    expect(isPlaceholderShape(serial)).toBe(is);
    expect(await isPlaceholder([serial])).toEqual([is]);
  });

  it('by shape are the same here and in the database, for 2,000 random serials', () =>
    seeded(seed + 2, async random => {
      const few = [...'AB0-._', '😀'];
      const serials = Array.from({ length: 2_000 }, () =>
        Array.from({ length: 1 + random.below(6) }, () => random.pick(few)).join(''),
      );
      expect(await isPlaceholder(serials)).toEqual(serials.map(isPlaceholderShape));
    }));

  it('of the shipped list are known in every spelling', async () => {
    expect(shippedPlaceholders.length).toBeGreaterThan(20);
    const spelled = shippedPlaceholders.flatMap(({ raw }) => [raw, raw.toLowerCase(), ` ${raw.toUpperCase()} `]);
    const canonical = spelled.map(raw => canonicalSerial(raw) ?? '');
    const known = await isPlaceholder(canonical);
    expect(spelled.filter((_, i) => !known[i])).toEqual([]);
  });
});

describe('a provider that searches serial numbers as text', () => {
  it.each([
    'C02XK1ZZJG5J',
    'VMware-56 4d 5b d6 51 bc f0 9b-4b e9 b2 ef e2 b6 00 a5',
    'VMware-564d5bd651bcf09b-4be9b2efe2b600a5',
    'VMware-564d5bd651bcf09b4be9b2efe2b600a5',
  ])('is asked so that it finds %s, and every form asked for is that machine', raw => {
    const canonical = canonicalSerial(raw) ?? '';
    const spellings = serialSpellings(canonical);
    expect(spellings.some(text => raw.toUpperCase().includes(text))).toBe(true);
    expect(new Set(spellings.map(canonicalSerial))).toEqual(new Set([canonical]));
  });
});
