// What administrators and time do, on the naive twin. A refused request gives 'refused'; the real one must refuse it too.
import { formatDuration } from '../../src/posture/duration.ts';
import { nameFields, namesMeant } from './names.ts';
import { isAlwaysPlaceholder, meaningOf } from './serials.ts';
import { keyOf, type Twin, type TwinDevice, type TwinIntegration, type TwinValue, type Values } from './twin.ts';
import { expireAttributes, state } from './twin-custom.ts';

const hour = 3_600_000;
const day = 24 * hour;

export type Act = 'done' | 'refused';

export interface DeviceRecord {
  id: string;
  hostname?: string | null;
  tags?: string[] | null;
  serialNumbers?: string[] | null;
  addresses?: string[] | null;
  certificateFingerprints?: string[] | null;
}

/** What is meant -> as it was written first. */
function meant(raws: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const raw of raws) {
    const serial = meaningOf(raw);
    if (serial !== null && !found.has(serial)) found.set(serial, raw.trim());
  }
  return found;
}

const written = (serials: ReadonlyMap<string, string>) => [...serials].sort(byFirst).map(([, raw]) => raw);
const byFirst = (a: readonly [string, unknown], b: readonly [string, unknown]) => (a[0] < b[0] ? -1 : 1);
const nameOf = (device: TwinDevice) => device.hostname ?? device.id;

/**
 * Does what changes which device an agent is on, and answers anew. A value whose loss was withheld belonged to the device
 * because its agent did: when that ends by an administrator's word, the value ends with it.
 */
function changeMatches(twin: Twin, change: () => void): void {
  const disputed = disputes(twin);
  const matches = () => new Map([...twin.agents].map(([key, agent]) => [key, twin.matchOf(agent).device]));
  const before = matches();
  change();
  const after = matches();
  tellDisputes(twin, disputed);
  const isOver = (device: string, { integration, agent }: TwinValue) => {
    const key = `${integration}/${agent}`;
    return before.get(key) === device && after.get(key) !== device;
  };
  const said = twin.said();
  const kept = new Map(
    [...twin.answers.keys()].map(device => {
      const values = twin.stillWithheld(device, said.get(device));
      for (const [name, value] of values) if (isOver(device, value)) values.delete(name);
      return [device, values] as const;
    }),
  );
  twin.answer(kept);
}

/** Which devices claim the same serial as another one, by serial. */
function disputes(twin: Twin): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const device of twin.devices.values())
    for (const serial of device.reported.keys())
      if (twin.problemOf(device, serial, 'reported') === 'serial_on_several_devices')
        found.set(serial, [...(found.get(serial) ?? []), device.id].sort());
  return found;
}

function tellDisputes(twin: Twin, before: ReadonlyMap<string, readonly string[]>): void {
  for (const [serial, devices] of disputes(twin)) {
    const [first] = devices.filter(id => !before.get(serial)?.includes(id));
    const device = first === undefined ? undefined : twin.devices.get(first);
    if (device === undefined) continue;
    twin.events.push({
      event: 'NODE.CONFLICT.POSTURE_IDENTITY',
      target: device.id,
      name: nameOf(device),
      new: { serialNumber: device.reported.get(serial), devices: devices.slice(0, 20), count: devices.length },
    });
  }
}

