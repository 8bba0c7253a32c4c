// An agent as a row of the console's JSON: all 88 fields of the agent object, in alphabetical order as the console sends
// them. Written into bytes by templates that agents of one model, site and quirk share (see row-bytes.ts).
import type { SimulatedAgent } from './agent.ts';
import { mix } from './random.ts';
import {
  asciiJson,
  compile,
  type Hole,
  json,
  type Part,
  type Template,
  varying,
  writeAscii,
  writeTemplate,
} from './row-bytes.ts';
import {
  activeDirectory,
  address,
  host,
  hostname,
  id,
  lastActiveAt,
  minuteMs,
  networkInterfaces,
  number,
  type Read,
  serialNumber,
  stamp,
  subnet,
  text,
  time,
  updatedAt,
  user,
  uuid,
} from './row-holes.ts';

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
    nullable('lastIpToMgmt', json`"${address}"`),
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
