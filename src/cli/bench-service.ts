// The measured half of `bench sync`: a process that does what a worker does and nothing else, so that its memory is that of
// the service. Started by bench-sync.ts, told what to do by messages, answers each with what it measured.
import { pino } from 'pino';
import { createEgress } from '../providers/http.ts';
import type { AgentPage, ProviderHttp } from '../providers/provider.ts';
import { providerOf } from '../providers/registry.ts';
import { openProvider } from '../providers/settings.ts';
import { connect, databaseClock } from '../store/client.ts';
import { createStage, stageAgents } from '../store/sweep.ts';
import type { SyncContext, SyncResult } from '../sync/context.ts';
import { runSync } from '../sync/run.ts';
import { movingAttributes, stagePage } from '../sync/staging.ts';

export interface BenchSetup {
  databaseUrl: string;
  integrationId: string;
  settings: { url: string; token: string; requestsPerSecond: number };
}

export type BenchOrder = { do: 'sync' } | { do: 'floor' };

export interface BenchAnswer {
  sync?: SyncResult;
  floor?: Floor;
  error?: string;
  /** Highest resident memory of this process so far, in MB. */
  peakMb: number;
}

/** The least that a sweep can cost: the same pages read, parsed and dropped, and the same rows copied into a bare table. */
export interface Floor {
  agents: number;
  readMs: number;
  copyMs: number;
}

const providerId = 'sentinelone';

async function serve(setup: BenchSetup): Promise<void> {
  const log = pino({ level: 'silent' });
  const clock = await connect(setup.databaseUrl);
  const context: SyncContext = {
    databaseUrl: setup.databaseUrl,
    egress: createEgress({ allowedHosts: [new URL(setup.settings.url).host], log }),
    providerOf,
    settingsOf: () => setup.settings,
    now: await databaseClock(clock),
    log,
    worker: 'bench',
    syncIntervalMs: 15 * 60_000,
    authPauseMs: 24 * 3_600_000,
  };
  await clock.end();
  process.on('message', async (order: BenchOrder) => {
    const answer: BenchAnswer = { peakMb: 0 };
    try {
      if (order.do === 'sync') {
        const result = await runSync(context, setup.integrationId, { signal: new AbortController().signal });
        if (!result) throw new Error('the run lock was taken');
        answer.sync = result;
      } else {
        answer.floor = await measureFloor(context, setup);
      }
    } catch (error) {
      answer.error = String(error);
    }
    answer.peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
    process.send?.(answer);
  });
  process.send?.({ peakMb: 0 } satisfies BenchAnswer);
}

/** Reading and copying one after the other, each timed alone: what overlaps in a sync does not here. */
async function measureFloor(context: SyncContext, setup: BenchSetup): Promise<Floor> {
  const provider = providerOf(providerId);
  const http = openProvider(context.egress, provider, setup.settings);
  const floor: Floor = { agents: 0, readMs: 0, copyMs: 0 };
  let started = performance.now();
  await readPlainly(http, setup.settings.token);
  floor.readMs = performance.now() - started;
  const session = await connect(setup.databaseUrl);
  try {
    await createStage(session);
    await session.query('create table bench_bare (like stage)');
    const moving = new Set(movingAttributes(provider.attributes).map(({ name }) => name));
    const pages = provider.agents(
      setup.settings,
      { kind: 'all' },
      { http, signal: new AbortController().signal, now: context.now },
    );
    for await (const page of pages as AsyncGenerator<AgentPage>) {
      const { rows } = stagePage(page, moving);
      floor.agents += rows.length;
      started = performance.now();
      await stageAgents(session, rows, 'bench_bare');
      floor.copyMs += performance.now() - started;
    }
    await session.query('drop table bench_bare');
  } finally {
    await session.end();
  }
  return floor;
}

/** The pages as got gives them, parsed and dropped. */
async function readPlainly(http: ProviderHttp, token: string): Promise<void> {
  const signal = new AbortController().signal;
  let cursor: string | null = null;
  do {
    const path = `/web/api/v2.1/agents?limit=1000&sortBy=id&sortOrder=asc&isDecommissioned=False&isUninstalled=False${cursor ? `&cursor=${cursor}` : ''}`;
    const { json } = await http.request({ path, headers: { authorization: `ApiToken ${token}` } }, signal);
    // Delivered percent-encoded, sent as it is.
    cursor = (json as { pagination: { nextCursor: string | null } }).pagination.nextCursor;
  } while (cursor);
}

process.once('message', (setup: BenchSetup) => {
  void serve(setup);
});
process.once('disconnect', () => process.exit(0));
