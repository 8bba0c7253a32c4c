// A sync run as the laws have it, on the naive twin: what a console gives, what of it counts, which losses are applied,
// and what the run means for its integration.
import type { ProviderErrorKind } from '../../src/errors.ts';
import type { Agent } from '../../src/providers/provider.ts';
import { nextTurn } from '../../src/sync/turns.ts';
import type { FakeConsole } from '../support/fake-provider.ts';
import { meaningOf } from './serials.ts';
import { type Counts, keyOf, type Twin, type TwinAgent, type TwinIntegration, type TwinValue } from './twin.ts';

const hour = 3_600_000;
const day = 24 * hour;
const authPauseMs = day;
const intervalMs = hour / 4;
/** As many agents as the fake provider takes in one question by id. */
const askedAtOnce = 2;

/** What the run must give back. */
export interface ExpectedResult {
  outcome: 'succeeded' | 'partial' | 'held' | 'failed' | 'abandoned';
  complete: boolean;
  pages: number;
  agents: number;
  skipped: number;
  matched: number;
  unmatched: Record<string, number>;
  attributes: Counts & { withheld: number };
  events: number;
  error: ProviderErrorKind | null;
}

interface Reading {
  /** The last readable row of each agent, or 'unreadable'. */
  seen: Map<string, Agent | 'unreadable'>;
  pages: number;
  agents: number;
  skipped: number;
  complete: boolean;
  /** No agent at all where there were some. */
  emptied: boolean;
  absent: string[];
  error: { kind: ProviderErrorKind; retryAfterMs: number | null } | null;
  stopped: boolean;
}

const idOf = (agent: Agent) => (agent.id.length > 256 ? null : agent.id);

/** One run; the steps between its phases are the test's. */
export class TwinRun {
  readonly startedAt: number;
  private readonly twin: Twin;
  private readonly name: string;
  private readonly settingsVersion: number;
  private readonly accepted: boolean;
  private reading: Reading | null = null;
  result: ExpectedResult | null = null;

  constructor(twin: Twin, name: string) {
    this.twin = twin;
    this.name = name;
    this.startedAt = twin.now();
    const it = this.integration();
    this.settingsVersion = it?.settingsVersion ?? 0;
    this.accepted = it !== null && acceptance(it, this.startedAt) !== null;
  }

  private integration(): TwinIntegration | null {
    return this.twin.integrations.get(this.name) ?? null;
  }

  /** The integration as it is, or null when it was removed or its settings changed since the run began. */
  private current(): TwinIntegration | null {
    const it = this.integration();
    return it?.settingsVersion === this.settingsVersion ? it : null;
  }

  /** @param stopAfter pages, and the run is told to stop */
  read(console: FakeConsole, stopAfter: number | null): void {
    const present = this.twin.agentsOf(this.name).filter(agent => agent.gone === null);
    this.reading = readConsole(console, present, this.accepted, stopAfter);
  }

  hasRead(): boolean {
    return this.reading !== null;
  }

  /** @returns whether the run goes on */
  merge(): boolean {
    const reading = this.mustRead();
    const it = this.current();
    if (reading.stopped || !it) {
      this.result = abandoned(reading);
      return false;
    }
    const { twin } = this;
    const events = twin.events.length;
    const isWhole = reading.complete && !reading.emptied;
    const before = new Map([...twin.agents].map(([key, agent]) => [key, twin.confirmedAt(agent)]));
    const rewritten = this.takeAgents(reading, isWhole, it, before);
    if (isWhole) it.sweptAt = this.startedAt;
    it.judgedAt = Math.max(it.judgedAt ?? 0, this.startedAt);
    const judged = this.judge(it, isWhole, before, rewritten);
    const held = judged.held + (reading.emptied ? 1 : 0) > 0;
    if (reading.complete) {
      const devices = reading.emptied ? this.devicesWithValues() : judged.held;
      const reason = reading.emptied ? 'no agents left' : 'more losses than the limit';
      if (held && it.heldDevices === null) this.tell('HOLD', { devices, reason });
      if (!held && it.heldDevices !== null) {
        this.tell('RELEASE');
        // What was accepted were the losses of this hold.
        it.accepted = null;
      }
      it.heldDevices = held ? devices : null;
    }
    if (judged.usedAcceptance) it.accepted = null;
    else if (judged.lost > 0) it.losses.push({ at: this.startedAt, devices: judged.lost });
    const reasons = twin.agentReasons();
    const unmatched: Record<string, number> = {};
    let matched = 0;
    for (const agent of twin.agentsOf(this.name)) {
      const reason = reasons.get(keyOf(agent)) ?? null;
      if (reason === null) matched++;
      else unmatched[reason] = (unmatched[reason] ?? 0) + 1;
    }
    let withheld = 0;
    for (const values of twin.answers.values())
      for (const value of values.values()) if (value.withheld?.by === this.name) withheld++;
    const outcome = held
      ? 'held'
      : !reading.error && reading.complete
        ? 'succeeded'
        : reading.pages > 0
          ? 'partial'
          : 'failed';
    this.result = {
      outcome,
      complete: reading.complete,
      pages: reading.pages,
      agents: reading.agents,
      skipped: reading.skipped,
      matched,
      unmatched,
      attributes: { ...judged.counts, withheld },
      events: twin.events.length - events,
      error: reading.error?.kind ?? null,
    };
    return true;
  }

