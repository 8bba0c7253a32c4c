// An agent as a row of the console's JSON: all fields of the agent object, in alphabetical order as the console sends
// them. A row is composed of pieces that are made once a model and of the few values that are the agent's own, because
// building and stringifying objects is twenty times slower.
import type { SimulatedAgent } from './agent.ts';
import { byteHex, fraction, mix, threeDigits, timeText, wordHex } from './random.ts';

/** JSON text of a value that is the agent's own, at the fleet's time in ms. */
type Hole = (agent: SimulatedAgent, at: number) => string;

const minuteMs = 60_000;

/** When an active agent was last in touch: within the last 90 s, as consoles write it in batches. */
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
  const words = [3, 4, 5, 6].map(salt => wordHex(mix(agent.install, salt))).join('');
  if (agent.model.osType === 'windows') return words;
  const dashed = words.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return agent.model.osType === 'macos' ? dashed.toUpperCase() : dashed;
}

/** JSON in plain ASCII, so that a body's bytes are its characters. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Six digits of fraction and a Z: ISO as the console writes it. */
function stamp(ms: number, salt: number): string {
  return `"${timeText(ms)}.${threeDigits(Math.floor(ms) % 1_000)}${threeDigits(salt % 1_000)}Z"`;
}

function text(value: string | null): string {
  // Nearly all are plain; JSON.stringify is for those that are not.
  if (value === null) return 'null';
  return /^[\w .,@/()-]*$/.test(value) ? `"${value}"` : asciiJson(value);
}

const flag =
  (read: (agent: SimulatedAgent) => boolean, nullable = true): Hole =>
  agent => {
    const value = read(agent);
    if (agent.quirk === 'none') return value ? 'true' : 'false';
    if (agent.quirk === 'string_booleans') return value ? '"True"' : '"False"';
    return nullable ? 'null' : String(value);
  };

const nullable =
  (render: Hole): Hole =>
  (agent, at) =>
    agent.quirk === 'nulls' ? 'null' : render(agent, at);

function mac(agent: SimulatedAgent, salt: number): string {
  const n = mix(agent.machine, salt);
  const bytes = `${byteHex(n >>> 24)}:${byteHex(n >>> 16)}:${byteHex(n >>> 8)}:${byteHex(n)}`;
  const whole = `3c:5a:${bytes}`;
  return agent.model.osType === 'windows' ? whole.toUpperCase() : whole;
}

function address(agent: SimulatedAgent): string {
  const n = agent.machine;
  return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
}

function networkInterfaces(agent: SimulatedAgent): string {
  if (agent.quirk === 'nulls') return 'null';
  const ip = address(agent);
  const first = wordHex(mix(agent.machine, 7));
  const names = agent.model.osType === 'windows' ? ['Ethernet', 'Wi-Fi'] : ['eth0', 'wlan0'];
  const gateway = `10.${(agent.machine >> 16) & 255}.${(agent.machine >> 8) & 255}.254`;
  return (
    `[{"gatewayIp":"${gateway}","gatewayMacAddress":"00:00:5e:00:01:0a","id":"14000${agent.id.slice(5)}","inet":["${ip}"],` +
    `"inet6":["fe80::${first.slice(0, 4)}:${first.slice(4)}:fe12:3456"],"name":"${names[0]}","physical":"${mac(agent, 8)}"},` +
    `{"gatewayIp":null,"gatewayMacAddress":null,"id":"15000${agent.id.slice(5)}","inet":["169.254.${first.charCodeAt(0)}.17"],` +
    `"inet6":["fe80::${first.slice(4)}:${first.slice(0, 4)}:fe65:4321"],"name":"${names[1]}","physical":"${mac(agent, 9)}"}]`
  );
}

function activeDirectory(agent: SimulatedAgent): string {
  if (agent.model.osType !== 'windows' || agent.quirk === 'nulls') return 'null';
  const user = agent.user ? `"CN=${agent.user},OU=Users,OU=Employees,DC=corp,DC=example,DC=com"` : 'null';
  return (
    `{"computerDistinguishedName":"CN=${agent.hostname},OU=Computers,OU=Managed,DC=corp,DC=example,DC=com",` +
    '"computerMemberOf":["CN=Managed Computers,OU=Groups,DC=corp,DC=example,DC=com","CN=BitLocker,OU=Groups,DC=corp,DC=example,DC=com"],' +
    `"lastUserDistinguishedName":${user},"lastUserMemberOf":${agent.user ? '["CN=Employees,OU=Groups,DC=corp,DC=example,DC=com","CN=VPN Users,OU=Groups,DC=corp,DC=example,DC=com"]' : '[]'},` +
    `"mail":null,"userPrincipalName":${agent.user ? `"${agent.user}@example.com"` : 'null'}}`
  );
}