/** One record; several are imported together only if no id comes twice. */
export function importDevices(twin: Twin, records: readonly DeviceRecord[]): Act {
  changeMatches(twin, () => {
    const refusals: [TwinDevice, string][] = [];
    for (const record of records) {
      const known = twin.devices.get(record.id);
      const device = known ?? {
        id: record.id,
        hostname: null,
        tags: [],
        reported: new Map<string, string>(),
        byHand: new Map<string, string>(),
        addresses: [],
        certificateFingerprints: [],
      };
      twin.devices.set(record.id, device);
      const old: Values = {};
      const young: Values = {};
      if (record.hostname !== undefined && record.hostname !== device.hostname) {
        old.hostname = device.hostname;
        young.hostname = record.hostname;
        device.hostname = record.hostname;
      }
      if (record.tags !== undefined && JSON.stringify(record.tags ?? []) !== JSON.stringify(device.tags)) {
        old.tags = device.tags;
        young.tags = record.tags ?? [];
        device.tags = record.tags ?? [];
      }
      const before = device.reported;
      const given = meant(record.serialNumbers ?? []);
      const isNew = record.serialNumbers !== undefined && !sameKeys(given, before);
      if (isNew) {
        device.reported = new Map([...given].map(([serial, raw]) => [serial, before.get(serial) ?? raw]));
        for (const serial of given.keys()) if (!before.has(serial)) refusals.push([device, serial]);
      }
      const names = takeNames(device, record);
      const at = { target: device.id, name: nameOf(device) };
      if (!known) {
        const { hostname, tags } = device;
        const told = { ...(hostname === null ? {} : { hostname }), tags, serialNumbers: written(device.reported) };
        twin.events.push({ event: 'NODE.CREATE', ...at, new: { ...told, ...names.given } });
        continue;
      }
      if (Object.keys(young).length > 0) twin.events.push({ event: 'NODE.UPDATE', ...at, old, new: young });
      if (isNew || Object.keys(names.young).length > 0) {
        twin.events.push({
          event: 'NODE.UPDATE.POSTURE_IDENTITY',
          ...at,
          old: { ...names.old, ...(isNew ? { serialNumbers: written(before) } : {}) },
          new: { ...names.young, ...(isNew ? { serialNumbers: written(device.reported) } : {}) },
        });
      }
    }
    for (const [device, serial] of refusals) {
      if (twin.problemOf(device, serial, 'reported') !== 'serial_set_on_other_device') continue;
      const holder = [...twin.devices.values()].find(other => other.byHand.has(serial));
      twin.events.push({
        event: 'NODE.REFUSE.POSTURE_IDENTITY',
        target: device.id,
        name: nameOf(device),
        new: { serialNumber: device.reported.get(serial), device: device.id, heldBy: holder?.id },
      });
    }
  });
  return 'done';
}

/** Gives a device the addresses and fingerprints of a record. @returns what was given, and what changed */
function takeNames(device: TwinDevice, record: DeviceRecord): { given: Values; old: Values; young: Values } {
  const names = { given: {} as Values, old: {} as Values, young: {} as Values };
  for (const field of nameFields) {
    const raws = record[field];
    if (raws === undefined) continue;
    const meant = namesMeant(raws ?? []);
    names.given[field] = meant;
    if (meant.join() === device[field].join()) continue;
    names.old[field] = device[field];
    names.young[field] = meant;
    device[field] = meant;
  }
  return names;
}

const sameKeys = (a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>) =>
  a.size === b.size && [...a.keys()].every(key => b.has(key));

export function setSerials(twin: Twin, id: string, raws: readonly string[]): Act {
  const wanted = meant(raws);
  for (const serial of wanted.keys()) if (twin.isPlaceholder(serial)) return 'refused';
  const device = twin.devices.get(id);
  if (!device) return 'refused';
  const at = { target: id, name: nameOf(device) };
  for (const serial of [...wanted.keys()].sort()) {
    for (const other of twin.devices.values()) {
      if (other === device || !other.byHand.has(serial)) continue;
      const details = { serialNumber: other.byHand.get(serial), device: id, heldBy: other.id };
      twin.events.push({ event: 'NODE.REFUSE.POSTURE_IDENTITY', ...at, new: details });
      return 'refused';
    }
  }
  if (sameKeys(wanted, device.byHand)) return 'done';
  const old = { serialNumbersByHand: written(device.byHand) };
  twin.events.push({
    event: 'NODE.UPDATE.POSTURE_IDENTITY',
    ...at,
    old,
    new: { serialNumbersByHand: written(wanted) },
  });
  changeMatches(twin, () => {
    device.byHand = wanted;
  });
  return 'done';
}

