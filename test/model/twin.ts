// The naive twin: what the laws say that devices have, by plain Maps and loops over everything, each time anew. It was
// written from the laws and not from the SQL, and it is the oracle of the model test. Of one provider, `fake`.
import type { NameField } from './names.ts';
import { isAlwaysPlaceholder } from './serials.ts';
import type { TwinCustom } from './twin-custom.ts';

export type Values = Record<string, unknown>;

export interface TwinDevice {
  id: string;
  hostname: string | null;
  tags: string[];
  /** What is meant -> as it was written first. */
  reported: Map<string, string>;
  byHand: Map<string, string>;
  /** In order. */
  addresses: string[];
  certificateFingerprints: string[];
}

export interface TwinAgent {
  integration: string;
  id: string;
  hostname: string | null;
  /** What is meant, each once. */
  serials: string[];
  rawSerials: string[];
  active: boolean | null;
  registeredAt: number | null;
  values: Values;
  /** Values that move at every check-in, as they were when the agent was written last. */
  moving: Record<string, string>;
  observedAt: number;
  frozenAt: number | null;
  gone: 'gone' | 'decommissioned' | null;
  goneAt: number | null;
  boundTo: string | null;
}

export interface TwinIntegration {
  name: string;
  settings: Values;
  settingsVersion: number;
  expireAfterMs: number | null;
  holdFloor: number;
  holdShare: number;
  pause: 'auth' | 'permission' | 'administrator' | null;
  pausedUntil: number | null;
  failingSince: number | null;
  /** Kind of the error of the last sync, or null. */
  error: string | null;
  isEscalated: boolean;
  sweptAt: number | null;
  judgedAt: number | null;
  heldDevices: number | null;
  accepted: { devices: number; until: number } | null;
  tokenExpiresAt: number | null;
  tokenWarned: number | null;
  evidenceWarned: number | null;
  /** Losses that sweeps brought, with their time; accepted ones are not among them. */
  losses: { at: number; devices: number }[];
}

/** A value that a device has: from which agent, and whether it is only kept because its loss is withheld. */
export interface TwinValue {
  value: unknown;
  integration: string;
  agent: string;
  /** The integration whose sweep would have taken it, and when it was confirmed last; null: an agent says it. */
  withheld: { by: string; confirmedAt: number } | null;
}

export interface TwinEvent {
  event: string;
  target: string;
  name: string;
  old?: unknown;
  new?: unknown;
}

export interface Counts {
  set: number;
  changed: number;
  removed: number;
}

const movingNames = new Set(['fake:lastSeen']);

export class Twin {
  devices = new Map<string, TwinDevice>();
  integrations = new Map<string, TwinIntegration>();
  agents = new Map<string, TwinAgent>();
  placeholders = new Map<string, string>();
  /** Device -> name -> value. A device without values is absent. */
  answers = new Map<string, Map<string, TwinValue>>();
  /** Whether agents are matched at all. */
  isCollecting = true;
  /** Device -> key -> what an administrator stated. */
  custom = new Map<string, Map<string, TwinCustom>>();
  events: TwinEvent[] = [];
  now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  agentsOf(integration: string): TwinAgent[] {
    return [...this.agents.values()].filter(agent => agent.integration === integration);
  }

  isPlaceholder(serial: string): boolean {
    return isAlwaysPlaceholder(serial) || this.placeholders.has(serial);
  }

  /** Why a serial of a device matches nothing, or null. */
  problemOf(device: TwinDevice, serial: string, source: 'reported' | 'byHand'): string | null {
    if (this.isPlaceholder(serial)) return 'placeholder_serial';
    if (source === 'byHand') return null;
    if (device.byHand.size > 0) return 'replaced_by_manual';
    for (const other of this.devices.values()) if (other.byHand.has(serial)) return 'serial_set_on_other_device';
    for (const other of this.devices.values()) {
      if (other !== device && other.byHand.size === 0 && other.reported.has(serial)) return 'serial_on_several_devices';
    }
    return null;
  }

  /** The other devices that have an address or a fingerprint: with any, it finds none of them. */
  rivalsOf(device: TwinDevice, field: NameField, name: string): string[] {
    const others = [...this.devices.values()].filter(other => other !== device && other[field].includes(name));
    return others.map(({ id }) => id).sort();
  }