function serialNumber(agent: SimulatedAgent): string {
  return agent.serial === undefined ? '' : `"serialNumber":${text(agent.serial)},`;
}

/** What every agent of a model has in common, and holes for the rest. `''` as a key: the hole brings its own. */
function fields(agent: SimulatedAgent): readonly [name: string, value: unknown | Hole][] {
  const { model } = agent;
  const isMac = model.osType === 'macos';
  const isServer = model.machineType === 'server';
  const group = isServer ? 2 : model.machineType === 'laptop' ? 1 : 0;
  return [
    ['accountId', (a: SimulatedAgent) => `"${a.site.accountId}"`],
    ['accountName', (a: SimulatedAgent) => `"${a.site.accountName}"`],
    ['activeDirectory', activeDirectory],
    ['activeProtection', ['edr']],
    ['activeThreats', nullable(a => String(a.activeThreats))],
    ['agentVersion', nullable(a => `"${a.version}"`)],
    ['allowRemoteShell', true],
    ['appsVulnerabilityStatus', isServer ? 'not_applicable' : 'patch_required'],
    ['cloudProviders', model.cloud],
    ['computerName', (a: SimulatedAgent) => text(a.hostname)],
    ['consoleMigrationStatus', 'N/A'],
    ['containerizedWorkloadCounts', null],
    ['coreCount', model.cores],
    ['cpuCount', model.cores],
    ['cpuId', model.cpu],
    ['createdAt', (a: SimulatedAgent) => stamp(a.registeredAt, a.install)],
    ['detectionState', isMac ? null : 'full_mode'],
    ['domain', model.osType === 'windows' ? 'CORP' : isMac ? 'unknown' : 'WORKGROUP'],
    ['encryptedApplications', flag(a => a.encrypted)],
    ['externalId', (a: SimulatedAgent) => (fraction(a.machine, 12) < 0.5 ? '""' : 'null')],
    ['externalIp', (a: SimulatedAgent) => `"203.0.113.${a.machine % 250}"`],
    ['firewallEnabled', flag(a => a.firewall)],
    ['firstFullModeTime', (a: SimulatedAgent) => (isMac ? 'null' : `"${timeText(a.registeredAt + 60_000)}.651000"`)],
    ['fullDiskScanLastUpdatedAt', (a: SimulatedAgent) => stamp(a.registeredAt + 90 * minuteMs, a.install + 1)],
    ['groupId', (a: SimulatedAgent) => `"${a.site.groups[group]?.id}"`],
    ['groupIp', (a: SimulatedAgent) => `"10.${(a.machine >> 16) & 255}.${(a.machine >> 8) & 255}.x"`],
    ['groupName', (a: SimulatedAgent) => `"${a.site.groups[group]?.name}"`],
    ['groupUpdatedAt', null],
    ['hasContainerizedWorkload', isServer ? false : null],
    ['id', (a: SimulatedAgent) => `"${a.id}"`],
    ['inRemoteShellSession', false],
    ['infected', flag(a => a.infected)],
    ['installerType', isMac ? '.pkg' : model.osType === 'windows' ? '.msi' : '.deb'],
    ['isActive', flag(a => a.active)],
    ['isAdConnector', isServer ? false : null],
    ['isDecommissioned', flag(a => a.decommissioned, false)],
    ['isHyperAutomate', null],
    ['isPendingUninstall', false],
    ['isUninstalled', flag(a => a.uninstalled, false)],
    ['isUpToDate', flag(a => a.upToDate)],
    ['lastActiveDate', nullable((a, at) => stamp(lastActiveAt(a, at), a.install))],
    ['lastIpToMgmt', (a: SimulatedAgent) => (a.quirk === 'nulls' ? 'null' : `"${address(a)}"`)],
    ['lastLoggedInUserName', (a: SimulatedAgent) => `"${a.user}"`],
    ['lastSuccessfulScanDate', (a: SimulatedAgent) => stamp(a.registeredAt + 90 * minuteMs, a.install + 2)],
    ['licenseKey', ''],
    ['locationEnabled', !isServer],
    ['locationType', isServer ? 'not_applicable' : 'fallback'],
    ['locations', isServer ? null : [{ id: '1350000000000000901', name: 'Fallback', scope: 'global' }]],
    [
      'machineSid',
      (a: SimulatedAgent) =>
        model.osType === 'windows' ? `"S-1-5-21-${mix(a.machine, 10)}-${mix(a.machine, 11)}-1105"` : 'null',
    ],
    ['machineType', model.machineType],
    ['missingPermissions', isMac ? ['user_action_needed_bluetooth_per', 'user_action_needed_fda_helper'] : []],
    ['mitigationMode', 'protect'],
    ['mitigationModeSuspicious', 'detect'],
    ['modelName', model.name],
    ['networkInterfaces', networkInterfaces],
    ['networkQuarantineEnabled', false],
    ['networkStatus', nullable(a => `"${a.networkStatus}"`)],
    ['operationalState', nullable(a => `"${a.operationalState}"`)],
    ['operationalStateExpiration', null],
    ['osArch', model.arch],
    ['osName', model.osName],
    ['osRevision', (a: SimulatedAgent) => `"${model.revisions[a.revision] ?? ''}"`],
    ['osStartTime', (a: SimulatedAgent) => `"${timeText(a.bootedAt)}Z"`],
    ['osType', model.osType],
    ['osUsername', (a: SimulatedAgent) => (a.user === '' ? 'null' : `"${a.user}"`)],
    ['policyUpdatedAt', null],
    [
      'proxyStates',
      isServer
        ? null
        : { console: false, consoleProxyAddress: null, deepVisibility: false, pacFileUsage: null, proxyMethod: null },
    ],
    ['rangerStatus', isServer ? 'Enabled' : 'NotApplicable'],
    ['rangerVersion', isServer ? '24.1.0.14' : null],
    ['registeredAt', (a: SimulatedAgent) => stamp(a.registeredAt, a.install)],
    ['remoteProfilingState', 'disabled'],
    ['remoteProfilingStateExpiration', null],
    ['scanAbortedAt', null],
    ['scanFinishedAt', (a: SimulatedAgent) => stamp(a.registeredAt + 90 * minuteMs, a.install + 3)],
    ['scanStartedAt', (a: SimulatedAgent) => stamp(a.registeredAt + 5 * minuteMs, a.install + 4)],
    ['scanStatus', 'finished'],
    ['', serialNumber],
    ['showAlertIcon', !isServer],
    ['siteId', (a: SimulatedAgent) => `"${a.site.id}"`],
    ['siteName', (a: SimulatedAgent) => `"${a.site.name}"`],
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
    ['threatRebootRequired', flag(a => a.rebootRequired)],
    ['totalMemory', model.memoryMb],
    ['updatedAt', (a: SimulatedAgent, at: number) => stamp(updatedAt(a, at), a.install + 5)],
    ['userActionsNeeded', isMac ? ['user_action_needed'] : []],
    ['uuid', (a: SimulatedAgent) => `"${uuidOf(a)}"`],
  ];
}

