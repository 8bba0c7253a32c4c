// An agent as a row of the console's JSON: all 88 fields of the agent object, in alphabetical order as the console sends
// them. Written into bytes by templates that agents of one model, site and quirk share (see row-bytes.ts).
import type { SimulatedAgent } from './agent.ts';
import { mix, wordHex } from './random.ts';
import {
  asciiJson,
  compile,
  fixed,
  type Hole,
  json,
  type Part,
  type Template,
  varying,
  writeAscii,
  writeHex,
  writeNumber,
  writeStamp,
  writeTemplate,
  writeText,
  writeTime,
} from './row-bytes.ts';

const minuteMs = 60_000;

/** When an active agent was last in touch: within the last 90 s. */
export function lastActiveAt(agent: SimulatedAgent, at: number): number {
  return agent.active ? at - (mix(agent.install, 1) % 90_000) : agent.lastActiveAt;
}

/** Server-side work moves it on active agents too, 9-18 minutes behind (Azure sample of the reference). */
export function updatedAt(agent: SimulatedAgent, at: number): number {
  if (!agent.active) return agent.changedAt;
  return Math.max(agent.changedAt, at - 9 * minuteMs - (mix(agent.install, 2) % (9 * minuteMs)));
}

/** Windows: 32 hex digits; Linux: dashed, lower case; macOS: dashed, upper case. */
export function uuidOf(agent: SimulatedAgent): string {
  const words = uuidSalts.map(salt => wordHex(mix(agent.install, salt))).join('');
  if (agent.model.osType === 'windows') return words;
  const dashed = words.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return agent.model.osType === 'macos' ? dashed.toUpperCase() : dashed;
}

const uuidSalts = [3, 4, 5, 6] as const;

type Read<T> = (agent: SimulatedAgent) => T;

const text = (read: Read<string>): Hole => varying((out, at, agent) => writeText(out, at, read(agent)));
const number = (read: Read<number>): Hole => varying((out, at, agent) => writeNumber(out, at, read(agent)));
const word = (salt: number, digits: number, upper = false): Hole =>
  fixed(digits, (out, at, agent) => writeHex(out, at, mix(agent.machine, salt), digits, upper));
/** A time with six digits of fraction; the last three come from the agent, so that times differ within a millisecond. */
const stamp = (read: (agent: SimulatedAgent, fleetAt: number) => number, micros = 0): Hole =>
  fixed(27, (out, at, agent, fleetAt) => writeStamp(out, at, read(agent, fleetAt), agent.install + micros));
const time = (read: Read<number>): Hole => fixed(19, (out, at, agent) => writeTime(out, at, read(agent)));

const id = fixed(19, (out, at, agent) => writeAscii(out, at, agent.id));
/** The end of the agent's id, for ids that hang on it. */
const interfaceId = fixed(14, (out, at, agent) => {
  for (let i = 0; i < 14; i++) out[at + i] = agent.id.charCodeAt(i + 5);
  return at + 14;
});
const hostname = text(agent => agent.hostname);
const user = text(agent => agent.user);
const subnet = varying((out, start, agent) => {
  let at = writeAscii(out, start, '10.');
  at = writeNumber(out, at, (agent.machine >> 16) & 255);
  out[at++] = 46;
  return writeNumber(out, at, (agent.machine >> 8) & 255);
});
const host = number(agent => agent.machine & 255);
const uuidDigits = (index: 0 | 1 | 2 | 3, upper: boolean, part: 'all' | 'high' | 'low' = 'all'): Hole =>
  fixed(part === 'all' ? 8 : 4, (out, at, agent) => {
    const bits = mix(agent.install, uuidSalts[index]);
    return writeHex(out, at, part === 'high' ? bits >>> 16 : bits, part === 'all' ? 8 : 4, upper);
  });

/** Three bytes of a hash behind a maker's prefix; Windows agents write them in upper case. */
function mac(salt: number, upper: boolean): Hole {
  return fixed(17, (out, start, agent) => {
    const bits = mix(agent.machine, salt);
    let at = writeAscii(out, start, upper ? '3C:5A' : '3c:5a');
    for (let shift = 24; shift >= 0; shift -= 8) {
      out[at++] = 58;
      at = writeHex(out, at, bits >>> shift, 2, upper);
    }
    return at;
  });
}

