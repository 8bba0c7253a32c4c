// Serial numbers, made comparable. Devices and agents write the same serial in different ways; both go through here, and
// nothing else compares serials. Pure. Sources of the forms: the notes in docs/matching.md.
import placeholders from '../../config/placeholder-serials.json' with { type: 'json' };

/** Longer ones are no serials; they would only bloat indexes. */
const longestSerial = 256;

/** Windows and Linux report a VMware machine's UUID as `VMware-56 4d 5b d6 51 bc f0 9b-4b e9 b2 ef e2 b6 00 a5`. */
const vmware = /^VMWARE-?((?:[0-9A-F]{2}-?){16})$/;

/**
 * The canonical form of a serial number: Unicode folded (NFKC), trimmed, upper case, without spaces and control
 * characters; dashes are kept. The VMware forms (with spaces, without, dashed anywhere) become one.
 * Whether it is a placeholder is decided where the lists are: in the database (isPlaceholder in store/derive.ts).
 *
 * @param raw a serial as a device or a provider reports it
 * @returns the canonical form, or null when nothing is left of it or it is longer than 256 characters
 */
export function canonicalSerial(raw: string): string | null {
  let folded = fold(raw);
  // Capitals may be composed of several characters, and what is dropped may have kept two apart: folded until it stays so.
  for (let before = raw; folded !== before && !isPlain.test(folded); ) {
    before = folded;
    folded = fold(before);
  }
  if (folded === '' || folded.length > longestSerial) return null;
  const found = vmware.exec(folded);
  return found ? `VMWARE-${found[1]?.replaceAll('-', '')}` : folded;
}

/**
 * How a provider that searches serial numbers by their text may have one.
 * @param canonical as canonicalSerial gives it
 * @returns it, and for a VMware machine the forms with spaces and with a dash too, which its canonical form is no part of
 */
export function serialSpellings(canonical: string): string[] {
  const [, hex] = /^VMWARE-([0-9A-F]{32})$/.exec(canonical) ?? [];
  if (hex === undefined) return [canonical];
  const pairs = hex.match(/../g) ?? [];
  return [canonical, ...[' ', ''].map(gap => `VMWARE-${pairs.slice(0, 8).join(gap)}-${pairs.slice(8).join(gap)}`)];
}

/** What folding once leaves as it is. */
const isPlain = /^[\x21-\x7e]*$/;

function fold(text: string): string {
  return text
    .normalize('NFKC')
    .toUpperCase()
    .replace(/[\s\p{C}]+/gu, '');
}

/** Canonical identifiers of one kind, as `kind:value`, without repetitions, in the order given. */
export function canonicalIdentifiers(identifiers: readonly { kind: string; value: string }[]): string[] {
  if (identifiers.length === 1) {
    const only = identifiers[0];
    const value = only && canonicalSerial(only.value);
    return only && value ? [`${only.kind}:${value}`] : [];
  }
  const found = new Set<string>();
  for (const { kind, value } of identifiers) {
    const canonical = canonicalSerial(value);
    if (canonical) found.add(`${kind}:${canonical}`);
  }
  return [...found];
}

/** A canonical value that cannot be a serial whatever the lists say: fewer than 4 characters, or one character repeated. */
export function isPlaceholderShape(canonical: string): boolean {
  const characters = [...canonical];
  const [first, ...others] = characters.filter(character => !'-._'.includes(character));
  return characters.length < 4 || others.every(character => character === first);
}

/** The list in config/placeholder-serials.json, canonical form beside the form that is written there. */
export const shippedPlaceholders: readonly { value: string; raw: string }[] = [
  ...new Map(
    placeholders.map(raw => [canonicalSerial(raw) ?? raw, { value: canonicalSerial(raw) ?? raw, raw }]),
  ).values(),
];
