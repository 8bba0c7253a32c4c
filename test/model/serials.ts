// The serial numbers of the model's world: for each real one the ways in which it is written, and the ones that identify
// nothing. The twin knows what a spelling means from this table, not from the code under test.

/** What is meant -> how devices and agents write it. */
const spellings: Record<string, string[]> = {
  'VMWARE-564D5BD651BCF09B4BE9B2EFE2B600A5': [
    'VMware-56 4d 5b d6 51 bc f0 9b-4b e9 b2 ef e2 b6 00 a5',
    'VMware-564d5bd651bcf09b4be9b2efe2b600a5',
    'VMWARE564D5BD651BCF09B-4BE9B2EFE2B600A5',
  ],
  'VMWARE-421A00000000000000000000000000B7': [
    'VMware-42 1a 00 00 00 00 00 00-00 00 00 00 00 00 00 b7',
    'vmware-421a000000000000-00000000000000b7',
  ],
  'PF-2X/77.K': ['PF-2X/77.K', 'pf-2x/77.k', ' PF - 2X / 77.K '],
  STRASSE9: ['Straße9', 'STRASSE9'],
};
for (let i = 1; i <= 26; i++) {
  const serial = `SER${String(i).padStart(2, '0')}`;
  spellings[serial] = [
    serial,
    serial.toLowerCase(),
    ` ${serial}\t`,
    `SER ${serial.slice(3)}`,
    `ＳＥＲ${serial.slice(3)}`,
  ];
}

/** Never a serial, whatever an administrator's list says; the last ones are not even text. */
const placeholders: Record<string, string[]> = {
  DEFAULTSTRING: ['Default string', 'DEFAULT STRING'],
  '0123456789': ['0123456789'],
  XXXXXX: ['xxxxxx', 'XXXXXX'],
  '00-00.00': ['00-00.00'],
  AB1: ['AB1', 'ab1'],
};
const nothing = ['', '   ', '\u200b'];

const meanings = new Map<string, string | null>();
for (const table of [spellings, placeholders]) {
  for (const [meant, written] of Object.entries(table)) for (const raw of written) meanings.set(raw, meant);
}
for (const raw of nothing) meanings.set(raw, null);

export const realSerials: readonly string[] = Object.keys(spellings).sort();
export const placeholderSpellings: readonly string[] = [...Object.values(placeholders).flat(), ...nothing];

export function spellingsOf(serial: string): readonly string[] {
  return spellings[serial] ?? [serial];
}

/** @returns the serial that is meant, or null for nothing at all; throws for a spelling that the model does not use */
export function meaningOf(raw: string): string | null {
  const meant = meanings.get(raw) ?? meanings.get(raw.trim());
  if (meant === undefined && !meanings.has(raw)) throw new Error(`the model does not know the serial "${raw}"`);
  return meant ?? null;
}

export function isAlwaysPlaceholder(serial: string): boolean {
  return serial in placeholders;
}
