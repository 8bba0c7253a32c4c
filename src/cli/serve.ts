// `serve`: the service. Its role says what this process does: answer, sync, or answer and have a worker as a child.
import type { Command } from 'commander';
import { Option } from 'commander';
import { isMigrated, type Pool } from '../store/client.ts';
import { startScheduler } from '../sync/scheduler.ts';
import { startSealing } from '../sync/sealing.ts';
import { addExamples } from './options.ts';
import { buildPages, pagesNeedBuild } from './pages-build.ts';
import { openService } from './service.ts';
import { type Session, withSession } from './session.ts';
import { Stop, type Surroundings } from './surroundings.ts';
import { workerContext } from './worker-context.ts';
import { superviseWorker, type WorkerProcess, workerIsReady } from './worker-process.ts';

export function registerServe(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync serve', 'ROLE=worker posture-sync serve'])
    .addOption(new Option('--as-worker', 'what the service starts its own worker with').hideHelp())
    .action(async (options: { asWorker?: boolean }) => {
      const role = options.asWorker ? 'worker' : (await to.config()).role;
      const needs = { needsKeys: role !== 'api', migrates: true, endsItself: true, isService: true };
      await withSession(to, needs, async session => {
        if (role === 'worker') await work(to, session);
        else await answer(to, session, role);
      });
      // To be stopped is how it ends.
      throw new Stop(0);
    });
}

async function work(to: Surroundings, session: Session): Promise<void> {
  const { context, egress } = workerContext(session);
  const { syncConcurrency, auditRetentionMs } = session.config;
  const sealing = await startSealing({ ...context, pool: session.db, keys: session.keys });
  const scheduler = startScheduler({ ...context, pool: session.db, concurrency: syncConcurrency, auditRetentionMs });
  session.log.info({ worker: context.worker }, 'worker runs');
  to.tellParent(workerIsReady);
  await stopped(to);
  await Promise.all([scheduler.stop(), sealing.stop()]);
  egress.close();
}

/** Load balancers that look every half second notice in time. */
const drainMs = 1_000;

async function answer(to: Surroundings, session: Session, role: 'all' | 'api'): Promise<void> {
  const { config, log, db } = session;
  let worker: WorkerProcess | null = null;
  const service = await openService(session, {
    log,
    logsDecisions: true,
    unreadiness: async () => [
      ...(await databaseReasons(db)),
      ...(role === 'all' && !worker?.isReady() ? ['the worker does not run'] : []),
    ],
  });
  try {
    const { url } = await service.listen(config.host, config.port, { drainMs });
    log.info({ url, role }, 'listening');
    // Nobody waits for them to be asked for anything else.
    if (pagesNeedBuild()) {
      void buildPages(to.stop).catch(err => {
        if (!to.stop.aborted) log.warn({ err }, 'the admin pages could not be built');
      });
    }
    if (role === 'all') worker = superviseWorker(to.program, log);
    await stopped(to);
    log.info('stopping');
  } finally {
    await Promise.all([service.stop(), worker?.stop()]);
  }
}

/** Resolves when the command is to stop. */
export async function stopped(to: Surroundings): Promise<void> {
  if (to.stop.aborted) return;
  await new Promise(resolve => to.stop.addEventListener('abort', resolve, { once: true }));
}

const answerWithinMs = 2_000;

/** @returns why the database cannot be used, or nothing */
export async function databaseReasons(db: Pool): Promise<string[]> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => late.resolve('late'), answerWithinMs);
  try {
    const asked = isMigrated(db);
    // After the answer was given up its failure concerns nobody.
    asked.catch(() => {});
    const migrated = await Promise.race([asked, late.promise]);
    if (migrated === 'late') return ['the database does not answer in time'];
    return migrated ? [] : ['the database is not migrated'];
  } catch {
    return ['the database cannot be reached'];
  } finally {
    clearTimeout(timer);
  }
}