function uuid(agent: SimulatedAgent): readonly Part[] {
  const { osType } = agent.model;
  const upper = osType === 'macos';
  const [first, last] = [uuidDigits(0, upper), uuidDigits(3, upper)];
  if (osType === 'windows') return json`"${first}${uuidDigits(1, false)}${uuidDigits(2, false)}${last}"`;
  const middle = ([1, 2] as const).map(i => [uuidDigits(i, upper, 'high'), uuidDigits(i, upper, 'low')] as const);
  const [[b1, b2], [c1, c2]] = middle as [readonly [Hole, Hole], readonly [Hole, Hole]];
  return json`"${first}-${b1}-${b2}-${c1}-${c2}${last}"`;
}

function networkInterfaces(agent: SimulatedAgent): readonly Part[] {
  const windows = agent.model.osType === 'windows';
  const [wired, wireless] = windows ? ['Ethernet', 'Wi-Fi'] : ['eth0', 'wlan0'];
  return [
    ...json`[{"gatewayIp":"${subnet}.254","gatewayMacAddress":"00:00:5e:00:01:0a","id":"14000${interfaceId}",`,
    ...json`"inet":["${subnet}.${host}"],"inet6":["fe80::${word(7, 4)}:${word(8, 4)}:fe12:3456"],`,
    `"name":"${wired}",`,
    ...json`"physical":"${mac(9, windows)}"},{"gatewayIp":null,"gatewayMacAddress":null,"id":"15000${interfaceId}",`,
    ...json`"inet":["169.254.17.${host}"],"inet6":["fe80::${word(8, 4)}:${word(7, 4)}:fe65:4321"],`,
    `"name":"${wireless}",`,
    ...json`"physical":"${mac(10, windows)}"}]`,
  ];
}

const directory = 'DC=corp,DC=example,DC=com';

function activeDirectory(agent: SimulatedAgent): readonly Part[] {
  if (agent.model.osType !== 'windows') return ['null'];
  return [
    ...json`{"computerDistinguishedName":"CN=${hostname},OU=Computers,OU=Managed,`,
    `${directory}","computerMemberOf":["CN=Managed Computers,OU=Groups,${directory}","CN=BitLocker,OU=Groups,${directory}"],`,
    ...(agent.user === ''
      ? ['"lastUserDistinguishedName":null,"lastUserMemberOf":[],"mail":null,"userPrincipalName":null}']
      : [
          ...json`"lastUserDistinguishedName":"CN=${user},OU=Users,OU=Employees,`,
          `${directory}","lastUserMemberOf":["CN=Employees,OU=Groups,${directory}","CN=VPN Users,OU=Groups,${directory}"],`,
          ...json`"mail":null,"userPrincipalName":"${user}@example.com"}`,
        ]),
  ];
}

/** With its key and comma, because it can be absent. */
const serialNumber = varying((out, start, agent) => {
  if (agent.serial === undefined) return start;
  let at = writeAscii(out, start, '"serialNumber":');
  if (agent.serial === null) at = writeAscii(out, at, 'null');
  else {
    out[at++] = 34;
    at = writeText(out, at, agent.serial);
    out[at++] = 34;
  }
  out[at++] = 44;
  return at;
});

/** A value, or JSON with holes. */
type Field = readonly [name: string, value: unknown] | readonly [name: string, value: null, parts: readonly Part[]];