  private mustRead(): Reading {
    if (!this.reading) throw new Error('the run has not read anything yet');
    return this.reading;
  }

  private tell(action: string, details?: unknown): void {
    this.twin.events.push({
      event: `TAILNET.${action}.POSTURE_INTEGRATION`,
      target: `p${this.name}`,
      name: this.name,
      ...(details === undefined ? {} : { new: details }),
    });
  }

  private devicesWithValues(): number {
    return [...this.twin.answers.values()].filter(values => integrationOf(values) === this.name).length;
  }

  /** Writes down what was seen, and who is gone. @returns the agents whose rows were written */
  private takeAgents(
    reading: Reading,
    isWhole: boolean,
    it: TwinIntegration,
    before: ReadonlyMap<string, number>,
  ): Set<string> {
    const { twin, name, startedAt } = this;
    const written = new Set<string>();
    // Seen again unchanged, an agent is confirmed by the time of the sweep if that is complete, else by its own row; that
    // is not written at each incomplete sweep, but before it could matter.
    const lag = Math.min(6 * hour, (it.expireAfterMs ?? Number.POSITIVE_INFINITY) / 12);
    for (const [id, row] of reading.seen) {
      const key = `${name}/${id}`;
      const known = twin.agents.get(key);
      const confirmed = before.get(key) ?? startedAt;
      if (row === 'unreadable') {
        if (!known || known.frozenAt !== null || known.gone !== null) continue;
        known.frozenAt = confirmed;
        written.add(key);
      } else if (!known || differs(known, row) || (!isWhole && confirmed < startedAt - lag)) {
        twin.agents.set(key, agentOf(name, row, startedAt, known));
        written.add(key);
      }
    }
    for (const id of isWhole ? reading.absent : []) {
      const agent = twin.agents.get(`${name}/${id}`);
      if (!agent || reading.seen.has(id)) continue;
      agent.gone = 'gone';
      agent.goneAt = startedAt;
      written.add(keyOf(agent));
    }
    return written;
  }

  /** Decides what becomes of the losses, and brings the answers up to date. */
  private judge(
    it: TwinIntegration,
    isWhole: boolean,
    before: ReadonlyMap<string, number>,
    rewritten: ReadonlySet<string>,
  ): { counts: Counts; held: number; lost: number; usedAcceptance: boolean } {
    const { twin, name, startedAt } = this;
    const said = twin.said();
    const kept = new Map<string, Map<string, TwinValue>>();
    const losing = new Map<string, Map<string, TwinValue>>();
    const concerned = new Set<string>();
    for (const [device, values] of twin.answers) {
      const its = twin.stillWithheld(device, said.get(device));
      if (its.size > 0) kept.set(device, its);
      if ([...its.values()].some(value => value.withheld?.by === name)) concerned.add(device);
      for (const [attribute, value] of values) {
        if (value.withheld || said.get(device)?.has(attribute)) continue;
        const confirmedAt = this.ageOf(attribute, value, before, rewritten);
        // What is too old by now would have gone anyway: that is expiry, and no loss.
        if (twin.isExpired(value.integration, confirmedAt)) continue;
        const withheld = { ...value, withheld: { by: name, confirmedAt } };
        losing.set(device, (losing.get(device) ?? new Map<string, TwinValue>()).set(attribute, withheld));
        concerned.add(device);
      }
    }
    const recent = it.losses.filter(({ at }) => at > startedAt - day).reduce((sum, { devices }) => sum + devices, 0);
    const most = Math.max(it.holdFloor, it.holdShare * this.devicesWithValues());
    const isOver = concerned.size + recent > most;
    const accepted = acceptance(it, startedAt);
    const isAccepted = accepted !== null && concerned.size <= accepted;
    if (concerned.size > 0 && (!isWhole || (isOver && !isAccepted))) {
      for (const [device, values] of losing) kept.set(device, new Map([...(kept.get(device) ?? []), ...values]));
      return { counts: twin.answer(kept), held: isWhole ? concerned.size : 0, lost: 0, usedAcceptance: false };
    }
    for (const values of kept.values())
      for (const [attribute, value] of values) if (value.withheld?.by === name) values.delete(attribute);
    const usedAcceptance = concerned.size > 0 && isOver;
    return { counts: twin.answer(kept), held: 0, lost: concerned.size, usedAcceptance };
  }

