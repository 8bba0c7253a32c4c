// What the simulated machines are: models with their system, type and the way their serial number looks.

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