/** The fields of agents that share a template. A key `''` brings its own name. */
function fields(like: SimulatedAgent): readonly Field[] {
  const { model, site, quirk } = like;
  const isMac = model.osType === 'macos';
  const isWindows = model.osType === 'windows';
  const isServer = model.machineType === 'server';
  const group = site.groups[isServer ? 2 : model.machineType === 'laptop' ? 1 : 0];
  const own = (name: string, parts: readonly Part[]): Field => [name, null, parts];
  const nullable = (name: string, parts: readonly Part[]): Field =>
    quirk === 'nulls' ? [name, null] : own(name, parts);
  const flagText = quirk === 'string_booleans' ? ['"True"', '"False"'] : ['true', 'false'];
  const flag = (read: Read<boolean>): readonly Part[] => [
    varying((out, at, agent) => writeAscii(out, at, (read(agent) ? flagText[0] : flagText[1]) ?? '')),
  ];
  const scanned = (micros: number): Hole => stamp(agent => agent.registeredAt + 90 * minuteMs, micros);
  return [
    ['accountId', site.accountId],
    ['accountName', site.accountName],
    nullable('activeDirectory', activeDirectory(like)),
    ['activeProtection', ['edr']],
    nullable('activeThreats', json`${number(agent => agent.activeThreats)}`),
    nullable('agentVersion', json`"${text(agent => agent.version)}"`),
    ['allowRemoteShell', true],
    ['appsVulnerabilityStatus', isServer ? 'not_applicable' : 'patch_required'],
    ['cloudProviders', model.cloud],
    own('computerName', json`"${hostname}"`),
    ['consoleMigrationStatus', 'N/A'],
    ['containerizedWorkloadCounts', null],
    ['coreCount', model.cores],
    ['cpuCount', model.cores],
    ['cpuId', model.cpu],
    own('createdAt', json`"${stamp(agent => agent.registeredAt)}"`),
    ['detectionState', isMac ? null : 'full_mode'],
    ['domain', isWindows ? 'CORP' : isMac ? 'unknown' : 'WORKGROUP'],
    nullable(
      'encryptedApplications',
      flag(agent => agent.encrypted),
    ),
    ['externalId', isServer ? '' : null],
    own('externalIp', json`"203.0.113.${host}"`),
    nullable(
      'firewallEnabled',
      flag(agent => agent.firewall),
    ),
    // Once seen without a Z in the field (Sumo), and null on Macs.
    isMac ? ['firstFullModeTime', null] : own('firstFullModeTime', json`"${time(agent => agent.registeredAt)}.651000"`),
    ['fullDiskScanLastUpdatedAt', null],
    ['groupId', group?.id ?? null],
    own('groupIp', json`"${subnet}.x"`),
    ['groupName', group?.name ?? null],
    ['groupUpdatedAt', null],
    ['hasContainerizedWorkload', isServer ? false : null],
    own('id', json`"${id}"`),
    ['inRemoteShellSession', false],
    nullable(
      'infected',
      flag(agent => agent.infected),
    ),
    ['installerType', isMac ? '.pkg' : isWindows ? '.msi' : '.deb'],
    nullable(
      'isActive',
      flag(agent => agent.active),
    ),
    ['isAdConnector', isServer ? false : null],
    own(
      'isDecommissioned',
      flag(agent => agent.decommissioned),
    ),
    ['isHyperAutomate', null],
    ['isPendingUninstall', false],
    own(
      'isUninstalled',
      flag(agent => agent.uninstalled),
    ),
    nullable(
      'isUpToDate',
      flag(agent => agent.upToDate),
    ),
    nullable('lastActiveDate', json`"${stamp(lastActiveAt)}"`),
    nullable('lastIpToMgmt', json`"${subnet}.${host}"`),
    own('lastLoggedInUserName', json`"${user}"`),
    own('lastSuccessfulScanDate', json`"${scanned(2)}"`),
    ['licenseKey', ''],
    ['locationEnabled', !isServer],
    ['locationType', isServer ? 'not_applicable' : 'fallback'],
    ['locations', isServer ? null : [{ id: '1350000000000000901', name: 'Fallback', scope: 'global' }]],
    isWindows
      ? own('machineSid', json`"S-1-5-21-${number(agent => mix(agent.machine, 11))}-1105"`)
      : ['machineSid', null],
    ['machineType', model.machineType],
    ['missingPermissions', isMac ? ['user_action_needed_bluetooth_per', 'user_action_needed_fda_helper'] : []],
    ['mitigationMode', 'protect'],
    ['mitigationModeSuspicious', 'detect'],
    ['modelName', model.name],
    nullable('networkInterfaces', networkInterfaces(like)),
    ['networkQuarantineEnabled', false],
    nullable('networkStatus', json`"${text(agent => agent.networkStatus)}"`),
    nullable('operationalState', json`"${text(agent => agent.operationalState)}"`),
    ['operationalStateExpiration', null],
    ['osArch', model.arch],
    ['osName', model.osName],
    own('osRevision', json`"${text(agent => agent.model.revisions[agent.revision] ?? '')}"`),
    own('osStartTime', json`"${time(agent => agent.bootedAt)}Z"`),
    ['osType', model.osType],
    like.user === '' ? ['osUsername', null] : own('osUsername', json`"${user}"`),
    ['policyUpdatedAt', null],
    [
      'proxyStates',
      isServer
        ? null
        : { console: false, consoleProxyAddress: null, deepVisibility: false, pacFileUsage: null, proxyMethod: null },
    ],
    ['rangerStatus', isServer ? 'Enabled' : 'NotApplicable'],
    ['rangerVersion', isServer ? '24.1.0.14' : null],
    own('registeredAt', json`"${stamp(agent => agent.registeredAt)}"`),
    ['remoteProfilingState', 'disabled'],
    ['remoteProfilingStateExpiration', null],
    ['scanAbortedAt', null],
    own('scanFinishedAt', json`"${scanned(3)}"`),
    own('scanStartedAt', json`"${stamp(agent => agent.registeredAt + 5 * minuteMs)}"`),
    ['scanStatus', 'finished'],
    own('', [serialNumber]),
    ['showAlertIcon', !isServer],
    ['siteId', site.id],
    ['siteName', site.name],
    ['storageName', isServer ? null : 'Samsung MZVL2512HCJQ'],
    ['storageType', isServer ? null : 'NVMe'],
    [
      'tags',
      {
        sentinelone: [
          {
            assignedAt: '2026-02-03T10:11:12.131415Z',
            assignedBy: 'endpoint.management@example.com',
            assignedById: '1350000000000000555',
            id: '1350000000000000777',
            key: 'class',
            value: model.machineType,
          },
        ],
      },
    ],
    nullable(
      'threatRebootRequired',
      flag(agent => agent.rebootRequired),
    ),
    ['totalMemory', model.memoryMb],
    own('updatedAt', json`"${stamp(updatedAt)}"`),
    ['userActionsNeeded', isMac ? ['user_action_needed'] : []],
    own('uuid', uuid(like)),
  ];
}

