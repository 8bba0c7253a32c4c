// Keeps the view what the database has: everything once, then what changed, within a second. While the database is away the
// view stays as it is and grows old, and whoever decides by it can tell how old it is.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { Catalogue } from '../posture/catalogue.ts';
import type { Policy } from '../posture/policy.ts';
import { readAppliedPolicy } from '../posture/policy-check.ts';
import type { Session } from '../store/client.ts';
import { type Portion, readEverything, readPortions } from '../store/feed.ts';
import { type HeadWatch, watchHead } from '../store/head.ts';
import type { StoredPolicy } from '../store/policies.ts';
import { inSlices, takeChanges } from './slices.ts';
import { View } from './view.ts';

export interface FollowContext {
  databaseUrl: string;
  catalogue: Catalogue;
  /** Names of the attributes that move at every check-in. */
  moving: readonly string[];
  log: Log;
  /**
   * Reading changes that takes longer is given up, and everything is read anew in portions: they are very many, or the server
   * hangs. 15 s where nothing is said.
   */
  changesWithinMs?: number;
}

/**
 * What is known, as of a revision. The view is changed in place, device by device: while a large change is taken, some devices
 * are newer than the revision says and none is older. A policy and the devices that it decides about are of the same moment.
 */
export interface Known {
  readonly view: View;
  readonly revision: number;
  /** Null: none was ever applied. */
  readonly policy: PolicyInForce | null;
}

export interface PolicyInForce {
  readonly revision: number;
  readonly hash: string;
  /** Null: this version cannot read it, so it grants nothing. */
  readonly policy: Policy | null;
}

export interface Follower {
  /** @returns null before everything was read for the first time */
  known(): Known | null;
  /** @returns how long ago the view was what the database had, in ms; infinity before the first time */
  ageMs(): number;
  stop(): Promise<void>;
}

const usualChangesWithinMs = 15_000;
const tryAgainMs = 1_000;

/** Begins to follow; the database may be away. */
export function startFollowing(context: FollowContext): Follower {
  const { databaseUrl, catalogue, moving, log, changesWithinMs = usualChangesWithinMs } = context;
  const stopping = new AbortController();
  let known: Known | null = null;
  let knownAt: Moment = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };
  let mustReload = true;

  const look = async (session: Session) => {
    // What is found was true when the look began, and may not have been a moment later.
    const lookedAt = momentNow();
    const isFirst = known === null;
    known = (mustReload ? null : await follow(session)) ?? (await load());
    knownAt = lookedAt;
    if (isFirst) log.info({ devices: known.view.size, revision: known.revision }, 'the view is loaded');
  };

  /** @returns null where everything has to be read anew */
  const follow = async (session: Session): Promise<Known | null> => {
    if (known === null) return null;
    // Whatever breaks off here, next time everything is read.
    mustReload = true;
    const { view } = known;
    const around = await takeChanges(view, readPortions(session, known.revision, moving));
    if (around === 'forgotten') return null;
    // Last: what a sweep could not read is frozen by now, and does not look confirmed by it for a moment.
    view.takeIntegrations(around.integrations);
    const policy = around.policy === null ? known.policy : compiled(around.policy);
    mustReload = false;
    return { view, revision: around.revision, policy };
  };

  /** Beside the view that is in use, which serves until this one is whole. */
  const load = async (): Promise<Known> => {
    const view = new View(catalogue);
    const take = (portion: Portion) => inSlices(portion, slice => view.take(slice));
    const { revision, integrations, policy } = await readEverything(databaseUrl, moving, take);
    view.takeIntegrations(integrations);
    mustReload = false;
    return { view, revision, policy: policy && compiled(policy) };
  };

  const compiled = (policy: StoredPolicy) => readPolicy(policy, known?.policy ?? null, context);

  const onReachable = (isReachable: boolean) => {
    if (isReachable) log.info('the view is kept up to date again');
    else log.warn('the database is away: the view stays as it is and grows old');
  };
  const options = {
    applicationName: 'posture-sync view',
    answerWithinMs: changesWithinMs,
    atEveryLook: true,
    onMoved: look,
    onReachable,
  };
  const starting = (async (): Promise<HeadWatch | null> => {
    for (let isFirst = true; !stopping.signal.aborted; isFirst = false) {
      try {
        return await watchHead(databaseUrl, options);
      } catch (error) {
        if (isFirst) log.warn({ err: error }, 'the view cannot be loaded yet; trying on');
        await sleep(tryAgainMs, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
    return null;
  })();

  return {
    known: () => known,
    ageMs: () => ageOf(knownAt),
    async stop() {
      stopping.abort();
      await (await starting)?.stop();
    },
  };
}

interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

function momentNow(): Moment {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** The monotonic clock stands still while a machine sleeps, and the other one may jump: whichever makes it older counts. */
function ageOf({ monotonic, wall }: Moment): number {
  return Math.max(performance.now() - monotonic, Date.now() - wall);
}

/** @param before the one in force so far, which may be the same */
function readPolicy(
  { revision, hash, text }: StoredPolicy,
  before: PolicyInForce | null,
  { catalogue, log }: FollowContext,
): PolicyInForce {
  // By its text too: a database that was restored gives revisions out again.
  if (before?.revision === revision && before.hash === hash) return before;
  let policy: Policy | null = null;
  try {
    policy = readAppliedPolicy(text, catalogue);
  } catch (error) {
    log.error({ revision, err: error }, 'reading the policy failed');
  }
  if (policy === null) log.error({ revision }, 'the policy has errors for this version: all access is denied');
  else log.info({ revision, rules: policy.rules.length, postures: policy.postures.size }, 'a policy is in force');
  return { revision, hash, policy };
}
