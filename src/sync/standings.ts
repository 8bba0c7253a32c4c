// Keeps the standings: which device passes which posture. One of all workers does it, whose session has the keeper's lock and
// makes every write, so that nothing can be written late. It looks whenever the head moves and each half second: what changed is
// judged anew, and so is what time alone may have changed. Judging goes by portions, outside of the head.
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../log.ts';
import { policyCatalogue } from '../operations/policies.ts';
import type { Catalogue } from '../posture/catalogue.ts';
import { readAppliedPolicy } from '../posture/policy-check.ts';
import { type Judgement, judgeBy, type StandingJudge, unreadable } from '../posture/standings.ts';
import type { Now, Session } from '../store/client.ts';
import { type EvidentDevice, readEvidence } from '../store/evidence.ts';
import { watchHeadPatiently } from '../store/head.ts';
import { policyOfRevision } from '../store/policies.ts';
import {
  countNoted,
  dropNoted,
  dropOtherPostures,
  dropStandingsOf,
  endFrozenKeeper,
  type Flip,
  insertStandings,
  type JudgedStanding,
  type Look,
  lookAround,
  nextNoted,
  noteAll,
  noteChanged,
  type Progress,
  readProgress,
  refreshStandings,
  type StoredStanding,
  saveProgress,
  standingsOf,
  storedPostures,
  sweptSince,
  tryKeeperLock,
  writeFlips,
} from '../store/standings.ts';

export interface StandingsContext {
  databaseUrl: string;
  now: Now;
  log: Log;
  /** After so long without a word the keeper counts as frozen: its session is ended. 15 s. */
  keeperIdleMs?: number;
  /** Devices judged together. 1,000. */
  portion?: number;
  /** Tests stop or change things at these points. */
  reached?(point: 'judged' | 'stored'): Promise<void> | void;
}

/** What the holder of the keeper's lock knows. */
export interface Keeping {
  readonly session: Session;
  readonly catalogue: Catalogue;
  /** Undefined: not looked at yet. */
  policyRevision: number | null | undefined;
  isPolicyReadable: boolean;
  judges: ReadonlyMap<string, StandingJudge>;
  /** As stored; null before anything was judged. */
  progress: Progress | null;
  /** Up to here changes are noted or judged; null: all devices have to be noted. */
  seen: Pick<Look, 'revision' | 'swept'> | null;
  /** Of the last look. */
  lookedAt: Date | null;
  /** What was due by then is noted; null: nothing is. */
  dueUntil: Date | null;
  savedMs: number;
}

const usualIdleMs = 15_000;
const usualPortion = 1_000;
/** Flips written together: others wait for the head no longer than this takes. */
const flipsAtOnce = 2_000;
/** The keeper shows life so often though nothing happens. */
const heartbeatMs = 5_000;
const tellAgainMs = 1_000;
/** A clock that goes back by more makes times that were past lie ahead. */
const clockToleranceMs = 60_000;
/** A statement over a million devices takes that long at most, or waits so long for a merge. */
const answerWithinMs = 120_000;

/** Begins to look after the standings, as the keeper or in wait for the keeper's end; the database may be away. */
export function startStandings(context: StandingsContext): { stop(): Promise<void> } {
  const { databaseUrl, log } = context;
  const stopping = new AbortController();
  const { signal } = stopping;
  let keeping: Keeping | null = null;
  let isFailing = false;

  const onMoved = async (session: Session) => {
    try {
      if (keeping?.session !== session) {
        keeping = await takeOver(context, session);
        if (keeping !== null) log.debug('keeping the standings of devices');
      }
      if (keeping !== null) await catchUp(context, keeping, signal);
      isFailing = false;
    } catch (error) {
      if (!isFailing && !signal.aborted) log.error({ err: error }, 'standings cannot be kept; trying on');
      isFailing = true;
      throw error;
    }
  };
  const watch = watchHeadPatiently(databaseUrl, {
    applicationName: 'posture-sync standings',
    answerWithinMs,
    atEveryLook: true,
    onMoved,
  });

  return {
    async stop() {
      stopping.abort();
      await watch.stop();
    },
  };
}

/** @returns what the keeper needs, or null while another session has its lock */
export async function takeOver(context: StandingsContext, session: Session): Promise<Keeping | null> {
  const idleMs = context.keeperIdleMs ?? usualIdleMs;
  if (!(await tryKeeperLock(session, idleMs))) {
    if (await endFrozenKeeper(session, idleMs)) context.log.warn('ended the session of a frozen keeper of standings');
    return null;
  }
  const progress = await readProgress(session);
  return {
    session,
    catalogue: policyCatalogue(),
    policyRevision: undefined,
    isPolicyReadable: true,
    judges: new Map(),
    progress,
    // What a keeper that died in the middle had noted is gone with its session.
    seen: progress?.waiting === 0 ? progress : null,
    lookedAt: progress?.at ?? null,
    dueUntil: null,
    savedMs: Number.NEGATIVE_INFINITY,
  };
}