function compileFields(all: readonly Field[]): Template {
  const parts: Part[] = ['{'];
  for (const [i, [name, value, own]] of all.entries()) {
    if (name !== '') parts.push(`"${name}":`);
    parts.push(...(own ?? [asciiJson(value)]));
    if (name !== '' && i < all.length - 1) parts.push(',');
  }
  return compile([...parts, '}']);
}

const quirks: Readonly<Record<SimulatedAgent['quirk'], number>> = { none: 0, string_booleans: 2, nulls: 4 };

/** By model, then by site, quirk and whether somebody uses the machine. */
const templates = new Map<SimulatedAgent['model'], Template[]>();

function templateOf(agent: SimulatedAgent): Template {
  let ofModel = templates.get(agent.model);
  if (!ofModel) {
    ofModel = [];
    templates.set(agent.model, ofModel);
  }
  const key = agent.site.index * 8 + quirks[agent.quirk] + (agent.user === '' ? 1 : 0);
  const ready = ofModel[key];
  if (ready) return ready;
  const template = compileFields(fields(agent));
  ofModel[key] = template;
  return template;
}

/** No row is longer, unless somebody gives an agent very long texts. */
export const longestRow = 16_384;

/**
 * Writes a row as JSON in plain ASCII; the buffer must have room for `longestRow` bytes.
 * @param fleetAt the fleet's time in ms
 * @returns the place behind the row
 */
export function writeRow(out: Uint8Array, at: number, agent: SimulatedAgent, fleetAt: number): number {
  return writeTemplate(templateOf(agent), out, at, agent, fleetAt);
}

const scratch = Buffer.alloc(longestRow);

/** A row as JSON text, for those who need one row or want to damage it. */
export function renderRow(agent: SimulatedAgent, fleetAt: number): string {
  return scratch.toString('latin1', 0, writeRow(scratch, 0, agent, fleetAt));
}