  /** How old a value is that a device is about to lose. */
  private ageOf(
    attribute: string,
    value: TwinValue,
    before: ReadonlyMap<string, number>,
    rewritten: ReadonlySet<string>,
  ): number {
    const key = `${value.integration}/${value.agent}`;
    const agent = this.twin.agents.get(key);
    if (!agent) return 0;
    const says = { ...agent.values, ...agent.moving };
    const saysItStill = agent.gone === null && says[attribute] === value.value;
    if (saysItStill || !rewritten.has(key)) return this.twin.confirmedAt(agent);
    return before.get(key) ?? 0;
  }

  /** What the run means for the state of the integration. */
  finish(tokenExpiresAt: number | null): void {
    const it = this.current();
    const reading = this.mustRead();
    if (!it || this.result?.outcome === 'abandoned') return;
    const error = reading.error;
    it.error = error?.kind ?? null;
    if (reading.pages > 0 && tokenExpiresAt !== it.tokenExpiresAt) {
      it.tokenExpiresAt = tokenExpiresAt;
      it.tokenWarned = null;
    }
    // A new complete sweep puts off the end of the evidence.
    if (it.sweptAt === this.startedAt) it.evidenceWarned = null;
    // A pause by hand is not replaced by another one: then a refusal is a failure as any other.
    if ((error?.kind === 'auth' || error?.kind === 'permission') && it.pause !== 'administrator') {
      const until = this.twin.now() + authPauseMs;
      if (it.pause !== error.kind)
        this.tell('PAUSE', { reason: error.kind, until: new Date(until).toISOString(), error: error.kind });
      it.pause = error.kind;
      it.pausedUntil = until;
      return;
    }
    const isRefused = it.pause === 'auth' || it.pause === 'permission';
    if (isRefused && error && reading.pages === 0) {
      // Without a page the try proved nothing about the credentials: paused on, until the next turn.
      const next = nextTurn(`p${this.name}`, new Date(this.twin.now()), intervalMs).getTime();
      it.pausedUntil = Math.max(next, this.twin.now() + (error.retryAfterMs ?? 0));
    } else if (isRefused) {
      it.pause = null;
      it.pausedUntil = null;
      this.tell('RESUME');
    }
    if (error && it.failingSince === null) {
      it.failingSince = this.startedAt;
      this.tell('FAIL', { error: error.kind });
    }
    if (!error && it.failingSince !== null) {
      it.failingSince = null;
      if (it.isEscalated) this.tell('RECOVER', { wasEscalated: true });
      else this.tell('RECOVER');
      it.isEscalated = false;
    }
  }
}

/** How many losses an administrator admits now, or null. */
function acceptance(it: TwinIntegration, at: number): number | null {
  return it.accepted && it.accepted.until > at ? it.accepted.devices : null;
}

/** The integration of a device's values: of the agent that speaks, else of the value that was confirmed last. */
export function integrationOf(values: ReadonlyMap<string, TwinValue>): string | null {
  return sourceOf(values)?.integration ?? null;
}

export function sourceOf(values: ReadonlyMap<string, TwinValue>): TwinValue | null {
  let best: TwinValue | null = null;
  for (const value of values.values()) {
    if (!value.withheld) return value;
    const isLater = value.withheld.confirmedAt - (best?.withheld?.confirmedAt ?? -1);
    if (
      !best ||
      isLater > 0 ||
      (isLater === 0 && `${value.integration}/${value.agent}` > `${best.integration}/${best.agent}`)
    )
      best = value;
  }
  return best;
}