/** Judges until nothing is left to be judged, or until it is stopped. @throws when the session is lost */
export async function catchUp(context: StandingsContext, keeping: Keeping, signal: AbortSignal): Promise<void> {
  const { session } = keeping;
  const begun = performance.now();
  let count = 0;
  let headMs = 0;
  while (!signal.aborted) {
    const portion = await nextPortion(context, keeping);
    if (portion === 'again') continue;
    if (portion === null) break;
    await context.reached?.('judged');
    const stored = await store(context, keeping, portion);
    headMs = Math.max(headMs, stored.headMs);
    if (stored.isOutdated) continue;
    await dropNoted(session, portion.ids);
    count += portion.ids.length;
    if (portion.ids.length === (context.portion ?? usualPortion)) await tellWaiting(keeping, portion.at);
    await context.reached?.('stored');
  }
  if (count >= (context.portion ?? usualPortion)) {
    const durationMs = Math.round(performance.now() - begun);
    context.log.info({ devices: count, durationMs, headMs }, 'standings judged');
  }
}

interface JudgedPortion {
  readonly ids: readonly string[];
  readonly at: Date;
  /** As of which they were judged. */
  readonly revision: number;
  readonly gone: readonly string[];
  readonly first: readonly JudgedStanding[];
  readonly refreshed: readonly JudgedStanding[];
  readonly flips: readonly Flip[];
}

/** Notes what changed and judges some of what is noted. @returns null when nothing is left; 'again' after another policy came in force */
async function nextPortion(context: StandingsContext, keeping: Keeping): Promise<JudgedPortion | 'again' | null> {
  const { session } = keeping;
  const at = context.now();
  await session.query('begin isolation level repeatable read');
  let isRead = false;
  try {
    const look = await lookAround(session, at);
    if (look.policyRevision !== keeping.policyRevision) {
      await session.query('rollback');
      await takePolicy(keeping, look.policyRevision);
      return 'again';
    }
    if (isQuiet(keeping, look, at)) {
      await session.query('rollback');
      await settle(keeping, look, at);
      return null;
    }
    if (keeping.judges.size > 0) await note(keeping, look, at);
    const ids = keeping.judges.size === 0 ? [] : await nextNoted(session, context.portion ?? usualPortion);
    const devices = await readEvidence(session, keeping.catalogue, ids);
    const before = await standingsOf(session, ids);
    await session.query('commit');
    isRead = true;
    Object.assign(keeping, { seen: look, lookedAt: at, dueUntil: at });
    if (ids.length > 0) return { ids, at, revision: look.revision, ...compare(keeping, devices, before, ids, at) };
    await settle(keeping, look, at);
    return null;
  } catch (error) {
    // The session may be lost, which is why it failed.
    if (!isRead) await session.query('rollback').catch(() => {});
    throw error;
  }
}

/** Nothing can have changed since everything was judged. */
function isQuiet({ seen, progress, judges, lookedAt }: Keeping, look: Look, at: Date): boolean {
  if (seen === null || progress === null || progress.waiting > 0) return false;
  if (isClockBack(lookedAt, at) || look.revision < seen.revision) return false;
  if (judges.size === 0) return true;
  return look.revision === seen.revision && !look.isDue && sweptSince(seen, look).length === 0;
}

function isClockBack(lookedAt: Date | null, at: Date): boolean {
  return lookedAt !== null && at.getTime() < lookedAt.getTime() - clockToleranceMs;
}

async function note({ session, seen, progress, lookedAt, dueUntil }: Keeping, look: Look, at: Date): Promise<void> {
  // A revision that is not there yet is of another database; what was removed long ago may be forgotten.
  const mustAll =
    seen === null || isClockBack(lookedAt, at) || look.revision < seen.revision || seen.revision < look.forgotten;
  if (mustAll) await noteAll(session);
  const known = mustAll ? progress : seen;
  const swept = known === null ? [] : sweptSince(known, look);
  await noteChanged(session, { after: known?.revision ?? look.revision, at, dueAfter: dueUntil, swept });
}

