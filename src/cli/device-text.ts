// How commands tell what a device is known by.
import type { IdentifierKind } from '../posture/identifiers.ts';
import { identifierReasons } from '../posture/reasons.ts';
import type { DeviceRow } from '../store/devices.ts';

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