/** What the fake console gives, page by page, until it fails or the run is stopped. */
function readConsole(
  console: FakeConsole,
  present: readonly TwinAgent[],
  isAccepted: boolean,
  stopAfter: number | null,
): Reading {
  const reading: Reading = {
    seen: new Map(),
    pages: 0,
    agents: 0,
    skipped: 0,
    complete: false,
    emptied: false,
    absent: [],
    error: null,
    stopped: stopAfter === 0,
  };
  let nameless = 0;
  const take = (agents: readonly Agent[]) => {
    reading.pages++;
    // The rows that could not be read come behind the others of their page.
    for (const agent of agents) {
      const id = idOf(agent);
      if (console.unreadable.has(agent.id) || id === null) reading.skipped++;
      if (id === null) nameless++;
      else if (!console.unreadable.has(agent.id)) reading.seen.set(id, agent);
    }
    for (const agent of agents)
      if (console.unreadable.has(agent.id) && !reading.seen.has(agent.id)) reading.seen.set(agent.id, 'unreadable');
    if (stopAfter !== null && reading.pages >= stopAfter) reading.stopped = true;
  };
  const fail = console.fail && { kind: console.fail.kind, retryAfterMs: console.fail.retryAfterMs ?? null };
  const all = [...console.agents.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const shown = all.filter(agent => !agent.decommissioned && !console.hidden.has(agent.id));
  const rows = shown.flatMap(agent => (console.repeated.has(agent.id) ? [agent, agent] : [agent]));
  for (let page = 0; page === 0 || page * console.pageSize < rows.length; page++) {
    if (reading.stopped) return reading;
    if (console.fail?.page === page) {
      reading.error = fail;
      reading.agents = reading.seen.size;
      return reading;
    }
    take(rows.slice(page * console.pageSize, (page + 1) * console.pageSize));
  }
  reading.agents = reading.seen.size;
  if (reading.stopped) return reading;
  if (reading.seen.size + nameless < shown.length + console.totalOff) {
    reading.error = { kind: 'unavailable', retryAfterMs: null };
    return reading;
  }
  if (reading.seen.size + nameless === 0 && present.length > 0 && !isAccepted) {
    reading.complete = true;
    reading.emptied = true;
    return reading;
  }
  reading.absent = present.map(agent => agent.id).filter(id => !reading.seen.has(id));
  reading.absent.sort();
  for (let i = 0; i < reading.absent.length; i += askedAtOnce) {
    if (reading.stopped) return reading;
    if (console.fail?.page === 'some') {
      reading.error = fail;
      reading.agents = reading.seen.size;
      return reading;
    }
    take(all.filter(agent => reading.absent.slice(i, i + askedAtOnce).includes(agent.id)));
  }
  // A row without an id may be any of the absent: who it is was not readable.
  if (nameless > 0) for (const id of reading.absent) if (!reading.seen.has(id)) reading.seen.set(id, 'unreadable');
  reading.complete = !reading.stopped;
  return reading;
}

const serialsOf = (row: Agent) => row.identifiers.map(({ value }) => value);

function meant(row: Agent): string[] {
  return [...new Set(serialsOf(row).flatMap(raw => meaningOf(raw) ?? []))];
}

function partsOf(row: Agent): { values: Record<string, unknown>; moving: Record<string, string> } {
  const { 'fake:lastSeen': lastSeen, ...values } = row.values;
  return { values, moving: lastSeen === undefined ? {} : { 'fake:lastSeen': String(lastSeen) } };
}

/** Whether what is known of an agent has to be written anew. */
function differs(known: TwinAgent, row: Agent): boolean {
  const { values, moving } = partsOf(row);
  const sorted = (record: Record<string, unknown>) => JSON.stringify(Object.entries(record).sort());
  return (
    sorted(known.values) !== sorted(values) ||
    hasMoved(known.moving['fake:lastSeen'], moving['fake:lastSeen']) ||
    JSON.stringify([known.serials, known.rawSerials]) !== JSON.stringify([meant(row), serialsOf(row)]) ||
    known.active !== row.active ||
    known.hostname !== row.hostname ||
    known.registeredAt !== (row.registeredAt?.getTime() ?? null) ||
    known.frozenAt !== null ||
    known.gone !== (row.decommissioned ? 'decommissioned' : null)
  );
}

/** A time that moves at every check-in counts as changed once it is newer by its resolution, at the latest. */
function hasMoved(known: string | undefined, seen: string | undefined): boolean {
  if (known === undefined || seen === undefined) return known !== seen;
  const by = Math.abs(Date.parse(seen) - Date.parse(known));
  if (by >= 3 * hour && by < 6 * hour) throw new Error('whether this counts is spread by the agent: not for the twin');
  return by >= 6 * hour;
}

function agentOf(integration: string, row: Agent, at: number, known: TwinAgent | undefined): TwinAgent {
  return {
    integration,
    id: row.id,
    hostname: row.hostname,
    serials: meant(row),
    rawSerials: serialsOf(row),
    active: row.active,
    registeredAt: row.registeredAt?.getTime() ?? null,
    ...partsOf(row),
    observedAt: at,
    frozenAt: null,
    gone: row.decommissioned ? 'decommissioned' : null,
    goneAt: row.decommissioned ? (known?.goneAt ?? at) : null,
    boundTo: known?.boundTo ?? null,
  };
}

function abandoned(reading: Reading): ExpectedResult {
  return {
    outcome: 'abandoned',
    complete: false,
    pages: reading.pages,
    agents: -1,
    skipped: reading.skipped,
    matched: 0,
    unmatched: {},
    attributes: { set: 0, changed: 0, removed: 0, withheld: 0 },
    events: 0,
    error: null,
  };
}
