// `bench sync`: how fast a first, an unchanged and a slightly changed sync of a large fleet are, how much memory the service
// takes, and how far that is from the least it could cost, all from one run against the simulator in another process.
import type { ChildProcess } from 'node:child_process';
import { createBenchDatabase } from '../store/bench.ts';
import { createPool, migrate, type Pool } from '../store/client.ts';
import type { SyncResult } from '../sync/context.ts';
import {
  ask,
  createIntegration,
  importInventory,
  round,
  seconds,
  startSimulatorProcess,
  startSyncProcess,
} from './bench-fleet.ts';
import type { Floor } from './bench-service.ts';

export interface BenchStep {
  name: 'first' | 'unchanged' | 'changed';
  seconds: number;
  result: SyncResult;
  headMs: number;
  /** Rows written in agents, devices, device_attributes. */
  rowsWritten: number;
  peakMb: number;
}

export interface SyncBench {
  agents: number;
  devices: number;
  steps: BenchStep[];
  floor: Floor;
  /** Seconds of each step by the floor's. */
  ratios: Record<string, number>;
  peakMb: number;
  importSeconds: number;
  verifySeconds: number;
  findings: number;
}

/**
 * @param serverUrl a PostgreSQL server; a database is created there and dropped again
 * @param tell progress for people
 */
export async function benchSync(
  serverUrl: string,
  agents: number,
  seed: number,
  tell: (line: string) => void,
): Promise<SyncBench> {
  const database = await createBenchDatabase(serverUrl);
  const simulator = await startSimulatorProcess(agents, seed);
  let service: ChildProcess | null = null;
  const pool = createPool(database.url, { applicationName: 'posture-sync bench' });
  try {
    await migrate(database.url);
    const started = performance.now();
    const devices = await importInventory(pool, simulator.url, tell);
    const importSeconds = seconds(started);
    tell(`${devices} devices imported in ${importSeconds} s`);
    const setup = await createIntegration(pool, database.url, simulator);
    service = await startSyncProcess(setup);
    const steps: BenchStep[] = [];
    for (const [name, percent] of [
      ['first', null],
      ['unchanged', 0],
      ['changed', 1],
    ] as const) {
      if (percent !== null) await simulator.advance(percent);
      await pool.query('checkpoint');
      steps.push(await measureStep(pool, service, name));
      const last = steps.at(-1);
      tell(
        `${name}: ${last?.seconds} s, ${last?.result.events} events, ${last?.rowsWritten} rows written, head ${last?.headMs} ms, peak ${last?.peakMb} MB`,
      );
    }
    const peakMb = Math.max(...steps.map(step => step.peakMb));
    const { floor } = await ask(service, { do: 'floor' });
    if (!floor) throw new Error('no floor was measured');
    const { findings, verifySeconds } = await verifyIt(pool);
    const floorSeconds = (floor.readMs + floor.copyMs) / 1000;
    const ratios = Object.fromEntries(steps.map(step => [step.name, round(step.seconds / floorSeconds)]));
    return { agents, devices, steps, floor, ratios, peakMb, importSeconds, verifySeconds, findings };
  } finally {
    service?.disconnect();
    await simulator.stop();
    await pool.end();
    await database.drop();
  }
}

async function measureStep(pool: Pool, service: ChildProcess, name: BenchStep['name']): Promise<BenchStep> {
  const { rows } = await pool.query('select pg_current_xact_id()::text::bigint as xid');
  const started = performance.now();
  const { sync, peakMb } = await ask(service, { do: 'sync' });
  if (!sync) throw new Error('no result');
  if (sync.outcome !== 'succeeded') throw new Error(`${name}: ${sync.outcome} ${JSON.stringify(sync.error)}`);
  const took = seconds(started);
  const written = await pool.query(
    `select (select count(*) from agents where xmin::text::bigint > $1)::int + (select count(*) from devices where xmin::text::bigint > $1)::int
       + (select count(*) from device_attributes where xmin::text::bigint > $1)::int as n,
       (select head_ms from sync_runs order by id desc limit 1) as head_ms`,
    [rows[0].xid],
  );
  return { name, seconds: took, result: sync, headMs: written.rows[0].head_ms, rowsWritten: written.rows[0].n, peakMb };
}

async function verifyIt(pool: Pool): Promise<{ findings: number; verifySeconds: number }> {
  const { verifyAll } = await import('../operations/audit.ts');
  const started = performance.now();
  const findings = await verifyAll(pool);
  return { findings: findings.length, verifySeconds: seconds(started) };
}
