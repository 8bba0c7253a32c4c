// The steps that a model test takes, drawn from a seed as plain data. A step that finds nothing to act on does nothing, so
// that any part of a sequence can be left out and the rest still means something: that is how failures are made small.
import type { ProviderErrorKind } from '../../src/errors.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { type NameField, nameFields, namesOf, spellingsOfName } from './names.ts';
import { placeholderSpellings, realSerials, spellingsOf } from './serials.ts';
import type { DeviceRecord, IntegrationChange } from './twin-acts.ts';
import type { CustomPatch } from './twin-custom.ts';

const minute = 60_000;
const hour = 60 * minute;

export interface DrawnAgent {
  id: string;
  hostname: string | null;
  serials: string[];
  active: boolean | null;
  registeredAt: string | null;
  decommissioned: boolean;
  values: Record<string, boolean | number | string>;
}

export type AdministratorStep =
  | { do: 'import'; records: DeviceRecord[] }
  | { do: 'remove device'; id: string }
  | { do: 'attributes'; patch: CustomPatch }
  | { do: 'serials'; id: string; serials: string[] }
  | { do: 'bind'; device: string | null; agent: string; integration: string }
  | { do: 'placeholders'; add: string[]; remove: string[] }
  | { do: 'settings'; integration: string; change: IntegrationChange }
  | { do: 'identity collection'; isOn: boolean; isMiscounted: boolean }
  | { do: 'accept' | 'pause' | 'resume' | 'remove integration'; integration: string };

export interface SyncStep {
  do: 'sync';
  integration: string;
  fail: { page: number | 'some'; kind: ProviderErrorKind; retryAfterMs?: number } | null;
  totalOff: number;
  /** Told to stop behind so many pages; 0: before the first. */
  stopAfter: number | null;
  /** A dry run comes first. */
  dryRunFirst: boolean;
  /** Where it succeeds it runs again at once, and must write nothing. */
  twice: boolean;
  /** So long from the claim to the end of reading. */
  takesMs: number;
  /** What an administrator does meanwhile. */
  meanwhile: { at: 'claimed' | 'page staged' | 'before head' | 'after commit'; act: AdministratorStep } | null;
}

export type Step =
  | AdministratorStep
  | SyncStep
  | { do: 'add integration'; integration: string; limits: IntegrationChange }
  | { do: 'agents'; integration: string; agents: DrawnAgent[] }
  | { do: 'agents vanish'; integration: string; ids: string[] }
  | { do: 'agents come back'; integration: string }
  | { do: 'behave'; integration: string; unreadable: string[]; hidden: string[]; repeated: string[]; pageSize: number }
  | { do: 'token'; integration: string; expiresAt: string | null }
  | { do: 'pass'; ms: number }
  | { do: 'keep' };

