// What the model's devices are known by besides serial numbers, and the ways in which it is written. The twin knows what a
// spelling means from this table, not from the code under test.

export const nameFields = ['addresses', 'certificateFingerprints'] as const;
export type NameField = (typeof nameFields)[number];

/** What is meant -> how administrators write it. Some look like serial numbers that identify nothing. */
const spellings: Record<NameField, Record<string, string[]>> = {
  addresses: {
    '1.1.1.1': ['1.1.1.1', '::ffff:1.1.1.1'],
    '127.0.0.1': ['127.0.0.1'],
    '::1': ['::1', '0:0:0:0:0:0:0:1'],
    '2001:db8::a': ['2001:db8::a', '2001:DB8:0::A', '2001:0db8:0000::000a'],
  },
  certificateFingerprints: { ['0'.repeat(64)]: ['0'.repeat(64)] },
};
for (let i = 1; i <= 22; i++) {
  spellings.addresses[`10.0.0.${i}`] = [`10.0.0.${i}`, `::ffff:10.0.0.${i}`, `::FFFF:a00:${i.toString(16)}`];
  const digits = (i * 7).toString(16).padStart(2, '0').repeat(32);
  const colons = digits.toUpperCase().match(/../g)?.join(':') ?? '';
  spellings.certificateFingerprints[digits] = [digits, digits.toUpperCase(), `sha256 Fingerprint=${colons}`];
}

const meanings = new Map(
  nameFields.flatMap(field =>
    Object.entries(spellings[field]).flatMap(([meant, written]) => written.map(raw => [raw, meant] as const)),
  ),
);

export const namesOf = (field: NameField): readonly string[] => Object.keys(spellings[field]).sort();

export function spellingsOfName(field: NameField, name: string): readonly string[] {
  return spellings[field][name] ?? [name];
}

/** @returns what is meant, each once and in order; throws for a spelling that the model does not use */
export function namesMeant(raws: readonly string[]): string[] {
  const names = raws.map(raw => {
    const name = meanings.get(raw);
    if (name === undefined) throw new Error(`the model does not know "${raw}"`);
    return name;
  });
  return [...new Set(names)].sort();
}