  /** All problems of a device's serials; null among them is a serial that can match. */
  problemsOf(device: TwinDevice): (string | null)[] {
    const reported = [...device.reported.keys()].map(serial => this.problemOf(device, serial, 'reported'));
    const byHand = [...device.byHand.keys()].map(serial => this.problemOf(device, serial, 'byHand'));
    return [...reported, ...byHand];
  }

  /** The device that an agent is on, or why that is not known. */
  matchOf(agent: TwinAgent): { device: string | null; problem: string | null } {
    if (!this.isCollecting) return { device: null, problem: 'identity_collection_off' };
    if (agent.boundTo !== null) return { device: agent.boundTo, problem: null };
    if (agent.serials.length === 0) return { device: null, problem: 'no_serial' };
    const found = new Set<string>();
    let isShared = false;
    for (const device of this.devices.values()) {
      for (const source of ['reported', 'byHand'] as const) {
        for (const serial of device[source].keys()) {
          if (!agent.serials.includes(serial)) continue;
          const problem = this.problemOf(device, serial, source);
          if (problem === null) found.add(device.id);
          if (problem === 'serial_on_several_devices') isShared = true;
        }
      }
    }
    const [only, another] = found;
    if (another !== undefined) return { device: null, problem: 'serials_of_several_devices' };
    if (only !== undefined) return { device: only, problem: null };
    if (isShared) return { device: null, problem: 'serial_on_several_devices' };
    if (agent.serials.every(serial => this.isPlaceholder(serial)))
      return { device: null, problem: 'placeholder_serial' };
    return { device: null, problem: 'no_device' };
  }

  /** When an agent was confirmed for the last time. */
  confirmedAt(agent: TwinAgent): number {
    if (agent.frozenAt !== null) return agent.frozenAt;
    return Math.max(agent.observedAt, this.integrations.get(agent.integration)?.sweptAt ?? 0);
  }

  /** Evidence is too old once a sync was tried when it was so old. */
  isExpired(integration: string, confirmedAt: number, judgedAt?: number): boolean {
    const it = this.integrations.get(integration);
    const judged = judgedAt ?? it?.judgedAt ?? null;
    if (!it || it.expireAfterMs === null || judged === null) return false;
    return confirmedAt + it.expireAfterMs <= judged;
  }

  /** Agents by the device they are on. */
  agentsByDevice(): Map<string, TwinAgent[]> {
    const found = new Map<string, TwinAgent[]>();
    for (const agent of this.agents.values()) {
      const { device } = this.matchOf(agent);
      if (device !== null) found.set(device, [...(found.get(device) ?? []), agent]);
    }
    return found;
  }

  canSpeak(agent: TwinAgent): boolean {
    return agent.gone === null && !this.isExpired(agent.integration, this.confirmedAt(agent));
  }

  /** Not gone, then active, then registered last, then highest id, then the integration. */
  speakerOf(agents: readonly TwinAgent[]): TwinAgent | null {
    let best: TwinAgent | null = null;
    for (const agent of agents) if (this.canSpeak(agent) && (best === null || isBefore(agent, best))) best = agent;
    return best;
  }

  /** Why each agent speaks for no device; null: it speaks. By `integration/id`. */
  agentReasons(): Map<string, string | null> {
    const reasons = new Map<string, string | null>();
    const byDevice = this.agentsByDevice();
    for (const [key, agent] of this.agents) {
      const { device, problem } = this.matchOf(agent);
      if (agent.gone !== null) reasons.set(key, agent.gone);
      else if (device === null) reasons.set(key, problem);
      else if (!this.canSpeak(agent)) reasons.set(key, 'expired');
      else reasons.set(key, this.speakerOf(byDevice.get(device) ?? []) === agent ? null : 'older_duplicate');
    }
    return reasons;
  }

  /** Why no agent speaks for a device, or null. */
  deviceReasons(): Map<string, string | null> {
    const byDevice = this.agentsByDevice();
    const reasons = this.agentReasons();
    const found = new Map<string, string | null>();
    for (const device of this.devices.values()) {
      const its = (byDevice.get(device.id) ?? []).map(agent => reasons.get(keyOf(agent)) ?? null);
      const problems = this.problemsOf(device);
      const first = (order: string[], among: (string | null)[]) => order.find(reason => among.includes(reason)) ?? null;
      if (!this.isCollecting) found.set(device.id, 'identity_collection_off');
      else if (its.includes(null)) found.set(device.id, null);
      else if (its.length > 0) found.set(device.id, first(['expired', 'gone', 'decommissioned'], its));
      else if (problems.length === 0) found.set(device.id, 'no_serial');
      else if (problems.includes(null)) found.set(device.id, 'no_agent');
      else {
        const order = ['serial_on_several_devices', 'serial_set_on_other_device', 'placeholder_serial'];
        found.set(device.id, first(order, problems));
      }
    }
    return found;
  }

