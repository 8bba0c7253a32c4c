// What a worker does with the requests for refetches that it took: each waits for every integration that may know its device.
// While an integration is being asked the next ones gather, and go together; one that hangs keeps no other waiting.
import pLimit, { type LimitFunction } from 'p-limit';
import { ProviderError, providerErrorKinds } from '../errors.ts';
import { storedError } from '../operations/integration-test.ts';
import type { RefetchAnswer } from '../operations/refetch.ts';
import { pauseCauses } from '../operations/runs.ts';
import type { Pool } from '../store/client.ts';
import { type Integration, integrationById, listIntegrations, makeDue } from '../store/integrations.ts';
import {
  finishRequest,
  gatewayAsks,
  type RefetchTarget,
  refetchTargets,
  releaseRequests,
  type TakenRequest,
} from '../store/requests.ts';
import type { StoredError } from '../store/schema.ts';
import type { SyncContext } from './context.ts';
import { type BatchEntry, type BatchOptions, canAskFor, refetchBatch, sizeOf } from './refetch-batch.ts';
import type { Desk } from './serving.ts';

export interface RefetchContext extends SyncContext {
  pool: Pool;
  /** Integrations asked at once. */
  concurrency: number;
  /** Tests look at what happens meanwhile. */
  reachedInRefetch?: BatchOptions['reached'];
}

/** A request that was taken so often and never ended kills whoever takes it. */
const mostAttempts = 3;
/** After a failure an integration is left alone, longer and longer while it goes on. */
const rest = { leastMs: 10_000, mostMs: 15 * 60_000 };
/** So long at most it is left alone because its provider said so. */
const longestAskedMs = 24 * 3_600_000;

interface Job extends BatchEntry {
  byHand: boolean;
  /** Integrations that have not answered yet. */
  open: number;
  answers: RefetchAnswer[];
  /** Answered, or given back. */
  isOver: boolean;
}

/** What waits for one integration. */
interface Lane {
  waiting: Job[];
  isBusy: boolean;
  /** Not asked before, by the monotonic clock. */
  restUntil: number;
  restMs: number;
  failure: ProviderError | null;
}

interface State {
  context: RefetchContext;
  signal: AbortSignal;
  limit: LimitFunction;
  lanes: Map<string, Lane>;
  running: Set<Promise<void>>;
  inHand: number;
  isBroken: boolean;
}

const mostTakenAtOnce = 500;
/** With so many unanswered no more are taken: other workers may have time. */
const mostInHand = 2_000;

/** @param signal ends what is under way; what is not answered then stays open, and is free when the claim ends */
export function createRefetchDesk(context: RefetchContext, signal: AbortSignal): Desk {
  const limit = pLimit(context.concurrency);
  const state: State = { context, signal, limit, lanes: new Map(), running: new Set(), inHand: 0, isBroken: false };
  return {
    kind: 'refetch',
    room: () => Math.min(mostTakenAtOnce, mostInHand - state.inHand),
    take: requests => take(state, requests),
    wasBroken() {
      const was = state.isBroken;
      state.isBroken = false;
      return was;
    },
    idle: async () => void (await Promise.allSettled(state.running)),
  };
}

async function take(state: State, requests: readonly TakenRequest[]): Promise<void> {
  const { pool } = state.context;
  const targets = await refetchTargets(pool, [...new Set(requests.map(({ target }) => target))]);
  const byDevice = new Map(targets.map(target => [target.device, target]));
  const integrations = await listIntegrations(pool);
  for (const request of requests) {
    const target = byDevice.get(request.target) ?? null;
    const asks = target === null ? [] : integrations.filter(({ id }) => canAskFor(target, id));
    if (target === null || asks.length === 0 || request.attempts > mostAttempts) {
      await end(state, request.id, [], nothing(request, target, integrations));
      continue;
    }
    const byHand = request.requestedBy !== gatewayAsks;
    const job: Job = { id: request.id, target, byHand, open: asks.length, answers: [], isOver: false };
    state.inHand++;
    for (const { id } of asks) laneOf(state, id).waiting.push(job);
  }
  for (const [id, lane] of state.lanes) {
    if (lane.isBusy || lane.waiting.length === 0) continue;
    lane.isBusy = true;
    const work: Promise<void> = serve(state, id, lane).finally(() => state.running.delete(work));
    state.running.add(work);
  }
}

/** Why nobody can be asked. */
function nothing(
  request: TakenRequest,
  target: RefetchTarget | null,
  integrations: readonly Integration[],
): StoredError {
  const error = (kind: string, message: string) => ({ kind, message, status: null, code: null, requestId: null });
  if (request.attempts > mostAttempts)
    return error('malformed', 'internal error: a fault of posture-sync, its log says more');
  if (target === null) return error('not_found', 'the device was removed');
  if (integrations.length === 0) return error('settings', 'there is no integration');
  return error('settings', 'the device has no serial number that matches, and no agent: there is nothing to ask by');
}

function laneOf({ lanes }: State, id: string): Lane {
  const lane = lanes.get(id) ?? { waiting: [], isBusy: false, restUntil: 0, restMs: 0, failure: null };
  lanes.set(id, lane);
  return lane;
}

