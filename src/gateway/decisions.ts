// What every gateway asks, in whatever dialect: may this device get there, now? From the view alone, so that it goes on while the
// database is away and costs no query. Whatever is missing, too old, contradictory or broken is a denial that says so.
import { randomBytes } from 'node:crypto';
import type { Log } from '../log.ts';
import type { Catalogue } from '../posture/catalogue.ts';
import { type Decision, type Destination, decide, decideByPosture, type Outcome } from '../posture/decide.ts';
import { type Ground, groundsOf } from '../posture/grounds.ts';
import { canonicalSerial } from '../posture/serials.ts';
import { decisionTexts } from '../posture/told.ts';
import type { Follower, Known } from './follow.ts';
import type { View, ViewedDevice } from './view.ts';

/** What somebody says which device it is. */
export interface Identity {
  readonly kind: 'id' | 'serial' | 'address' | 'certificate_fingerprint';
  /** Of a kind other than `id` and `serial` it is canonical. */
  readonly value: string;
}

export interface Asked {
  /** All must lead to one and the same device; none: nobody knows which it is. */
  readonly identities: readonly Identity[];
  /** Whose the device must be; null: anybody's. */
  readonly user?: string | null;
  /** Postures by name, with `posture:` in front, one of which must hold; or what is to be reached, judged by the access rules; with the device that it is, where it is one of ours. */
  readonly by:
    | { readonly postures: readonly string[] }
    | { readonly destination: Destination; readonly reached?: Identity };
  /** For the decision log: who asks, and by which route. */
  readonly route: string;
  readonly callerId: string | null;
}

/** Why it was decided so. A code is never renamed: clients hang on them. */
export const outcomeTexts = {
  ...decisionTexts,
  devices_differ: 'what identifies the device leads to different devices',
  other_user: 'the device does not belong to this user',
  view_loading: 'devices are not loaded yet',
  view_stale: 'the database was not read for too long',
  internal_error: 'the service failed; its log has the reason',
} as const satisfies Record<Outcome, string> & Record<string, string>;

export type GatewayOutcome = keyof typeof outcomeTexts;

/** That fresh values were asked for after a denial. */
export interface RefreshTold {
  readonly state: string;
  readonly requestedAt: string;
}

/** Asks for fresh values where a refusal hangs on old ones. Never waits. */
export interface Refresher {
  /** @returns what the answer tells, or null where nothing is asked for @param now in ms */
  consider(device: ViewedDevice, decision: Decision, now: number): RefreshTold | null;
}

/** A decision with everything that it rests on. */
export interface Answer extends Omit<Decision, 'outcome'> {
  /** Unlike any other, for the decision log. */
  readonly id: string;
  readonly outcome: GatewayOutcome;
  readonly device: ViewedDevice | null;
  /** Of the view; null before it is loaded. */
  readonly revision: number | null;
  readonly policyRevision: number | null;
  /** How long ago the database was last read, in ms; null before it was. */
  readonly viewAgeMs: number | null;
  /** In ms. */
  readonly at: number;
  /** Where it is allowed by a posture: every value that this looked at. The reasons of a denial tell the same of theirs. */
  readonly grounds: readonly Ground[];
  readonly refresh: RefreshTold | null;
}

export interface DecisionLog {
  note(asked: Asked, answer: Answer): void;
}

export interface DeciderParts {
  follower: Pick<Follower, 'known' | 'ageMs'>;
  catalogue: Catalogue;
  /** VIEW_MAX_AGE. */
  viewMaxAgeMs: number;
  /** The database's clock. */
  now(): Date;
  log: Log;
  refresher?: Refresher | null;
  decisionLog?: DecisionLog | null;
}

export interface Decider {
  /** Never throws: what fails is a denial. */
  decide(asked: Asked): Answer;
}

export interface CountingDecider extends Decider {
  /** How often it was decided so, since the start. */
  outcomes(): Readonly<Record<GatewayOutcome, number>>;
}

const nothing = { rule: null, posture: null, refusals: [], validUntil: null, grounds: [], refresh: null } as const;
/** Faults of ours are logged so often at most; each denial says `internal_error` anyway. */
const failureToldEveryMs = 10_000;