  /** What the agents say of each device, by name. */
  said(): Map<string, Map<string, TwinValue>> {
    const found = new Map<string, Map<string, TwinValue>>();
    for (const [device, agents] of this.agentsByDevice()) {
      const speaker = this.speakerOf(agents);
      if (!speaker) continue;
      const values = new Map<string, TwinValue>();
      for (const [name, value] of Object.entries({ ...speaker.values, ...speaker.moving }))
        values.set(name, { value, integration: speaker.integration, agent: speaker.id, withheld: null });
      found.set(device, values);
    }
    return found;
  }

  /** The withheld values of a device that still count and that no agent says again. */
  stillWithheld(device: string, said: ReadonlyMap<string, TwinValue> | undefined): Map<string, TwinValue> {
    const kept = new Map<string, TwinValue>();
    for (const [name, value] of this.answers.get(device) ?? []) {
      if (value.withheld && !said?.has(name) && !this.isExpired(value.integration, value.withheld.confirmedAt))
        kept.set(name, value);
    }
    return kept;
  }

  /** Brings the answers to what agents say, with what is withheld beside it, and tells each change. */
  answer(withheld: ReadonlyMap<string, Map<string, TwinValue>>): Counts {
    const counts = { set: 0, changed: 0, removed: 0 };
    const said = this.said();
    const next = new Map<string, Map<string, TwinValue>>();
    for (const device of new Set([...said.keys(), ...withheld.keys()])) {
      const values = new Map([...(withheld.get(device) ?? []), ...(said.get(device) ?? [])]);
      if (values.size > 0) next.set(device, values);
    }
    for (const device of [...new Set([...this.answers.keys(), ...next.keys()])].sort())
      this.tell(device, this.answers.get(device), next.get(device), counts);
    this.answers = next;
    return counts;
  }

  /** After anything but a sweep: every loss counts. */
  answerAnew(): Counts {
    const said = this.said();
    const kept = new Map<string, Map<string, TwinValue>>();
    for (const device of this.answers.keys()) {
      const values = this.stillWithheld(device, said.get(device));
      if (values.size > 0) kept.set(device, values);
    }
    return this.answer(kept);
  }

  private tell(
    device: string,
    before: ReadonlyMap<string, TwinValue> | undefined,
    after: ReadonlyMap<string, TwinValue> | undefined,
    counts: Counts,
  ): void {
    const old: Values = {};
    const young: Values = {};
    for (const name of new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])) {
      const was = before?.get(name);
      const is = after?.get(name);
      if (was && is && (was.value === is.value || movingNames.has(name))) continue;
      if (was) old[name] = was.value;
      if (is) young[name] = is.value;
      if (was && is) counts.changed++;
      else if (is) counts.set++;
      else counts.removed++;
    }
    if (Object.keys(old).length + Object.keys(young).length === 0) return;
    const action = !before ? 'CREATE' : !after ? 'DELETE' : 'UPDATE';
    this.events.push({
      event: `NODE.${action}.ATTRIBUTES`,
      target: device,
      name: this.devices.get(device)?.hostname ?? device,
      ...(Object.keys(old).length > 0 ? { old } : {}),
      ...(Object.keys(young).length > 0 ? { new: young } : {}),
    });
  }
}

export const keyOf = (agent: { integration: string; id: string }) => `${agent.integration}/${agent.id}`;

/** Whether an agent comes before another one when both could speak. */
function isBefore(a: TwinAgent, b: TwinAgent): boolean {
  if ((a.active === true) !== (b.active === true)) return a.active === true;
  if (a.registeredAt !== b.registeredAt) return (a.registeredAt ?? -Infinity) > (b.registeredAt ?? -Infinity);
  if (a.id.length !== b.id.length) return a.id.length > b.id.length;
  if (a.id !== b.id) return a.id > b.id;
  return a.integration > b.integration;
}
