// Steps of tests about refetches: workers that serve requests, asking by hand, waiting for answers.
import { onTestFinished } from 'vitest';
import { askForRefetch, type Refetch, waitForRefetch } from '../../src/operations/refetch.ts';
import { createAnswerBell } from '../../src/store/answer-bell.ts';
import { createPool } from '../../src/store/client.ts';
import { createRefetchDesk, type RefetchContext } from '../../src/sync/refetch-desk.ts';
import { startServing } from '../../src/sync/serving.ts';
import { tester, type World } from './world.ts';

/** Starts workers that do nothing but refetches; they end with the test. */
export function startWorkers(
  world: World,
  count = 1,
  context: Partial<RefetchContext> = {},
): { stop(): Promise<void> } {
  const all = Array.from({ length: count }, (_, i) => {
    const pool = createPool(world.database.url, { max: 2 });
    const asked = { ...world.context, worker: `worker ${i}`, pool, concurrency: 2, ...context };
    const refetching = startServing(asked, signal => [createRefetchDesk(asked, signal)]);
    return { pool, refetching };
  });
  const stop = async () => {
    await Promise.all(all.map(({ refetching }) => refetching.stop()));
    await Promise.all(all.map(({ pool }) => pool.end()));
  };
  let stopped: Promise<void> | undefined;
  const workers = {
    stop: async () => {
      stopped ??= stop();
      await stopped;
    },
  };
  onTestFinished(workers.stop);
  return workers;
}

export const askByHand = ({ db, now }: World, device: string): Promise<number> =>
  askForRefetch({ db, now, actor: tester }, device);

export async function answered({ db, database }: World, id: number): Promise<Refetch> {
  const bell = createAnswerBell(database.url);
  const refetch = await waitForRefetch({ db, bell }, id, 120_000, new AbortController().signal);
  await bell.stop();
  if (refetch?.finishedAt == null) throw new Error(`no answer: ${JSON.stringify(refetch)}`);
  return refetch;
}

export async function openRefetchCount({ db }: World): Promise<number> {
  const { rows } = await db.query('select count(*)::int as n from requests where finished_at is null');
  return rows[0].n;
}
