// What the simulated machines are: models with their system, type and the way their serial number looks, and the
// placeholders that makers leave in firmware.
import { byteHex, fraction, labelCode, mix, pick, wordHex } from './random.ts';

export type SerialForm =
  | 'dell'
  | 'lenovo'
  | 'hp'
  | 'apple'
  | 'supermicro'
  | 'vmware'
  | 'hyperv'
  | 'guid'
  | 'whitebox'
  | 'none';

export interface Model {
  name: string;
  osType: 'windows' | 'macos' | 'linux';
  machineType: 'laptop' | 'desktop' | 'server';
  osName: string;
  revisions: readonly string[];
  arch: '64 bit' | 'ARM64';
  serialForm: SerialForm;
  cpu: string;
  cores: number;
  memoryMb: number;
  /** As in the row's `cloudProviders`. */
  cloud: Readonly<Record<string, unknown>>;
  prefix: string;
  weight: number;
}

const windows11 = { osType: 'windows', osName: 'Windows 11 Enterprise', arch: '64 bit', cloud: {} } as const;
const windowsServer = { osType: 'windows', machineType: 'server', osName: 'Windows Server 2022 Datacenter' } as const;
const linuxServer = { osType: 'linux', machineType: 'server', osName: 'Linux', arch: '64 bit' } as const;
const mac = { osType: 'macos', osName: 'macOS', arch: 'ARM64', cloud: {}, serialForm: 'apple' } as const;
const builds = ['22631', '26100', '26200'];
const macBuilds = ['14.7.1 (23H222)', '15.5 (24F74)', '26.0.1 (25A362)'];
const ubuntu = 'Ubuntu 22.04.4 LTS 6.5.0-1022-aws';
const i7 = '13th Gen Intel(R) Core(TM) i7-1365U';
const xeon = 'Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz';

/** Every model, with how often it occurs. About two thirds are laptops, a quarter servers. */
export const models: readonly Model[] = [
  {
    ...windows11,
    name: 'Dell Inc. - Latitude 7440',
    machineType: 'laptop',
    revisions: builds,
    serialForm: 'dell',
    cpu: i7,
    cores: 10,
    memoryMb: 16_069,
    prefix: 'LT',
    weight: 18,
  },
  {
    ...windows11,
    name: 'LENOVO - 21HMCTO1WW',
    machineType: 'laptop',
    revisions: builds,
    serialForm: 'lenovo',
    cpu: i7,
    cores: 10,
    memoryMb: 32_453,
    prefix: 'LT',
    weight: 16,
  },
  {
    ...windows11,
    name: 'HP - HP EliteBook 840 14 inch G10',
    machineType: 'laptop',
    revisions: builds,
    serialForm: 'hp',
    cpu: i7,
    cores: 10,
    memoryMb: 16_069,
    prefix: 'LT',
    weight: 9,
  },
  {
    ...windows11,
    name: 'Dell Inc. - OptiPlex 7010',
    machineType: 'desktop',
    revisions: builds,
    serialForm: 'dell',
    cpu: i7,
    cores: 12,
    memoryMb: 32_453,
    prefix: 'PC',
    weight: 6,
  },
  {
    ...windows11,
    name: 'System manufacturer - System Product Name',
    machineType: 'desktop',
    revisions: ['19045', '22631'],
    serialForm: 'whitebox',
    cpu: 'AMD Ryzen 7 5800X 8-Core Processor',
    cores: 8,
    memoryMb: 65_456,
    prefix: 'PC',
    weight: 3,
  },
  {
    ...mac,
    name: 'MacBookPro18,3',
    machineType: 'laptop',
    revisions: macBuilds,
    cpu: 'Apple M1 Pro',
    cores: 8,
    memoryMb: 16_384,
    prefix: 'MBP',
    weight: 12,
  },
  {
    ...mac,
    name: 'Mac14,2',
    machineType: 'laptop',
    revisions: macBuilds,
    cpu: 'Apple M2',
    cores: 8,
    memoryMb: 16_384,
    prefix: 'MBA',
    weight: 9,
  },
  {
    ...mac,
    name: 'iMac21,1',
    machineType: 'desktop',
    revisions: macBuilds,
    cpu: 'Apple M1',
    cores: 8,
    memoryMb: 16_384,
    prefix: 'IMAC',
    weight: 2,
  },
  {
    ...windowsServer,
    name: 'VMware, Inc. VMware Virtual Platform',
    revisions: ['20348'],
    arch: '64 bit',
    serialForm: 'vmware',
    cpu: xeon,
    cores: 4,
    memoryMb: 16_383,
    cloud: { ESXI: {} },
    prefix: 'SRV',
    weight: 6,
  },
  {
    ...windowsServer,
    name: 'Microsoft Corporation - Virtual Machine',
    revisions: ['20348'],
    arch: '64 bit',
    serialForm: 'hyperv',
    cpu: xeon,
    cores: 4,
    memoryMb: 8_191,
    cloud: {},
    prefix: 'SRV',
    weight: 3,
  },
  {
    ...windowsServer,
    name: 'Dell Inc. - PowerEdge R650',
    revisions: ['20348', '26100'],
    arch: '64 bit',
    serialForm: 'dell',
    cpu: xeon,
    cores: 32,
    memoryMb: 262_000,
    cloud: {},
    prefix: 'SRV',
    weight: 2,
  },
  {
    ...linuxServer,
    name: 'VMware, Inc. VMware7,1',
    revisions: ['Ubuntu 22.04.5 LTS 5.15.0-122-generic'],
    serialForm: 'vmware',
    cpu: xeon,
    cores: 4,
    memoryMb: 7_937,
    cloud: { ESXI: {} },
    prefix: 'lnx',
    weight: 3,
  },
  {
    ...linuxServer,
    name: 'Amazon EC2 - t3.medium',
    revisions: [ubuntu],
    serialForm: 'guid',
    cpu: 'Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz',
    cores: 2,
    memoryMb: 3_886,
    cloud: { AWS: { awsInstanceType: 't3.medium', awsRegion: 'eu-central-1' } },
    prefix: 'ip',
    weight: 4,
  },
  {
    ...linuxServer,
    name: 'Xen HVM domU',
    revisions: [ubuntu],
    serialForm: 'none',
    cpu: 'Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz',
    cores: 2,
    memoryMb: 7_962,
    cloud: { AWS: { awsInstanceType: 't2.large', awsRegion: 'eu-west-1' } },
    prefix: 'ip',
    weight: 2,
  },
  {
    ...linuxServer,
    name: 'Supermicro - SYS-1029U-TR4',
    revisions: ['Rocky Linux 9.4 5.14.0-427.el9.x86_64'],
    serialForm: 'supermicro',
    cpu: xeon,
    cores: 32,
    memoryMb: 192_000,
    cloud: {},
    prefix: 'lnx',
    weight: 2,
  },
  {
    ...linuxServer,
    name: 'LENOVO - 20XWS1UK00',
    machineType: 'laptop',
    revisions: ['Ubuntu 24.04.1 LTS 6.8.0-45-generic'],
    serialForm: 'lenovo',
    cpu: i7,
    cores: 8,
    memoryMb: 32_000,
    cloud: {},
    prefix: 'tp',
    weight: 3,
  },
];

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