async function serve(state: State, id: string, lane: Lane): Promise<void> {
  while (lane.waiting.length > 0 && !state.signal.aborted) {
    await state.limit(async () => {
      let jobs: Job[] = [];
      try {
        const integration = await integrationById(state.context.pool, id);
        jobs = integration === null ? lane.waiting.splice(0) : portion(state, integration, lane);
        await ask(state, id, integration, lane, jobs);
      } catch (error) {
        await giveBack(state, jobs.length > 0 ? jobs : lane.waiting.splice(0), error);
      }
    });
  }
  lane.isBusy = false;
}

/** Takes as many as one question may be about, at least one. */
function portion({ context }: State, { id, provider, pauseReason }: Integration, lane: Lane): Job[] {
  // Nothing is asked of it, and of some nothing could be: no provider of theirs is known.
  if (pauseReason !== null) return lane.waiting.splice(0);
  const most = context.providerOf(provider).someAtOnce;
  let [count, size] = [0, 0];
  for (const job of lane.waiting) {
    size += sizeOf(job.target, id);
    if (count > 0 && size > most) break;
    count++;
  }
  return lane.waiting.splice(0, count);
}

async function ask(
  state: State,
  id: string,
  integration: Integration | null,
  lane: Lane,
  jobs: readonly Job[],
): Promise<void> {
  const { context, signal } = state;
  const answered = { integration: integration?.name ?? id, reason: null, agents: 0, old: null, new: null };
  const asked: Job[] = [];
  for (const job of jobs) {
    const reason = whyNot(context, integration, lane, job.byHand);
    if (reason === null) asked.push(job);
    else await settle(state, job, { ...answered, outcome: 'not_asked', reason });
  }
  if (integration === null || asked.length === 0) return;
  try {
    const reached = context.reachedInRefetch;
    const came = await refetchBatch(context, integration, asked, { signal, ...(reached ? { reached } : {}) });
    Object.assign(lane, { restUntil: 0, restMs: 0, failure: null });
    for (const job of asked) {
      const { agents = 0, change = null } = came.get(job.target.device) ?? {};
      const values = { old: change?.old ?? null, new: change?.new ?? null };
      await settle(state, job, { ...answered, outcome: 'read', agents, ...values });
    }
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    await noteFailure(context, integration, lane, error);
    for (const job of asked)
      await settle(state, job, { ...answered, outcome: 'failed', reason: storedError(error).message });
  }
}

async function noteFailure(
  context: RefetchContext,
  integration: Integration,
  lane: Lane,
  error: ProviderError,
): Promise<void> {
  const { who } = providerErrorKinds[error.kind];
  lane.failure = error;
  const ownMs = Math.min(Math.max(rest.leastMs, lane.restMs * 2), rest.mostMs);
  lane.restMs = Math.max(ownMs, Math.min(error.retryAfterMs ?? 0, longestAskedMs));
  lane.restUntil = performance.now() + lane.restMs;
  const fields = { integration: integration.name, error: storedError(error), restMs: lane.restMs };
  if (who === 'us') context.log.error(fields, 'refetch failed');
  else context.log.info(fields, 'refetch failed');
  // What an administrator must mend is told where every such failure is, and pauses the integration: by a sync.
  if (who === 'administrator') await makeDue(context.pool, integration, context.now());
}

/** @returns why an integration is not asked now, or null. Who asks by hand may ask one that fails, if it did not tell us to wait */
function whyNot(context: RefetchContext, integration: Integration | null, lane: Lane, byHand: boolean): string | null {
  if (integration === null) return 'it was removed';
  const { pauseReason, failingSince, error, nextSyncAt, provider } = integration;
  if (pauseReason !== null) return `it is paused: ${pauseCauses[pauseReason]}`;
  if (!context.providerOf(provider).reads.includes('some')) return 'its provider cannot be asked for single devices';
  if (failingSince !== null && (!byHand || (error?.kind === 'throttled' && nextSyncAt > context.now())))
    return `it is failing: ${error?.message}`;
  if (performance.now() < lane.restUntil && (!byHand || lane.failure?.kind === 'throttled'))
    return `it failed a moment ago: ${lane.failure?.message}`;
  return null;
}

async function settle(state: State, job: Job, answer: RefetchAnswer): Promise<void> {
  job.answers.push(answer);
  job.open--;
  if (job.open > 0 || job.isOver) return;
  job.isOver = true;
  state.inHand--;
  const isRead = job.answers.some(({ outcome }) => outcome === 'read');
  const message = job.answers.map(({ integration, reason }) => `${integration}: ${reason}`).join('; ');
  const error = { kind: 'unavailable', message, status: null, code: null, requestId: null };
  await end(state, job.id, job.answers, isRead ? null : error);
}

async function end(
  state: State,
  id: number,
  result: readonly RefetchAnswer[],
  error: StoredError | null,
): Promise<void> {
  const { pool, now } = state.context;
  await finishRequest(pool, id, now(), { result, error }).catch(() => {
    state.isBroken = true;
  });
}

async function giveBack(state: State, jobs: readonly Job[], error: unknown): Promise<void> {
  const { context, signal } = state;
  const open = jobs.filter(job => !job.isOver);
  for (const job of open) job.isOver = true;
  state.inHand -= open.length;
  // Who stops leaves them to the end of the claim.
  if (signal.aborted || open.length === 0) return;
  context.log.error({ err: error, requests: open.length }, 'a refetch broke off');
  const ids = open.map(job => job.id);
  await releaseRequests(context.pool, ids).catch(() => {
    state.isBroken = true;
  });
}
