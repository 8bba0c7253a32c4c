// What a worker does with the tests and previews that it took: asks the provider, with the stored secret or the one that came with the
// request, and answers. Nothing is written by either. A preview waits for its turn behind a sync of the same integration.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, ProviderError } from '../errors.ts';
import {
  aboutOf,
  type CheckInput,
  type CheckKind,
  type CheckResults,
  integrationOfCheck,
  ofNone,
  type Preview,
} from '../operations/checks.ts';
import { storedError, testSettings } from '../operations/integration-test.ts';
import { refusePaused } from '../operations/runs.ts';
import type { Pool } from '../store/client.ts';
import { type Integration, isDue } from '../store/integrations.ts';
import { finishRequest, releaseRequests, type TakenRequest } from '../store/requests.ts';
import type { StoredError } from '../store/schema.ts';
import type { Sealed } from '../store/secrets.ts';
import type { InsteadSettings, SyncContext, SyncOptions, SyncResult } from './context.ts';
import { runSync } from './run.ts';
import type { Desk } from './serving.ts';

export interface ChecksContext extends SyncContext {
  pool: Pool;
  /** What is secret of a request. See openCheckSecrets. */
  checkSecretOf(target: string, secret: Sealed): Promise<Record<string, unknown>> | Record<string, unknown>;
  /** Tests look at what happens meanwhile. */
  reachedInPreview?: SyncOptions['reached'];
}

/** Others are left to other workers. */
const mostInHand = 4;
/** A request that was taken so often and never ended kills whoever takes it. */
const mostAttempts = 3;
/** A sync that is due goes first: a scheduler begins it within a second. */
const dueFirstMs = 3_000;
/** So long a preview waits for the end of a sync. */
const turnWithinMs = 10 * 60_000;
const lookEveryMs = 500;

/** @param signal ends what is under way; what is not answered then stays open, and is free when the claim ends */
export function createChecksDesk(context: ChecksContext, kind: CheckKind, signal: AbortSignal): Desk {
  const running = new Set<Promise<void>>();
  let isBroken = false;
  const serve = async (request: TakenRequest) => {
    try {
      const answer = await answerTo(context, kind, request, signal);
      await finishRequest(context.pool, request.id, context.now(), answer);
    } catch (error) {
      // Who stops leaves it to the end of the claim.
      if (signal.aborted) return;
      context.log.error({ err: error, kind }, 'a request broke off');
      await releaseRequests(context.pool, [request.id]).catch(() => {
        isBroken = true;
      });
    }
  };
  return {
    kind,
    room: () => mostInHand - running.size,
    async take(requests) {
      for (const request of requests) {
        const work: Promise<void> = serve(request).finally(() => running.delete(work));
        running.add(work);
      }
    },
    wasBroken() {
      const was = isBroken;
      isBroken = false;
      return was;
    },
    idle: async () => void (await Promise.allSettled(running)),
  };
}

interface Answer {
  result: CheckResults[CheckKind] | null;
  error: StoredError | null;
}

/** @throws the signal's reason; whatever is a fault of ours */
async function answerTo(
  context: ChecksContext,
  kind: CheckKind,
  request: TakenRequest,
  signal: AbortSignal,
): Promise<Answer> {
  const failed = (failedAs: string, message: string): Answer => ({
    result: null,
    error: { kind: failedAs, message, status: null, code: null, requestId: null },
  });
  if (request.attempts > mostAttempts)
    return failed('malformed', 'internal error: a fault of posture-sync, its log says more');
  try {
    const result = kind === 'test' ? await test(context, request, signal) : await preview(context, request, signal);
    return { result, error: null };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AppError) return failed(error.code, error.message);
    if (error instanceof ProviderError) return { result: null, error: storedError(error) };
    throw error;
  }
}

async function test(context: ChecksContext, request: TakenRequest, signal: AbortSignal) {
  const { pool, providerOf, now, egress } = context;
  const about = aboutOf(request.target);
  const input = request.input as CheckInput | null;
  const integration = about === ofNone ? null : await integrationOfCheck(pool, about, input);
  const subject = {
    name: integration?.name ?? null,
    provider: providerOf(input?.provider ?? integration?.provider ?? ''),
    settings: () => settingsOf(context, request, integration),
  };
  return await testSettings({ now, egress, signal }, subject);
}

/** The settings whole: those of the request, or those that are stored, each with what is secret of the one or the other. */
async function settingsOf(
  context: ChecksContext,
  { target, input, secret }: TakenRequest,
  integration: Integration | null,
): Promise<Record<string, unknown>> {
  const open = (input as CheckInput | null)?.settings;
  if (secret !== null) return { ...open, ...(await context.checkSecretOf(target, secret)) };
  return integration === null
    ? { ...open }
    : await context.settingsOf({ ...integration, ...(open ? { settings: open } : {}) });
}

async function preview(context: ChecksContext, request: TakenRequest, signal: AbortSignal): Promise<Preview> {
  const { pool, now, reachedInPreview: reached } = context;
  const begun = performance.now();
  const waited = () => performance.now() - begun;
  for (;;) {
    const input = request.input as CheckInput | null;
    const integration = await integrationOfCheck(pool, aboutOf(request.target), input);
    if (input?.change?.asksAnew !== true) refusePaused(integration);
    if (!isDue(integration, now()) || waited() > dueFirstMs) {
      const whole = () => settingsOf(context, request, integration);
      const instead = insteadOf(integration, input);
      const options = { signal, dryRun: true, ...(instead ? { instead } : {}), ...(reached ? { reached } : {}) };
      const result = await runSync({ ...context, settingsOf: whole }, integration.id, options);
      signal.throwIfAborted();
      if (result !== null) return previewOf(result);
    }
    if (waited() > turnWithinMs)
      throw new AppError('busy', `a sync of "${integration.name}" is on for long: ask again when it has ended`);
    await sleep(lookEveryMs, undefined, { signal });
  }
}

function insteadOf(integration: Integration, input: CheckInput | null): InsteadSettings | null {
  if (!input?.change) return null;
  const { settings, change } = input;
  const acceptedLosses = change.asksAnew ? null : integration.acceptedLosses;
  return { settings, settingsVersion: change.settingsVersion, ...change.limits, acceptedLosses };
}

/** @throws AppError conflict where the settings were changed while it ran */
function previewOf(run: SyncResult): Preview {
  if (run.outcome === 'abandoned') throw new AppError('conflict', 'its settings were changed meanwhile: ask again');
  const { integration, outcome, complete, pages, agents, skipped, matched, unmatched, attributes, error, durationMs } =
    run;
  return {
    ...{ integration, outcome, complete, pages, agents, skipped, matched, unmatched, attributes, error, durationMs },
    changes: run.changes ?? [],
    changesTotal: run.changesTotal ?? 0,
    effects: run.effects ?? { loses: 0, changes: 0, gains: 0 },
    withheld: run.withheld ?? { devices: 0, examples: [] },
  };
}
