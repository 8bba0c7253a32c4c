// Serial numbers as makers give them, and as they arrive: placeholders that were left in firmware, other spellings, none.
import type { Model, SerialForm } from './models.ts';
import { byteHex, fraction, labelCode, mix, pick, wordHex } from './random.ts';

/** Serial numbers that name no machine, as firmware reports them (tailscale#12566, fleetdm/fleet#51180). */
export const junkSerials: readonly string[] = [
  'Default string',
  'To Be Filled By O.E.M.',
  'System Serial Number',
  '0',
  'None',
  'Not Specified',
  '123456789',
  '00000000',
  'Chassis Serial Number',
  'xxxxxxxxxx',
  'N/A',
  'INVALID',
];

/** `VMware-56 4d 5b d6 51 bc f0 9b-4b e9 b2 ef e2 b6 00 a5`, the form that BIOS and operating systems show. */
function vmwareSerial(machine: number, seed: number): string {
  const byte = (n: number): string => byteHex(mix(machine, seed + n));
  const word = wordHex(mix(machine, seed + 100)); // four bytes of a bijection keep it unique
  const start = `56 4d ${word.slice(0, 2)} ${word.slice(2, 4)} ${word.slice(4, 6)} ${word.slice(6, 8)}`;
  return `VMware-${start} ${byte(1)} ${byte(2)}-${[3, 4, 5, 6, 7, 8, 9, 10].map(byte).join(' ')}`;
}

/** The same number as another tool writes it: Intune drops the spaces, others write dashes. */
export function respelled(serial: string, at: number): string {
  if (!serial.startsWith('VMware-')) return at < 0.5 ? serial.toLowerCase() : ` ${serial} `;
  return at < 0.5 ? serial.replaceAll(' ', '') : serial.toUpperCase();
}

/**
 * The true serial number of a machine, or null for one that has none. Different machines have different numbers.
 * @param machine the machine's counter
 */
export function trueSerial(form: SerialForm, machine: number, seed: number): string | null {
  const code = labelCode(machine, seed);
  const hash = mix(machine, seed + 3);
  switch (form) {
    case 'dell':
      return code + pick('BCDFGHJKLMNPRSTVWXYZ3'.split(''), fraction(machine, seed + 4));
    case 'lenovo':
      return `PF${code}`;
    case 'hp':
      return `5CG${code}${hash % 10}`;
    case 'apple':
      return hash % 3 === 0
        ? `C02${code}Q6L`
        : `${code}${pick(['KJ', 'X7', 'V9', 'QD'], (hash % 97) / 97)}`.padEnd(10, '4');
    case 'supermicro':
      return `S${code}8A${100 + (hash % 900)}`;
    case 'vmware':
      return vmwareSerial(machine, seed);
    case 'hyperv':
      return String(10_000_000_000_000_000_000_000_000n + BigInt(mix(machine, seed + 5)) * 9_973_000_777n).replace(
        /(\d{4})(?=\d)/g,
        '$1-',
      );
    case 'guid': {
      const word = wordHex(mix(machine, seed + 6));
      const more = wordHex(mix(machine, seed + 7)) + wordHex(mix(machine, seed + 8));
      return `ec2${word.slice(0, 5)}-${word.slice(5)}${more.slice(0, 1)}-${more.slice(1, 5)}-${more.slice(5, 9)}-${more.slice(9)}${wordHex(hash).slice(0, 5)}`;
    }
    case 'whitebox':
      return `MB${code}0${hash % 10}`;
    case 'none':
      return null;
  }
}

/** What the agent on a machine reports: mostly the true number, else what the reference has seen in the field. */
export function reportedSerial(
  model: Model,
  serial: string | null,
  machine: number,
  seed: number,
): string | null | undefined {
  const at = fraction(machine, seed + 9);
  const how = fraction(machine, seed + 10);
  if (serial === null) return how < 0.6 ? null : how < 0.8 ? undefined : '';
  // Linux agents often report none (tailscale/tailscale#16800).
  if (model.osType === 'linux' && at < 0.3) return how < 0.6 ? null : how < 0.8 ? undefined : '';
  if (model.serialForm === 'whitebox') return at < 0.75 ? pick(junkSerials, how) : serial;
  if (at > 0.985) return null;
  if (at > 0.975) return pick(junkSerials, how);
  if (at > 0.93) return respelled(serial, how);
  return serial;
}