/** Takes the policy that is in force since a look. All devices are judged by it, unless they were before this session began. */
async function takePolicy(keeping: Keeping, revision: number | null): Promise<void> {
  const { session, catalogue, progress } = keeping;
  const stored = revision === null ? null : await policyOfRevision(session, revision);
  const policy = stored === null ? null : readAppliedPolicy(stored.text, catalogue);
  const isFirst = keeping.policyRevision === undefined;
  keeping.isPolicyReadable = revision === null || policy !== null;
  keeping.judges =
    revision !== null && policy === null
      ? new Map((await storedPostures(session)).map(name => [name, unreadable(name, revision)]))
      : new Map([...(policy?.postures ?? [])].map(([name, { posture }]) => [name, judgeBy(posture, catalogue)]));
  await dropOtherPostures(session, [...keeping.judges.keys()]);
  const isKnown = progress?.policyRevision === revision && progress.isPolicyReadable === keeping.isPolicyReadable;
  if (!isFirst || !isKnown) keeping.seen = null;
  keeping.policyRevision = revision;
}

/** Everything is judged: says so in the database, at once if something was, and now and then as a sign of life. */
async function settle(keeping: Keeping, look: Look, at: Date): Promise<void> {
  Object.assign(keeping, { seen: look, lookedAt: at });
  const { progress } = keeping;
  const isNews =
    progress === null ||
    progress.waiting > 0 ||
    progress.revision !== look.revision ||
    progress.policyRevision !== look.policyRevision ||
    progress.isPolicyReadable !== keeping.isPolicyReadable ||
    sweptSince(progress, look).length > 0;
  if (!isNews && performance.now() - keeping.savedMs < heartbeatMs) return;
  const { revision, swept, policyRevision } = look;
  await save(keeping, { revision, swept, policyRevision, isPolicyReadable: keeping.isPolicyReadable, waiting: 0, at });
}

/** While there is more to judge than fits a portion, readers are told how much. */
async function tellWaiting(keeping: Keeping, at: Date): Promise<void> {
  const isTold = keeping.progress !== null && keeping.progress.waiting > 0;
  if (isTold && performance.now() - keeping.savedMs < tellAgainMs) return;
  await save(keeping, { waiting: await countNoted(keeping.session), at });
}

async function save(keeping: Keeping, change: Partial<Progress> & Pick<Progress, 'waiting' | 'at'>): Promise<void> {
  const before = keeping.progress ?? { revision: 0, policyRevision: null, isPolicyReadable: true, swept: {} };
  const progress = { ...before, ...change };
  await saveProgress(keeping.session, progress);
  keeping.progress = progress;
  keeping.savedMs = performance.now();
}

/** Judges devices and tells what is news of that. */
function compare(
  { judges }: Keeping,
  devices: readonly EvidentDevice[],
  before: readonly StoredStanding[],
  ids: readonly string[],
  at: Date,
): Pick<JudgedPortion, 'gone' | 'first' | 'refreshed' | 'flips'> {
  const stored = new Map(before.map(row => [`${row.posture} ${row.deviceId}`, row]));
  const first: JudgedStanding[] = [];
  const refreshed: JudgedStanding[] = [];
  const flips: Flip[] = [];
  for (const { id, createdAt, facts } of devices)
    for (const [posture, judge] of judges) {
      const judged = { deviceId: id, posture, ...judge(facts, at.getTime()) };
      const was = stored.get(`${posture} ${id}`);
      // A standing from before the device was made belonged to one of the same id that was removed.
      if (was === undefined || was.since < createdAt) first.push(judged);
      else if (was.state !== judged.state) flips.push({ ...judged, before: was });
      else if (differs(was, judged)) refreshed.push(judged);
    }
  const there = new Set(devices.map(({ id }) => id));
  return { gone: ids.filter(id => !there.has(id)), first, refreshed, flips };
}

function differs(was: StoredStanding, is: Judgement): boolean {
  return (
    was.validUntil !== is.validUntil ||
    was.awaitsSweep !== is.awaitsSweep ||
    !isDeepStrictEqual(was.reasons, is.reasons)
  );
}

async function store(
  { now }: StandingsContext,
  { session, policyRevision = null }: Keeping,
  { at, revision, gone, first, refreshed, flips }: JudgedPortion,
): Promise<{ isOutdated: boolean; headMs: number }> {
  if (gone.length > 0) await dropStandingsOf(session, gone);
  await insertStandings(session, first, at, revision);
  await refreshStandings(session, refreshed);
  let headMs = 0;
  for (let from = 0; from < flips.length; from += flipsAtOnce) {
    const written = await writeFlips(session, now, flips.slice(from, from + flipsAtOnce), { revision, policyRevision });
    headMs = Math.max(headMs, written.headMs);
    if (written.value === 'outdated') return { isOutdated: true, headMs };
  }
  return { isOutdated: false, headMs };
}
