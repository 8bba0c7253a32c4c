// `sync [NAME]`: runs a sync here and now, or joins the one that is on. Only one run of an integration is on at a time.
import type { Command } from 'commander';
import pLimit from 'p-limit';
import { acceptLosses } from '../operations/integration-states.ts';
import { theIntegration } from '../operations/integrations.ts';
import { pausedSentence, refusePaused } from '../operations/runs.ts';
import { type Integration, listIntegrations } from '../store/integrations.ts';
import type { SyncContext, SyncResult } from '../sync/context.ts';
import { runSync } from '../sync/run.ts';
import { joinRun } from './join-run.ts';
import { addExamples } from './options.ts';
import { remark, say, sayJson } from './output.ts';
import { pace, startProgress } from './progress.ts';
import { type Session, withSession } from './session.ts';
import { Failed, type Surroundings, wrongUse } from './surroundings.ts';
import { changeLine, syncLines } from './sync-text.ts';
import { workerContext } from './worker-context.ts';

interface SyncCommandOptions {
  json?: boolean;
  ndjson?: boolean;
  dryRun?: boolean;
  accept?: boolean;
}

export function registerSync(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync sync hq', 'posture-sync sync hq --dry-run', 'posture-sync sync hq --accept'])
    .option('--dry-run', 'read everything, say what would change, write nothing')
    .option('--ndjson', 'with --dry-run: each change as one JSON object a line, then the result')
    .option('--accept', 'accept for 24 hours that as many devices lose values as are held, a tenth more at most')
    .action(async (name: string | undefined, options: SyncCommandOptions) => {
      if (options.accept && (name === undefined || options.dryRun))
        wrongUse('--accept needs the name of an integration, and goes without --dry-run');
      if (options.ndjson && !options.dryRun) wrongUse('--ndjson goes with --dry-run');
      await withSession(to, { needsKeys: true, endsItself: true }, async session => {
        const { context, egress } = workerContext(session);
        try {
          if (name === undefined) await syncAll(to, session, context, options);
          else await syncOne(to, session, context, name, options);
        } finally {
          egress.close();
        }
      });
    });
}

async function syncOne(
  to: Surroundings,
  session: Session,
  context: SyncContext,
  name: string,
  options: SyncCommandOptions,
): Promise<void> {
  const integration = await theIntegration(session.db, name);
  refusePaused(integration);
  if (options.accept) await acceptLosses(session.request, name);
  const result = await runOrJoin(to, session, context, integration, options);
  await tell(to, result, options);
  if (result.outcome !== 'succeeded') throw new Failed();
}

async function syncAll(
  to: Surroundings,
  session: Session,
  context: SyncContext,
  options: SyncCommandOptions,
): Promise<void> {
  const all = await listIntegrations(session.db);
  if (all.length === 0) remark(to, 'There is no integration yet. Add one: posture-sync integration add --help');
  const limit = pLimit(session.config.syncConcurrency);
  let isWell = true;
  const runs = all.map(integration =>
    limit(async () => {
      to.stop.throwIfAborted();
      const paused = pausedSentence(integration);
      if (paused !== null) {
        remark(to, paused);
        // A pause by hand is as wanted; refused credentials are not.
        if (integration.pauseReason === 'auth' || integration.pauseReason === 'permission') isWell = false;
        return;
      }
      const result = await runOrJoin(to, session, context, integration, options);
      if (result.outcome !== 'succeeded') isWell = false;
      await tell(to, result, options);
    }),
  );
  const failed = (await Promise.allSettled(runs)).find(run => run.status === 'rejected');
  if (failed) throw failed.reason;
  if (!isWell) throw new Failed();
}

/** @throws Stop when stopped; AppError when nothing can run */
async function runOrJoin(
  to: Surroundings,
  session: Session,
  context: SyncContext,
  integration: Integration,
  options: SyncCommandOptions,
): Promise<SyncResult> {
  const begun = performance.now();
  const progress = startProgress(to);
  try {
    const attempt = () =>
      runSync(context, integration.id, {
        signal: to.stop,
        dryRun: options.dryRun === true,
        onProgress: ({ pages, agents, claimedTotal }) => {
          const done = { pages, count: agents, total: claimedTotal, what: 'agents' };
          progress.show(`${integration.name}: ${pace(done, performance.now() - begun)}`);
        },
      });
    const result =
      (await attempt()) ??
      (await joinRun(to, session, integration, attempt, options.dryRun === true, line => remark(to, line)));
    to.stop.throwIfAborted();
    return result;
  } finally {
    progress.end();
  }
}

async function tell(to: Surroundings, result: SyncResult, options: SyncCommandOptions): Promise<void> {
  if (options.ndjson) {
    const { changes, ...rest } = result;
    for (const change of changes ?? []) await sayJson(to, change);
    return await sayJson(to, rest);
  }
  if (options.json) return await sayJson(to, result);
  const changes = result.changes ?? [];
  for (const line of [...changes.map(changeLine), ...syncLines(result)]) await say(to, line);
}