export function createDecider(parts: DeciderParts): CountingDecider {
  const { follower, catalogue, viewMaxAgeMs, now, log, refresher = null, decisionLog = null } = parts;
  const nextId = idMaker();
  const outcomes = noneYet();
  let failureToldAt = Number.NEGATIVE_INFINITY;
  const tell = (error: unknown, answer: { id: string }, route: string, message: string) => {
    const told = performance.now();
    if (told - failureToldAt <= failureToldEveryMs) return;
    failureToldAt = told;
    log.error({ err: error, decision: answer.id, route }, message);
  };

  const judged = (asked: Asked): Answer => {
    const id = nextId();
    const at = now().getTime();
    const known = follower.known();
    const ageMs = follower.ageMs();
    const denied = (outcome: GatewayOutcome, device: ViewedDevice | null = null): Answer => {
      return { ...nothing, ...asOf(known, ageMs), id, allowed: false, outcome, device, at };
    };
    if (known === null) return denied('view_loading');
    // Written so that an age that is no number is too old.
    if (!(ageMs <= viewMaxAgeMs)) return denied('view_stale');
    const found = deviceOf(known.view, asked.identities);
    if (typeof found === 'string') return denied(found);
    const user = asked.user ?? null;
    if (user !== null && user.toLowerCase() !== found.user?.toLowerCase()) return denied('other_user', found);
    if (known.policy === null) return denied('no_policy', found);
    const { policy } = known.policy;
    if (policy === null) return denied('policy_unreadable', found);
    const destination = destinationOf(known.view, asked.by);
    if (destination === 'unknown_resource') return denied(destination, found);
    const decision =
      'postures' in asked.by
        ? decideByPosture(policy, found, asked.by.postures, at)
        : decide(policy, { device: found, destination }, at);
    const refresh = decision.allowed ? null : (refresher?.consider(found, decision, at) ?? null);
    const posture = decision.posture === null ? undefined : policy.postures.get(decision.posture)?.posture;
    const grounds = posture === undefined ? [] : groundsOf(found, posture.attributes, catalogue, at);
    // Field by field: putting objects together by spreading them takes as long as deciding.
    return {
      id,
      allowed: decision.allowed,
      outcome: decision.outcome,
      device: found,
      rule: decision.rule,
      posture: decision.posture,
      refusals: decision.refusals,
      grounds,
      validUntil: decision.validUntil,
      revision: known.revision,
      policyRevision: known.policy.revision,
      viewAgeMs: rounded(ageMs),
      at,
      refresh,
    };
  };

  return {
    outcomes: () => ({ ...outcomes }),
    decide(asked) {
      let answer: Answer;
      try {
        answer = judged(asked);
      } catch (error) {
        const failed = { ...asOf(null, 0), id: nextId(), allowed: false, outcome: 'internal_error' } as const;
        answer = { ...nothing, ...failed, device: null, at: Date.now() };
        tell(error, answer, asked.route, 'deciding failed: access was denied');
      }
      outcomes[answer.outcome]++;
      try {
        decisionLog?.note(asked, answer);
      } catch (error) {
        tell(error, answer, asked.route, 'a decision could not be logged');
      }
      return answer;
    },
  };
}

function noneYet(): Record<GatewayOutcome, number> {
  const names = Object.keys(outcomeTexts) as GatewayOutcome[];
  return Object.fromEntries(names.map(outcome => [outcome, 0])) as Record<GatewayOutcome, number>;
}

function asOf(known: Known | null, ageMs: number): Pick<Answer, 'revision' | 'policyRevision' | 'viewAgeMs'> {
  if (known === null) return { revision: null, policyRevision: null, viewAgeMs: null };
  return { revision: known.revision, policyRevision: known.policy?.revision ?? null, viewAgeMs: rounded(ageMs) };
}

function rounded(ms: number): number {
  return Math.max(0, Math.round(ms));
}

/** What comes first of a device that nobody knows must not hide that the rest means another one. */
function deviceOf(view: View, identities: readonly Identity[]): ViewedDevice | 'no_device' | 'devices_differ' {
  let device: ViewedDevice | null | undefined;
  for (const identity of identities) {
    const found = deviceWith(view, identity);
    if (device !== undefined && found !== device) return 'devices_differ';
    device = found;
  }
  return device ?? 'no_device';
}

/** Of one of our devices its user, tags and addresses are what rules know it by. */
function destinationOf(view: View, by: Asked['by']): Destination | 'unknown_resource' {
  if ('postures' in by) return {};
  if (by.reached === undefined) return by.destination;
  const device = deviceWith(view, by.reached);
  if (device === null) return 'unknown_resource';
  const { user, tags, addresses } = device;
  return { ...by.destination, user, tags, addresses };
}

/** @returns the device that an identity stands for, or null */
export function deviceWith(view: View, { kind, value }: Identity): ViewedDevice | null {
  if (kind === 'id') return view.device(value);
  if (kind !== 'serial') return view.deviceWith(`${kind}:${value}`);
  const canonical = canonicalSerial(value);
  return canonical === null ? null : view.deviceWith(`serial:${canonical}`);
}

/** Unlike those of other processes by its first part, unlike each other by the second. */
function idMaker(): () => string {
  const process = randomBytes(6).toString('base64url');
  let count = 0;
  return () => `${process}-${(++count).toString(36)}`;
}
