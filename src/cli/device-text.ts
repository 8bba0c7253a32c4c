// How commands tell what a device is known by.
import type { ReadAttribute } from '../operations/attributes.ts';
import type { IdentifierKind } from '../posture/identifiers.ts';
import { identifierReasons } from '../posture/reasons.ts';
import type { DeviceRow } from '../store/devices.ts';
import { printable, timeAndAge } from './output.ts';

/**
 * @param kind of identifier, as conflicts name it
 * @param values those of the kind
 * @returns them on one line: `10.1.2.3, 10.1.2.4 (several devices have it: lt-0042)`
 */
export function withConflicts(
  kind: IdentifierKind,
  values: readonly string[],
  conflicts: DeviceRow['conflicts'],
): string {
  const texts = values.map(value => {
    const conflict = conflicts.find(each => each.kind === kind && each.value === value);
    if (conflict === undefined) return value;
    const why = identifierReasons[conflict.problem as keyof typeof identifierReasons] ?? conflict.problem;
    return `${value} (${why}${conflict.devices.length > 0 ? `: ${conflict.devices.join(', ')}` : ''})`;
  });
  return texts.join(', ');
}

/** @returns a line for each custom attribute: `custom:tier is gold, until 2026-12-20T16:00:00Z (in 30d)` */
export function customLines(attributes: readonly (readonly [string, ReadAttribute])[], now: Date): string[] {
  return attributes.map(([name, { value, expiresAt }]) =>
    printable(`${name} is ${value}${expiresAt === null ? '' : `, until ${timeAndAge(expiresAt, now)}`}`),
  );
}
