// Random changes by several writers, clock moves, policies and keepers that die, against a naive judgement of everything: whenever
// all is judged, standings, counts and events say the same. STANDINGS_SEED=7 plays one seed.
import { expect, it } from 'vitest';
import { removeDevice } from '../../src/operations/devices.ts';
import { listPostures } from '../../src/operations/postures.ts';
import type { AuditEntry } from '../../src/posture/events.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { type Random, seeded } from '../support/random.ts';
import '../support/registered.ts';
import { expectRight, inForce, openKeeper, storedStates, type TestKeeper } from '../support/standings.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const { STANDINGS_SEED } = process.env;
const seeds = STANDINGS_SEED === undefined ? [1, 2, 5] : [Number(STANDINGS_SEED)];
const steps = 16;
const devices = 12;

const conditions = [
  'fake:threats == 0',
  'fake:threats <= 1 || fake:isActive',
  'fake:isActive',
  '!fake:isActive',
  "fake:threats == 0 WITHIN '3h'",
  "!(fake:threats > 0 WITHIN '1h') && fake:isActive",
  "fake:lastSeen WITHIN '13h'",
  'fake:lastSeen NOT SET',
  "fake:state IN ['na', 'odd'] WITHIN '30m' || fake:threats == 0 WITHIN '5h'",
  'fake:state IS SET',
];

function drawPolicy(random: Random): Record<string, unknown> {
  const names = ['posture:p', 'posture:q', 'posture:r', 'posture:s'].filter(() => random.below(4) > 0);
  return Object.fromEntries(
    names.map((name, i) => {
      const own = Array.from({ length: 1 + random.below(2) }, () => random.pick(conditions));
      const named = i > 0 && random.below(3) === 0 ? [random.pick([names[0], `!${names[0]}`])] : [];
      const tags = random.below(4) === 0 ? { tags: ['tag:one'] } : {};
      return [name, { conditions: [...own, ...named], ...tags }];
    }),
  );
}

/** What the log tells, compared with what is stored each time that all is judged. */
class Told {
  readonly #known = new Map<string, string>();
  #read = 0;

  check(events: readonly AuditEntry[], stored: Readonly<Record<string, string>>): void {
    for (const { event, target, old, new: is } of events.slice(this.#read)) {
      if (event === 'NODE.DELETE')
        for (const key of this.#known.keys()) if (key.startsWith(`${target.id} `)) this.#known.delete(key);
      if (event !== 'NODE.UPDATE.POSTURE_STANDING') continue;
      const [before, after] = [old, is] as { posture: string; state: string }[];
      const key = `${target.id} ${after?.posture.replace('posture:', '')}`;
      expect(before?.state, `${key} did not flip`).not.toBe(after?.state);
      expect(before?.state, `old state of ${key}`).toBe(this.#known.get(key) ?? before?.state);
      this.#known.set(key, String(after?.state));
    }
    this.#read = events.length;
    for (const key of this.#known.keys()) if (!(key in stored)) this.#known.delete(key);
    // First standings are not told of, everything else is.
    for (const [key, state] of Object.entries(stored)) {
      expect(this.#known.get(key) ?? state, `${key} as it was told`).toBe(state);
      this.#known.set(key, state);
    }
  }
}

async function writer(world: World, random: Random): Promise<void> {
  const request = { db: world.db, now: world.now, actor: tester };
  for (let n = 1 + random.below(3); n > 0; n--) {
    const id = `d${random.below(devices)}`;
    if (random.below(6) === 0) await removeDevice(request, id).catch(() => {});
    else await world.devices({ id, serialNumbers: [`SER-${id}`], tags: random.below(2) === 0 ? ['one'] : [] });
  }
}

function drawAgents(world: World, random: Random, name: string): void {
  const console = world.consoles.get(name);
  for (let n = random.below(6); console !== undefined && n > 0; n--) {
    const id = `d${random.below(devices)}`;
    const seen = new Date(world.now().getTime() - random.below(30) * hour).toISOString();
    const values = {
      ...(random.below(5) === 0 ? {} : { 'fake:threats': random.below(3) }),
      ...(random.below(5) === 0 ? {} : { 'fake:isActive': random.below(3) > 0 }),
      ...(random.below(5) === 0 ? {} : { 'fake:state': random.pick(['na', 'odd', 'bad']) }),
      ...(random.below(3) === 0 ? {} : { 'fake:lastSeen': seen }),
    };
    console.set(fakeAgent(id, `SER-${id}`, { values }));
    if (random.below(8) === 0) console.agents.delete(id);
    if (random.below(6) === 0) console.unreadable.add(id);
    else console.unreadable.delete(id);
  }
}

async function compare(world: World, told: Told): Promise<void> {
  await expectRight(world);
  const stored = await storedStates(world);
  told.check(await world.events(), stored);
  const { rowCount } = await world.db.query('select from policies');
  if (rowCount === 0) return;
  const { postures, asOf } = await listPostures({ db: world.db, now: world.now });
  expect(asOf).toMatchObject({ isCurrent: true, waiting: 0 });
  const counts = postures.flatMap(({ posture, passing, failing, unknown }) =>
    Object.entries({ passing, failing, unknown }).map(([state, n]) => [`${posture} ${state}`, n]),
  );
  const states = Object.entries(stored).map(([key, state]) => `posture:${key.split(' ')[1]} ${state}`);
  expect(Object.fromEntries(counts)).toEqual(
    Object.fromEntries(counts.map(([key]) => [key, states.filter(state => state === key).length])),
  );
}

it.each(seeds)('seed %i: whenever all is judged, standings, counts and events are those of a naive judgement', seed =>
  seeded(seed, async random => {
    const world = await createWorld();
    for (const name of ['hq', 'branch']) await world.integration(name, { hold_floor: 2 });
    const told = new Told();
    const options = () => ({ portion: 1 + random.below(5) });
    let keeper: TestKeeper = await openKeeper(world, options());
    for (let step = 0; step < steps; step++) {
      const name = random.pick(['hq', 'branch']);
      drawAgents(world, random, name);
      const acts = [writer(world, random), writer(world, random)];
      if (random.below(3) > 0) acts.push(world.sync(name).then(() => {}));
      if (random.below(4) === 0 || step === 2)
        acts.push(inForce(world, drawPolicy(random), { tagOwners: { 'tag:one': [] } }));
      if (random.below(2) === 0) acts.push(keeper.judge());
      await Promise.all(acts);
      world.pass(random.pick([1, minute, 29 * minute, hour, 2 * hour, 7 * hour, 30 * hour]));
      if (random.below(6) === 0) world.pass(-20 * minute);
      if (random.below(4) === 0) {
        await keeper.end();
        keeper = await openKeeper(world, options());
      }
      await keeper.judge();
      await compare(world, told);
    }
    await keeper.end();
  }),
);