/** Draws with a seed: equal seeds give equal steps. */
class Draw {
  private readonly next: () => number;
  constructor(seed: number) {
    this.next = createRandom(Math.imul(seed, 0x9e3779b1));
    for (let i = 0; i < 3; i++) this.next();
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  upTo(most: number): number {
    return Math.floor(this.next() * (most + 1));
  }
  one<T>(list: readonly T[]): T {
    const found = list[Math.floor(this.next() * list.length)];
    if (found === undefined) throw new Error('nothing to draw from');
    return found;
  }
  some<T>(list: readonly T[], probability: number): T[] {
    return list.filter(() => this.chance(probability));
  }
  weighted<T extends string>(weights: Record<T, number>): T {
    const entries = Object.entries(weights) as [T, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [what, weight] of entries) {
      left -= weight;
      if (left < 0) return what;
    }
    return this.one(entries)[0];
  }
}

const mostDevices = 25;
const mostAgents = 25;
const deviceIds = Array.from({ length: mostDevices }, (_, i) => `d${i + 1}`);
/** A provider's ids may have different lengths: the longer one is the higher. */
const agentIds = Array.from({ length: mostAgents }, (_, i) => String(i * 4 + 2));
/** Too long to be an id: its row is counted and passed over. */
const noId = 'n'.repeat(300);
const registrations = ['2025-11-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '2026-02-14T08:30:00.000Z'];
const faults: ProviderErrorKind[] = ['auth', 'permission', 'throttled', 'unavailable', 'malformed', 'settings'];

function drawSerial(draw: Draw, preferred: number): string {
  if (draw.chance(0.06)) return draw.one(placeholderSpellings);
  const serial = draw.chance(0.85) ? realSerials[preferred % realSerials.length] : draw.one(realSerials);
  return draw.one(spellingsOf(serial ?? 'SER01'));
}

function drawSerials(draw: Draw, preferred: number, none: number): string[] {
  if (draw.chance(none)) return [];
  const several = draw.chance(0.1) ? 1 + draw.upTo(2) : 1;
  return Array.from({ length: several }, () => drawSerial(draw, preferred));
}

function drawValues(draw: Draw): DrawnAgent['values'] {
  const values: DrawnAgent['values'] = {};
  if (draw.chance(0.04)) return values;
  if (draw.chance(0.92)) values['fake:isActive'] = draw.chance(0.8);
  if (draw.chance(0.9)) values['fake:threats'] = draw.upTo(2);
  if (draw.chance(0.9)) values['fake:state'] = draw.one(['na', 'na', 'pending', '', '\u00fc\u2028"\\\t']);
  // Either well below or well above the resolution of six hours; what lies between is spread by the agent's id.
  const seen = Date.parse('2026-02-20T00:00:00Z') + draw.upTo(3) * 10 * hour + draw.upTo(170) * minute;
  if (draw.chance(0.8)) values['fake:lastSeen'] = new Date(seen).toISOString();
  return values;
}

function drawAgent(draw: Draw, id: string): DrawnAgent {
  return {
    id,
    hostname: draw.chance(0.9) ? `host-${draw.upTo(4)}` : null,
    serials: drawSerials(draw, agentIds.indexOf(id), 0.05),
    active: draw.one([true, true, true, true, false, false, null]),
    registeredAt: draw.chance(0.9) ? draw.one(registrations) : null,
    decommissioned: draw.chance(0.04),
    values: drawValues(draw),
  };
}

function drawRecord(draw: Draw, id: string): DeviceRecord {
  const record: DeviceRecord = { id };
  if (draw.chance(0.7)) record.hostname = draw.chance(0.9) ? `name-${draw.upTo(3)}` : null;
  if (draw.chance(0.2)) record.tags = draw.chance(0.8) ? draw.some(['tag:a', 'tag:b'], 0.5) : null;
  if (draw.chance(0.9))
    record.serialNumbers = draw.chance(0.95) ? drawSerials(draw, deviceIds.indexOf(id), 0.05) : null;
  return record;
}

function drawLimits(draw: Draw): IntegrationChange {
  return {
    expireAfterMs: draw.one([72 * hour, 72 * hour, 24 * hour, 5 * hour, 30 * minute, null]),
    holdFloor: draw.one([2, 2, 2, 0, 1, 4]),
    holdShare: draw.one([0.2, 0.2, 0.2, 0, 0.5, 1]),
  };
}

function drawChange(draw: Draw): IntegrationChange {
  const { expireAfterMs, holdFloor, holdShare } = drawLimits(draw);
  if (draw.chance(0.45) && expireAfterMs !== undefined) return { expireAfterMs };
  if (draw.chance(0.4)) return { requestsPerSecond: 1 + draw.upTo(24) };
  return {
    ...(draw.chance(0.5) && holdFloor !== undefined ? { holdFloor } : {}),
    ...(holdShare === undefined ? {} : { holdShare }),
  };
}

const administratorWeights = {
  import: 6,
  'remove device': 3,
  serials: 5,
  bind: 5,
  placeholders: 3,
  settings: 5,
  accept: 6,
  pause: 2,
  resume: 3,
  'remove integration': 1.2,
};

function drawAdministratorStep(draw: Draw, names: readonly string[]): AdministratorStep {
  const integration = draw.one(names);
  const what = draw.weighted(administratorWeights);
  switch (what) {
    case 'import':
      return { do: what, records: draw.some(deviceIds, 0.15).map(id => drawRecord(draw, id)) };
    case 'remove device':
      return { do: what, id: draw.one(deviceIds) };
    case 'serials':
      return {
        do: what,
        id: draw.one(deviceIds),
        serials: draw.chance(0.25) ? [] : drawSerials(draw, draw.upTo(30), 0),
      };
    case 'bind':
      return {
        do: what,
        device: draw.chance(0.7) ? draw.one(deviceIds) : null,
        agent: draw.one(agentIds),
        integration,
      };
    case 'placeholders': {
      const list = draw.some(realSerials.slice(0, 8), 0.3).map(serial => draw.one(spellingsOf(serial)));
      return draw.chance(0.6) ? { do: what, add: list, remove: [] } : { do: what, add: [], remove: list.slice(0, 1) };
    }
    case 'settings':
      return { do: what, integration, change: drawChange(draw) };
    default:
      return { do: what, integration };
  }
}

function drawSync(draw: Draw, names: readonly string[]): SyncStep {
  const kind = draw.one(faults);
  const page = draw.chance(0.25) ? 'some' : draw.upTo(4);
  const isFaulty = draw.chance(0.3);
  return {
    do: 'sync',
    integration: draw.one(names),
    fail: isFaulty
      ? { page, kind, ...(kind === 'throttled' ? { retryAfterMs: (1 + draw.upTo(90)) * minute } : {}) }
      : null,
    totalOff: draw.chance(0.06) ? draw.one([1, 3, -1]) : 0,
    stopAfter: draw.chance(0.05) ? draw.upTo(4) : null,
    dryRunFirst: draw.chance(0.15),
    twice: draw.chance(0.15),
    takesMs: draw.chance(0.1) ? draw.upTo(40) * minute : 0,
    meanwhile: draw.chance(0.15)
      ? {
          at: draw.one(['claimed', 'page staged', 'before head', 'before head', 'after commit'] as const),
          act: drawAdministratorStep(draw, names),
        }
      : null,
  };
}

const weights = {
  sync: 44,
  agents: 18,
  'agents vanish': 7,
  'agents come back': 4,
  behave: 9,
  token: 1.5,
  pass: 9,
  keep: 4,
  'add integration': 1.2,
  administrator: 25,
};

/** All steps of a seed. */
export function drawSteps(seed: number): Step[] {
  const draw = new Draw(seed);
  const names = ['one', 'two', 'three'].slice(0, draw.one([1, 1, 1, 2, 2, 3]));
  const late = ['four', 'five'];
  const steps: Step[] = names.map(integration => ({ do: 'add integration', integration, limits: drawLimits(draw) }));
  const share = draw.one([0, 0.2, 0.6, 0.9, 1]);
  steps.push({ do: 'import', records: draw.some(deviceIds, share).map(id => drawRecord(draw, id)) });
  for (const integration of names) {
    const agents = draw.some(agentIds, draw.one([0.1, 0.4, 0.8, 1])).map(id => drawAgent(draw, id));
    steps.push({ do: 'agents', integration, agents });
  }
  const fixed = steps.length;
  const count = 9 + draw.upTo(6);
  while (steps.length < fixed + count)
    steps.push(...(draw.chance(0.02) ? drawHold(draw, names) : [drawStep(draw, names, late)]));
  const named = withNames(new Draw(seed + 0x5eed), steps);
  return withCustom(new Draw(seed + 0xc0de), withSwitch(new Draw(seed + 0x0ff), named));
}

/** Turns the switch of identity collection now and then, also under a run: drawn aside like names. Mostly it is on. */
function withSwitch(draw: Draw, steps: readonly Step[]): Step[] {
  if (!draw.chance(0.3)) return [...steps];
  let isOn = true;
  const turn = () => {
    const isMiscounted = isOn && draw.chance(0.1);
    if (!isMiscounted) isOn = !isOn;
    return { do: 'identity collection', isOn: isMiscounted ? false : isOn, isMiscounted } as const;
  };
  return steps.flatMap((step): Step[] => {
    if (step.do === 'add integration' || !draw.chance(isOn ? 0.12 : 0.3)) return [step];
    if (step.do !== 'sync' || step.meanwhile !== null || draw.chance(0.4)) return [step, turn()];
    const at = draw.one(['claimed', 'page staged', 'before head', 'after commit'] as const);
    return [{ ...step, meanwhile: { at, act: turn() } }];
  });
}

/** Changes custom attributes between: drawn aside too. */
function withCustom(draw: Draw, steps: readonly Step[]): Step[] {
  return steps.flatMap(step => (draw.chance(0.2) ? [step, { do: 'attributes', patch: drawPatch(draw) }] : [step]));
}

function drawPatch(draw: Draw): CustomPatch {
  const patch: CustomPatch = {};
  for (const id of draw.some(deviceIds, draw.one([0.04, 0.2]))) {
    const entries: CustomPatch[string] = {};
    for (const key of draw.some(['custom:a', 'custom:n', 'custom:b'], 0.5)) {
      const usual = key === 'custom:a' ? draw.one(['x', 'y']) : key === 'custom:n' ? draw.upTo(2) : draw.chance(0.5);
      const value = draw.chance(0.003) ? 'odd' : usual;
      const expiryMs = draw.one([0, 0, 3 * minute, 5 * hour]);
      const spelled = draw.chance(0.003) ? key.toUpperCase().replace('CUSTOM', 'custom') : key;
      entries[spelled] = draw.chance(0.35) ? null : { value, ...(expiryMs === 0 ? {} : { expiryMs }) };
    }
    patch[id] = entries;
  }
  return patch;
}

/** Gives records addresses and fingerprints, and imports more of them between: drawn aside, so that all else stays as it was. */
function withNames(draw: Draw, steps: readonly Step[]): Step[] {
  const named = (record: DeviceRecord): DeviceRecord => {
    const more = { ...record };
    for (const field of nameFields) if (draw.chance(0.6)) more[field] = drawNames(draw, field, record.id);
    return more;
  };
  return steps.flatMap(step => {
    const meanwhile = step.do === 'sync' ? step.meanwhile : null;
    if (step.do === 'import') return [{ ...step, records: step.records.map(named) }];
    if (step.do === 'sync' && meanwhile?.act.do === 'import') {
      const act = { ...meanwhile.act, records: meanwhile.act.records.map(named) };
      return [{ ...step, meanwhile: { ...meanwhile, act } }];
    }
    if (!draw.chance(0.15)) return [step];
    return [step, { do: 'import', records: draw.some(deviceIds, 0.2).map(id => named({ id })) }];
  });
}

function drawNames(draw: Draw, field: NameField, id: string): string[] | null {
  if (draw.chance(0.05)) return null;
  if (draw.chance(0.1)) return [];
  const all = namesOf(field);
  const several = draw.chance(0.2) ? 1 + draw.upTo(3) : 1;
  return Array.from({ length: several }, () => {
    const name = draw.chance(0.7) ? all[deviceIds.indexOf(id) % all.length] : draw.one(all);
    return draw.one(spellingsOfName(field, name ?? '::1'));
  });
}

/** Many agents of a well matched fleet vanish, which is accepted, and then some more: by chance alone that would be rare. */
function drawHold(draw: Draw, names: readonly string[]): Step[] {
  const integration = draw.one(names);
  const serialOf = (i: number) => [realSerials[i] ?? 'SER01'];
  const records = deviceIds.slice(0, 12).map((id, i) => ({ id, serialNumbers: serialOf(i) }));
  const agents = agentIds.slice(0, 12).map((id, i) => ({
    ...drawAgent(draw, id),
    serials: serialOf(i),
    decommissioned: false,
  }));
  const vanish = (share: number): Step => ({ do: 'agents vanish', integration, ids: draw.some(agentIds, share) });
  const sync = { ...drawSync(draw, [integration]), fail: null, totalOff: 0, stopAfter: null };
  const between = draw.chance(0.6) ? [vanish(0.5)] : [];
  return [
    { do: 'import', records },
    { do: 'agents', integration, agents },
    ...[sync, vanish(0.5), sync],
    ...[{ do: 'accept', integration } as const, ...between, sync, vanish(0.1), sync],
  ];
}

function drawStep(draw: Draw, names: string[], late: string[]): Step {
  const integration = draw.one(names);
  const what = draw.weighted(weights);
  switch (what) {
    case 'administrator':
      return drawAdministratorStep(draw, names);
    case 'sync':
      return drawSync(draw, names);
    case 'agents': {
      const ids = draw.some(agentIds, draw.one([0.04, 0.15, 0.5]));
      if (draw.chance(0.1)) ids.push(noId);
      return { do: what, integration, agents: ids.map(id => drawAgent(draw, id)) };
    }
    case 'agents vanish':
      return { do: what, integration, ids: draw.some([...agentIds, noId], draw.one([0.08, 0.3, 0.6, 1])) };
    case 'behave': {
      const few = (probability: number) => (draw.chance(0.6) ? draw.some(agentIds, probability) : []);
      const pageSize = draw.one([1, 2, 3, 5, 30]);
      return { do: what, integration, unreadable: few(0.15), hidden: few(0.15), repeated: few(0.2), pageSize };
    }
    case 'token': {
      const day = draw.one([null, '2026-03-03', '2026-03-12', '2026-04-20']);
      return { do: what, integration, expiresAt: day === null ? null : `${day}T00:00:00.000Z` };
    }
    case 'pass':
      return {
        do: what,
        ms: draw.one([5 * minute, 40 * minute, 2 * hour, 7 * hour, 13 * hour, 30 * hour, 100 * hour]),
      };
    case 'add integration': {
      const added = late.shift();
      if (added === undefined) return { do: 'keep' };
      names.push(added);
      return { do: what, integration: added, limits: drawLimits(draw) };
    }
    case 'keep':
      return { do: what };
    default:
      return { do: what, integration };
  }
}