export function bindAgent(twin: Twin, device: string | null, agentId: string, integration: string): Act {
  if (device !== null && !twin.devices.has(device)) return 'refused';
  const agent = twin.agents.get(`${integration}/${agentId}`);
  if (!agent) return 'refused';
  const before = agent.boundTo;
  if (before === device) return 'done';
  const told = (id: string | null) => (id === null ? null : { device: id, agent: agentId, integration });
  for (const target of [before, device]) {
    if (target === null) continue;
    const event = { event: 'NODE.BIND.AGENT', target, name: nameOf(mustHave(twin, target)) };
    twin.events.push({ ...event, ...some('old', told(before)), ...some('new', told(device)) });
  }
  changeMatches(twin, () => {
    agent.boundTo = device;
  });
  return 'done';
}

const some = (name: string, value: unknown) => (value === null ? {} : { [name]: value });

function mustHave(twin: Twin, id: string): TwinDevice {
  const device = twin.devices.get(id);
  if (!device) throw new Error(`no device ${id}`);
  return device;
}

export function removeDevice(twin: Twin, id: string): Act {
  const device = twin.devices.get(id);
  if (!device) return 'refused';
  const values = twin.answers.get(id);
  twin.answers.delete(id);
  if (values) {
    const old = Object.fromEntries([...values].map(([name, { value }]) => [name, value]));
    twin.events.push({ event: 'NODE.DELETE.ATTRIBUTES', target: id, name: nameOf(device), old });
  }
  state(twin, id, new Map());
  const serialNumbers = [...written(device.byHand), ...written(device.reported)];
  const told = {
    ...{ hostname: device.hostname, serialNumbers },
    ...Object.fromEntries(nameFields.filter(field => device[field].length > 0).map(field => [field, device[field]])),
  };
  twin.events.push({ event: 'NODE.DELETE', target: id, name: nameOf(device), old: told });
  changeMatches(twin, () => {
    twin.devices.delete(id);
    for (const agent of twin.agents.values()) if (agent.boundTo === id) agent.boundTo = null;
  });
  return 'done';
}

export function changePlaceholders(twin: Twin, change: { add: string[]; remove: string[] }): Act {
  const add = new Map<string, string>();
  for (const raw of change.add) {
    const serial = meaningOf(raw);
    if (serial === null) return 'refused';
    if (!isAlwaysPlaceholder(serial) && !twin.placeholders.has(serial) && !add.has(serial)) add.set(serial, raw);
  }
  const remove = new Map<string, string>();
  for (const raw of change.remove) {
    const serial = meaningOf(raw);
    const listed = serial === null ? undefined : (twin.placeholders.get(serial) ?? add.get(serial));
    if (serial === null || listed === undefined) return 'refused';
    remove.set(serial, listed);
  }
  if (add.size + remove.size === 0) return 'done';
  twin.events.push({
    event: 'TAILNET.UPDATE.PLACEHOLDER_SERIALS',
    target: 'placeholder-serials',
    name: 'placeholder-serials',
    old: [...remove.values()],
    new: [...add.values()],
  });
  changeMatches(twin, () => {
    for (const [serial, raw] of add) twin.placeholders.set(serial, raw);
    for (const serial of remove.keys()) twin.placeholders.delete(serial);
  });
  return 'done';
}

const told = (it: TwinIntegration): Values => ({
  name: it.name,
  ...it.settings,
  expireAfter: it.expireAfterMs === null ? 'off' : formatDuration(it.expireAfterMs),
  holdFloor: it.holdFloor,
  holdShare: it.holdShare,
});

function tell(twin: Twin, it: TwinIntegration, action: string, entry: { old?: unknown; new?: unknown }): void {
  const event = `TAILNET.${action}.POSTURE_INTEGRATION`;
  twin.events.push({ event, target: `p${it.name}`, name: it.name, ...entry });
}