interface Template {
  pieces: readonly string[];
  holes: readonly Hole[];
}

const isHole = (value: unknown): value is Hole => typeof value === 'function';

function compile(agent: SimulatedAgent): Template {
  const pieces: string[] = [];
  const holes: Hole[] = [];
  let piece = '{';
  const all = fields(agent);
  for (const [i, [name, value]] of all.entries()) {
    if (name !== '') piece += `"${name}":`;
    if (isHole(value)) {
      pieces.push(piece);
      holes.push(value);
      piece = '';
    } else piece += asciiJson(value);
    if (name !== '' && i < all.length - 1) piece += ',';
  }
  pieces.push(`${piece}}`);
  return { pieces, holes };
}

const templates = new Map<SimulatedAgent['model'], Template>();

/** How many fields a row has when none is left out. */
export function fieldCount(agent: SimulatedAgent): number {
  return fields(agent).length;
}

/**
 * @param at the fleet's time in ms
 * @returns the row's JSON text, in plain ASCII
 */
export function renderRow(agent: SimulatedAgent, at: number): string {
  let template = templates.get(agent.model);
  if (!template) {
    template = compile(agent);
    templates.set(agent.model, template);
  }
  const { pieces, holes } = template;
  let row = pieces[0] ?? '';
  for (let i = 0; i < holes.length; i++) row += (holes[i]?.(agent, at) ?? '') + pieces[i + 1];
  return row;
}
