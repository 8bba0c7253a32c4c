// `demo`: everything at once, without a real console: a database, a pretended console with a fleet that changes, devices,
// an integration, the first sync; then the service, until it is stopped.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import { createLog } from '../log.ts';
import { importDevices } from '../operations/device-import.ts';
import { addIntegration, updateIntegration } from '../operations/integrations.ts';
import { applyPolicy, presentPolicy } from '../operations/policies.ts';
import { inventory } from '../simulator/inventory.ts';
import { connect } from '../store/client.ts';
import { devicePage } from '../store/device-list.ts';
import { findIntegration, type Integration, listIntegrations, tryRunLock } from '../store/integrations.ts';
import type { SyncContext, SyncResult } from '../sync/context.ts';
import { runSync } from '../sync/run.ts';
import { startScheduler } from '../sync/scheduler.ts';
import { type DemoConsole, startDemoConsole } from './demo-fleet.ts';
import { readDemoState } from './demo-state.ts';
import { demoLines, humanLog } from './demo-text.ts';
import { addExamples } from './options.ts';
import { remark, say, sayJson } from './output.ts';
import { buildPages, pagesNeedBuild } from './pages-build.ts';
import { databaseReasons, stopped } from './serve.ts';
import { openService, type Service } from './service.ts';
import { type Session, withSession } from './session.ts';
import { placeOf, signInLink } from './sign-in.ts';
import { Stop, type Surroundings } from './surroundings.ts';
import { workerContext } from './worker-context.ts';

const name = 'demo';
/** Shorter than in earnest, so that something is to be seen. */
const syncIntervalMs = 60_000;
const linkValidMs = 3_600_000;

export function registerDemo(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync demo']).action(async (options: { json?: boolean }) => {
    if ((await to.config()).databaseUrl !== null)
      throw new AppError('conflict', 'the demo brings its own database along: run it without DATABASE_URL');
    if (pagesNeedBuild()) {
      remark(to, 'Building the admin pages ...');
      await buildPages(to.stop);
    }
    remark(to, 'Starting the database ...');
    const needs = { needsKeys: true, endsItself: true, isService: true };
    await withSession(to, needs, session => runDemo(to, session, options.json === true));
    // To be stopped is how it ends.
    throw new Stop(0);
  });
}

async function runDemo(to: Surroundings, session: Session, isJson: boolean): Promise<void> {
  const { config, db } = session;
  const alone = await connect(session.url, { applicationName: 'posture-sync demo' });
  alone.on('error', () => {});
  let demo: DemoConsole | null = null;
  try {
    if (!(await tryRunLock(alone, 'the demo')))
      throw new AppError('conflict', `a demo runs in ${config.dataDir} already; set DATA_DIR for another one`);
    await refuseForeignData(session);
    remark(to, 'Starting the pretended console ...');
    demo = await startDemoConsole(config.dataDir, session.now());
    const log = config.logLevel === 'info' ? createLog('info', humanLog(to.stderr)) : session.log;
    const integration = await prepare(to, session, demo);
    const allowedHosts = [...config.providerAllowedHosts, new URL(demo.simulator.url).host];
    const { context, egress } = workerContext({ ...session, log, allowedHosts, config: { ...config, syncIntervalMs } });
    // Of the service people need to know where it listens, which is told with the result.
    const serviceLog = config.logLevel === 'info' ? createLog('warn', to.stderr) : session.log;
    // Its own console may be changed, tested and previewed over HTTP too.
    const service = await openService(
      { ...session, allowedHosts },
      {
        log: serviceLog,
        logsDecisions: false,
        unreadiness: () => databaseReasons(db),
      },
    );
    try {
      const url = await listenSomewhere(to, service, session);
      // The result says it all; its log line would only repeat it.
      const quiet: SyncContext = { ...context, log: createLog('warn', to.stderr) };
      const first = await runSync(quiet, integration.id, { signal: to.stop });
      to.stop.throwIfAborted();
      await tell(to, session, demo, { first, url, isJson });
      const { syncConcurrency, auditRetentionMs } = config;
      const scheduler = startScheduler({ ...context, pool: db, concurrency: syncConcurrency, auditRetentionMs });
      await stopped(to);
      remark(to, 'Stopping ...');
      await scheduler.stop();
    } finally {
      await service.stop();
      egress.close();
    }
  } finally {
    await demo?.close();
    await alone.end().catch(() => {});
  }
}

/** A demo must not mix its devices into somebody's own. */
async function refuseForeignData({ db, config }: Session): Promise<void> {
  if ((await readDemoState(config.dataDir)) !== null) return;
  if ((await listIntegrations(db)).length === 0 && (await devicePage(db, null, 1)).length === 0) return;
  throw new AppError(
    'conflict',
    `${config.dataDir} holds an installation of your own; for the demo set DATA_DIR to another directory, as in DATA_DIR=.demo`,
  );
}

/** @returns the policy that a demo begins with, in HuJSON with comments */
async function samplePolicy(): Promise<string> {
  return await readFile(new URL('../../config/demo-policy.hujson', import.meta.url), 'utf8');
}

/** Devices, policy and integration, where they are not there from an earlier start. */
async function prepare(to: Surroundings, session: Session, demo: DemoConsole): Promise<Integration> {
  const { url, token, fleet } = demo.simulator;
  const request = { ...session.request, keys: session.keys, allowedHosts: [new URL(url).host] };
  const known = await findIntegration(session.db, name);
  if (known) {
    if (known.settings.url === url) return known;
    remark(to, 'The port of the pretended console was taken: it listens on another one.');
    return (await updateIntegration(request, name, { settings: { url, token } })).integration;
  }
  remark(to, 'Importing devices ...');
  await importDevices(
    session.request,
    inventory(fleet).map((record, i) => ({ line: i + 1, record })),
  );
  // Whoever applied one of their own before keeps it.
  if ((await presentPolicy(session)).revision === null)
    await applyPolicy(session.request, { text: await samplePolicy(), ifRevision: 0 });
  return await addIntegration(request, { name, provider: 'sentinelone', settings: { url, token } });
}

/** On PORT, or a free one where that is taken: a demo does not fail for it. @returns where it listens */
async function listenSomewhere(to: Surroundings, service: Service, { config }: Session): Promise<string> {
  try {
    return (await service.listen(config.host, config.port)).url;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    remark(to, `Port ${config.port} is taken: the service listens on another one.`);
    return (await service.listen(config.host, 0)).url;
  }
}

async function tell(
  to: Surroundings,
  session: Session,
  demo: DemoConsole,
  { first, url, isJson }: { first: SyncResult | null; url: string; isJson: boolean },
): Promise<void> {
  const simulator = demo.simulator.url;
  const link = await signInLink(session.request, placeOf(session.config, url), { role: 'admin', valid: linkValidMs });
  const isSample = (await presentPolicy(session)).text === (await samplePolicy());
  const { dataDir } = session.config;
  if (isJson)
    return await sayJson(to, { url, signIn: link.url, simulator, dataDir, samplePolicy: isSample, sync: first });
  const [matched] = await devicePage(session.db, null, 1, { match: 'matched' });
  const [unmatched] = await devicePage(session.db, null, 1, { match: 'serial_on_several_devices' });
  const lines = demoLines({
    first,
    url,
    link: { url: link.url, validMs: linkValidMs },
    simulator,
    dataDir,
    isSample,
    matched: matched?.id ?? null,
    unmatched: unmatched?.id ?? null,
    intervalMs: syncIntervalMs,
  });
  for (const line of lines) await say(to, line);
}