export interface IntegrationChange {
  expireAfterMs?: number | null;
  holdFloor?: number;
  holdShare?: number;
  requestsPerSecond?: number;
}

export function updateIntegration(twin: Twin, name: string, change: IntegrationChange): Act {
  const it = twin.integrations.get(name);
  if (!it) return 'refused';
  const before = told(it);
  const { requestsPerSecond, ...limits } = change;
  const lifetime = it.expireAfterMs;
  Object.assign(it, limits);
  if (requestsPerSecond !== undefined) it.settings = { ...it.settings, requestsPerSecond };
  const after = told(it);
  const changed = Object.keys(after).filter(field => before[field] !== after[field]);
  if (changed.length === 0) return 'done';
  const part = (of: Values) => Object.fromEntries(changed.map(field => [field, of[field]]));
  tell(twin, it, 'UPDATE', { old: part(before), new: part(after) });
  if (changed.includes('requestsPerSecond')) {
    it.settingsVersion++;
    it.accepted = null;
    if (it.pause !== null) tell(twin, it, 'RESUME', {});
    it.pause = null;
    it.pausedUntil = null;
  }
  if (it.expireAfterMs !== lifetime) {
    it.evidenceWarned = null;
    twin.answerAnew();
  }
  return 'done';
}

export function removeIntegration(twin: Twin, name: string): Act {
  const it = twin.integrations.get(name);
  if (!it) return 'refused';
  twin.integrations.delete(name);
  const bindings = twin
    .agentsOf(name)
    .flatMap(({ id, boundTo }) => (boundTo === null ? [] : [{ agent: id, device: boundTo }]))
    .sort((a, b) => (a.agent < b.agent ? -1 : 1));
  for (const agent of twin.agentsOf(name)) twin.agents.delete(keyOf(agent));
  const kept = new Map<string, ReturnType<Twin['stillWithheld']>>();
  const said = twin.said();
  for (const device of twin.answers.keys()) {
    const values = twin.stillWithheld(device, said.get(device));
    for (const [attribute, value] of values)
      if (value.integration === name || value.withheld?.by === name) values.delete(attribute);
    kept.set(device, values);
  }
  twin.answer(kept);
  tell(twin, it, 'DELETE', { old: { provider: 'fake', ...told(it), ...(bindings.length > 0 ? { bindings } : {}) } });
  return 'done';
}

export function pauseIntegration(twin: Twin, name: string): Act {
  const it = twin.integrations.get(name);
  if (!it) return 'refused';
  if (it.pause === 'administrator') return 'done';
  it.pause = 'administrator';
  it.pausedUntil = null;
  tell(twin, it, 'PAUSE', { new: { reason: 'administrator', until: null } });
  return 'done';
}

export function resumeIntegration(twin: Twin, name: string): Act {
  const it = twin.integrations.get(name);
  if (!it) return 'refused';
  if (it.pause === null) return 'done';
  tell(twin, it, 'RESUME', { old: { reason: it.pause } });
  it.pause = null;
  it.pausedUntil = null;
  return 'done';
}

/** As many losses as are shown and a tenth more, rounded down. */
export function acceptLosses(twin: Twin, name: string): Act {
  const it = twin.integrations.get(name);
  if (!it || it.heldDevices === null) return 'refused';
  const atMost = it.heldDevices + Math.floor(it.heldDevices / 10);
  it.accepted = { devices: atMost, until: twin.now() + day };
  const until = new Date(it.accepted.until).toISOString();
  tell(twin, it, 'ACCEPT', { new: { devices: it.heldDevices, atMost, until } });
  return 'done';
}

