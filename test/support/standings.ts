// A keeper of standings that judges when a test says so, and the standings as they must be by a naive judgement of everything.
import { expect, onTestFinished, vi } from 'vitest';
import { View } from '../../src/gateway/view.ts';
import { applyPolicy, policyCatalogue } from '../../src/operations/policies.ts';
import { readAppliedPolicy } from '../../src/posture/policy-check.ts';
import { connect } from '../../src/store/client.ts';
import { readEverything } from '../../src/store/feed.ts';
import { catchUp, type StandingsContext, takeOver } from '../../src/sync/standings.ts';
import { tester, type World } from './world.ts';

export interface TestKeeper {
  /** Judges until nothing is left to be judged. */
  judge(): Promise<void>;
  /** Ends its session, as when its process dies. */
  end(): Promise<void>;
}

/** Opens a keeper's session, and waits for the end of that of the keeper before. */
export async function openKeeper(world: World, options: Partial<StandingsContext> = {}): Promise<TestKeeper> {
  const { database, now } = world;
  const context: StandingsContext = { databaseUrl: database.url, now, log: world.context.log, ...options };
  const session = await connect(database.url, { applicationName: 'keeper' });
  const end = async () => await session.end().catch(() => {});
  onTestFinished(end);
  // The server takes a moment to notice that the session of the keeper before was ended.
  const keeping = await vi.waitUntil(() => takeOver(context, session), { timeout: 60_000, interval: 5 });
  return { judge: () => catchUp(context, keeping, new AbortController().signal), end };
}

export async function inForce(world: World, postures: Record<string, unknown>, rest: object = {}): Promise<void> {
  const text = JSON.stringify({ postures, ...rest });
  const { state, check } = await applyPolicy(
    { db: world.db, now: world.now, actor: tester },
    { text, ifRevision: null },
  );
  if (state === 'refused') throw new Error(JSON.stringify(check.errors));
}

/** @returns the state of each device in each posture as `device posture`, as stored */
export async function storedStates(world: World): Promise<Record<string, string>> {
  const { rows } = await world.db.query('select device_id, posture, state from standings order by 1, 2');
  return Object.fromEntries(rows.map(row => [`${row.device_id} ${row.posture.replace('posture:', '')}`, row.state]));
}

/** Reads everything anew and judges it by the postures' own answer, without anything that is stored of standings. */
export async function naiveStates(world: World, moving: readonly string[] = []): Promise<Record<string, string>> {
  const catalogue = policyCatalogue();
  const view = new View(catalogue);
  const { policy, integrations } = await readEverything(world.database.url, moving, portion => view.take(portion));
  view.takeIntegrations(integrations);
  const postures = policy === null ? [] : [...(readAppliedPolicy(policy.text, catalogue)?.postures.values() ?? [])];
  const names = { true: 'passing', false: 'failing', null: 'unknown' };
  const states = [...view.devices()].flatMap(device =>
    postures.map(({ name, posture }) => {
      const holds = posture.holds(device, world.now().getTime());
      return [`${device.id} ${name.replace('posture:', '')}`, names[`${holds}`]] as const;
    }),
  );
  return Object.fromEntries(states.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Fails unless what is stored is what the naive judgement gives, and `verify` finds nothing. */
export async function expectRight(world: World): Promise<void> {
  expect(await storedStates(world)).toEqual(await naiveStates(world));
  await world.verify();
}
