// The scheduler: ticks look for integrations whose time has come and run them, several at once. There is no job queue: the
// integration row is the queue, so any number of workers may tick. A worker that finds the run lock taken passes on.
import cron from 'node-cron';
import pLimit from 'p-limit';
import { dueIntegrations, type Integration } from '../store/integrations.ts';
import { type ChecksContext, createChecksDesk } from './checks-desk.ts';
import { startKeeper } from './keeper.ts';
import { type NoticesContext, startNotices } from './notices.ts';
import { createRefetchDesk, type RefetchContext } from './refetch-desk.ts';
import { isTaken, runSync } from './run.ts';
import { startServing } from './serving.ts';
import { startStandings } from './standings.ts';
import { startTailnetImports, type TailnetImportContext } from './tailnet-import.ts';
import { cronLogger } from './turns.ts';

/** `concurrency` counts integrations synced at once, and those asked by refetches apart from them. */
export interface SchedulerContext extends RefetchContext, ChecksContext, NoticesContext, TailnetImportContext {
  auditRetentionMs: number;
}

export interface Scheduler {
  /** Ends the runs under way and waits for them, at most 8 s; what then still runs is cut off with its session. */
  stop(): Promise<void>;
}

/** A second: an integration that was added or changed is synced at once. */
const everySecond = '* * * * * *';
const stopWithinMs = 8_000;

export function startScheduler(context: SchedulerContext): Scheduler {
  const { pool, log } = context;
  const limit = pLimit(context.concurrency);
  const stopping = new AbortController();
  const running = new Map<string, Promise<void>>();
  let isFailing = false;

  const run = async (integration: Integration) => {
    try {
      // Those that wait for their turn are let through when stopping: dropped, they would be waited for in vain.
      if (stopping.signal.aborted) return;
      // Asked before a session is opened for it: while one worker sweeps, the others come by every second.
      if (await isTaken(context, pool, integration.id)) return;
      await runSync(context, integration.id, { signal: stopping.signal, onlyIfDue: true });
    } catch (error) {
      // The database was lost, or a bug: the run's session is gone, the next claim closes its row.
      if (!stopping.signal.aborted) log.error({ integration: integration.name, err: error }, 'sync run broke off');
    } finally {
      running.delete(integration.id);
    }
  };

  const tick = async () => {
    if (stopping.signal.aborted) return;
    try {
      for (const integration of await dueIntegrations(pool, context.now())) {
        if (running.has(integration.id) || stopping.signal.aborted) continue;
        running.set(
          integration.id,
          limit(() => run(integration)),
        );
      }
      if (isFailing) log.info('the database is back');
      isFailing = false;
    } catch (error) {
      if (!isFailing && !stopping.signal.aborted) log.error({ err: error }, 'the database does not answer; trying on');
      isFailing = true;
    }
  };

  const task = cron.schedule(everySecond, tick, { noOverlap: true, logger: cronLogger(log) });
  const keeper = startKeeper(context);
  const serving = startServing(context, signal => [
    createChecksDesk(context, 'test', signal),
    createRefetchDesk(context, signal),
    createChecksDesk(context, 'preview', signal),
  ]);
  const standings = startStandings(context);
  const notices = startNotices(context);
  const tailnetImports = startTailnetImports(context);
  void tick();

  return {
    async stop() {
      stopping.abort(new Error('the service stops'));
      await task.destroy();
      await Promise.race([
        Promise.all([
          ...running.values(),
          ...[keeper, serving, standings, notices, tailnetImports].map(part => part.stop()),
        ]),
        new Promise(resolve => setTimeout(resolve, stopWithinMs).unref()),
      ]);
    },
  };
}