/** Off, no value and no hold is left; on, everything is as if it had never been off. A wrong number is refused. */
export function switchCollection(twin: Twin, isOn: boolean, confirm: number): Act {
  if (isOn === twin.isCollecting) return 'done';
  const devices = twin.answers.size;
  if (!isOn && confirm !== devices) return 'refused';
  const attributes = [...twin.answers.values()].reduce((sum, values) => sum + values.size, 0);
  twin.isCollecting = isOn;
  const event = `TAILNET.${isOn ? 'ENABLE' : 'DISABLE'}.COLLECT_POSTURE_IDENTITY`;
  twin.events.push({
    ...{ event, target: 'settings', name: 'settings' },
    old: { postureIdentityCollectionOn: !isOn },
    new: { postureIdentityCollectionOn: isOn, ...(!isOn && devices > 0 ? { devices, attributes } : {}) },
  });
  twin.answer(new Map());
  if (isOn) return 'done';
  for (const it of twin.integrations.values()) {
    if (it.heldDevices !== null) tell(twin, it, 'RELEASE', {});
    it.heldDevices = null;
    it.accepted = null;
  }
  return 'done';
}

/** What the keeper does each minute. */
export function keep(twin: Twin): Act {
  for (const it of [...twin.integrations.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    warn(twin, it);
    escalate(twin, it);
    expireWhilePaused(twin, it);
  }
  expireAttributes(twin);
  const before = twin.now() - 30 * day;
  for (const [key, agent] of twin.agents)
    if (agent.gone !== null && agent.goneAt !== null && agent.goneAt < before && agent.boundTo === null)
      twin.agents.delete(key);
  return 'done';
}

/** The nearest of the warnings that are due: so many units are left, or fewer. */
function due(twin: Twin, end: number | null, unit: number, warnings: number[]): number | null {
  if (end === null || end <= twin.now()) return null;
  const reached = warnings.filter(units => end - twin.now() <= units * unit);
  return reached.length === 0 ? null : Math.min(...reached);
}

function warn(twin: Twin, it: TwinIntegration): void {
  const within = due(twin, it.tokenExpiresAt, day, [30, 7, 1]);
  if (within !== null && within < (it.tokenWarned ?? Number.POSITIVE_INFINITY)) {
    it.tokenWarned = within;
    const at = new Date(it.tokenExpiresAt ?? 0).toISOString();
    tell(twin, it, 'WARN', { new: { expires: 'token', at, within: `${within} days` } });
  }
  const lifetime = it.expireAfterMs;
  if (lifetime === null || it.sweptAt === null) return;
  const warnings = [48, 24, 12].filter(hours => hours * hour < lifetime);
  const left = due(twin, it.sweptAt + lifetime, hour, warnings);
  if (left !== null && left < (it.evidenceWarned ?? Number.POSITIVE_INFINITY)) {
    it.evidenceWarned = left;
    const at = new Date(it.sweptAt + lifetime).toISOString();
    tell(twin, it, 'WARN', { new: { expires: 'evidence', at, within: `${left} hours` } });
  }
}

/** Failures are told once more when they have lasted for an hour. */
function escalate(twin: Twin, it: TwinIntegration): void {
  if (it.failingSince === null || it.isEscalated || it.pause !== null || twin.now() - it.failingSince < hour) return;
  it.isEscalated = true;
  tell(twin, it, 'ESCALATE', { new: { failingSince: new Date(it.failingSince).toISOString(), error: it.error } });
}

/** While an administrator's pause lets no sync be tried, the clock alone judges, when that changes anything. */
function expireWhilePaused(twin: Twin, it: TwinIntegration): void {
  if (it.pause !== 'administrator') return;
  const now = twin.now();
  const turns = (confirmedAt: number) =>
    twin.isExpired(it.name, confirmedAt) !== twin.isExpired(it.name, confirmedAt, now);
  const agents = twin.agentsOf(it.name).filter(agent => agent.gone === null && twin.matchOf(agent).device !== null);
  const withheld = [...twin.answers.values()].flatMap(values => [...values.values()]);
  const isDue =
    agents.some(agent => turns(twin.confirmedAt(agent))) ||
    withheld.some(value => value.withheld && value.integration === it.name && turns(value.withheld.confirmedAt));
  if (!isDue) return;
  it.judgedAt = now;
  twin.answerAnew();
}
