// How fast postures are evaluated in process, beside the same rule in CEL; and what a view of many devices costs, in memory and in
// seconds until it is loaded. In a process of its own started by bench.ts, so that its memory is the view's.
import { setTimeout as sleep } from 'node:timers/promises';
import { startFollowing } from '../gateway/follow.ts';
import { createLog } from '../log.ts';
import { policyCatalogue } from '../operations/policies.ts';
import type { AttributeValue } from '../posture/attributes.ts';
import { factsOf } from '../posture/facts.ts';
import { readAppliedPolicy } from '../posture/policy-check.ts';
import { movingAttributeNames } from '../providers/registry.ts';

export interface Evaluated {
  perSecond: number;
  /** Null where @marcbachmann/cel-js is not installed, which only a checkout has. */
  celPerSecond: number | null;
}

export interface Loading {
  devices: number;
  seconds: number;
  heapBytesPerDevice: number;
}

const conditions = [
  'sentinelOne:isActive == true',
  'sentinelOne:activeThreats == 0',
  "sentinelOne:operationalState == 'na'",
];
const measuredMs = 1_000;
const variants = 1_024;

/** Of the same values, some of which pass; the best of three rounds each, by turns. */
export async function benchEvaluate(): Promise<Evaluated> {
  const catalogue = policyCatalogue();
  const policy = readAppliedPolicy(JSON.stringify({ postures: { 'posture:bench': conditions } }), catalogue);
  const posture = policy?.postures.get('posture:bench')?.posture;
  if (posture === undefined) throw new Error('the posture of the bench has errors');
  const values = Array.from({ length: variants }, (_, n) => valuesOf(n));
  const facts = values.map(each => factsOf(catalogue, each, { confirmedAt: 0, integration: 'bench' }));
  const rule = await celRule();
  const contexts = values.map(each => ({
    isActive: each['sentinelOne:isActive'],
    activeThreats: each['sentinelOne:activeThreats'],
    operationalState: each['sentinelOne:operationalState'],
  }));
  let [own, cel] = [0, 0];
  for (let round = 0; round < 3; round++) {
    own = Math.max(
      own,
      rate(facts, each => posture.holds(each, 0)),
    );
    if (rule !== null) cel = Math.max(cel, rate(contexts, rule));
  }
  return { perSecond: Math.round(own), celPerSecond: rule === null ? null : Math.round(cel) };
}

function valuesOf(n: number): Record<string, AttributeValue> {
  return {
    'sentinelOne:isActive': n % 10 !== 0,
    'sentinelOne:activeThreats': n % 20 === 1 ? 1 : 0,
    'sentinelOne:operationalState': 'na',
    'sentinelOne:infected': false,
    'sentinelOne:agentVersion': `24.1.${n % 40}`,
  };
}

async function celRule(): Promise<((context: Record<string, unknown>) => unknown) | null> {
  try {
    const { parse } = await import('@marcbachmann/cel-js');
    return parse('isActive == true && activeThreats == 0.0 && operationalState == "na"');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

/** @returns calls a second */
function rate<T>(inputs: readonly T[], call: (input: T) => unknown): number {
  let calls = 0;
  let kept: unknown = null;
  const started = performance.now();
  while (performance.now() - started < measuredMs) {
    for (const input of inputs) kept = call(input) === true ? input : kept;
    calls += inputs.length;
  }
  if (kept === null) throw new Error('nothing passes');
  return (calls * 1_000) / (performance.now() - started);
}

/** @param gc needs a process started with --expose-gc */
export async function benchView(databaseUrl: string, gc: () => void): Promise<Loading> {
  const before = heap(gc);
  const started = performance.now();
  const follower = startFollowing({
    databaseUrl,
    catalogue: policyCatalogue(),
    moving: movingAttributeNames(),
    log: createLog('silent'),
  });
  let devices = 0;
  for (; devices === 0; devices = follower.known()?.view.size ?? 0) await sleep(5);
  const took = performance.now() - started;
  const bytes = heap(gc) - before;
  await follower.stop();
  return { devices, seconds: Math.round(took / 10) / 100, heapBytesPerDevice: Math.round(bytes / devices) };
}

function heap(gc: () => void): number {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

process.once('message', async (order: { databaseUrl: string | null }) => {
  const answer =
    order.databaseUrl === null
      ? await benchEvaluate()
      : await benchView(order.databaseUrl, globalThis.gc ?? (() => {}));
  process.send?.(answer);
});
process.once('disconnect', () => process.exit(0));
