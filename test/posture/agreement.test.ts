// The compiled language agrees with a naive one on a million random postures, devices and times; and an answer stands for as
// long as it says.
import { expect, it } from 'vitest';
import type { AttributeValue } from '../../src/posture/attributes.ts';
import { comparisonText } from '../../src/posture/conditions.ts';
import { formatDuration } from '../../src/posture/duration.ts';
import { DeviceFacts, valueSets } from '../../src/posture/facts.ts';
import { compilePostures, type Posture } from '../../src/posture/postures.ts';
import { type Random, seeded } from '../support/random.ts';
import { catalogueOf, expressionOf, hour, minute, now } from './language.ts';
import { type Definition, type Device, postureHolds, type Tree, type Value } from './naive.ts';

const seed = 1_763_640_000;
const triples = 1_000_000;
const postureSets = 2_000;
const devices = 1_000;

const iso = (ms: number) => new Date(ms).toISOString();
const times = [-50 * hour, -25 * hour, -24 * hour, -hour, -minute, 0, 4 * minute, 5 * minute, 6 * minute, 3 * hour].map(
  offset => iso(now + offset),
);

/** Values of each type, few enough to meet often: what devices have, and what conditions compare with. */
const pools: Record<string, { stored: Value[]; literals: Value[] }> = {
  't:boolean': { stored: [true, false], literals: [true, false] },
  't:number': { stored: [-1, 0, 0.5, 3, 1e300], literals: [-1, 0, 0.5, 2, 3, 4] },
  't:string': { stored: ['na', 'NA', '', "it's"], literals: ['na', 'NA', '', "it's", 'x'] },
  't:version': { stored: ['24.1', '24.01', '24.10.2', '9', '24', ''], literals: ['24.1', '24.2', '24.1.', '24', '9a'] },
  't:time': { stored: times, literals: ['yesterday', '2026-11-20', ...times.slice(1, 5)] },
  't:address': {
    stored: ['10.1.2.3', '10.1.3.3', '192.168.0.1', '2001:db8::1', 'fe80::'],
    literals: [
      '10.1.2.3',
      '10.1.2.0/24',
      '10.0.0.0/8',
      '0.0.0.0/0',
      '2001:db8::/32',
      '::/0',
      '2001:db8::1',
      '10.0.0.0/33',
      'x',
    ],
  },
  'custom:any': { stored: [true, 0, 3, 'na'], literals: [true, 0, 3, 'na'] },
  'fleetPolicy:disk': { stored: [true, false], literals: [true] },
};
const names = Object.keys(pools);
const oddities: unknown[] = [Number.NaN, Number.POSITIVE_INFINITY, null, true, 7, 'odd', '10.0.0.256', '9999'];
const allTags = ['laptop', 'server', 'phone'];

const typeOf = (name: string) => (name === 'custom:any' ? null : name.startsWith('fleet') ? 'boolean' : name.slice(2));

function randomDevice(random: Random): Device {
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const kind = random.below(10);
    if (kind > 1) values[name] = random.pick(pools[name]?.stored ?? []);
    else if (kind === 1) values[name] = random.pick(oddities);
  }
  const moment = () => (random.below(6) === 0 ? null : now + random.pick([-30, -24, -2, -1, 0, 0.05, 0.2, 2]) * hour);
  const confirmedAt = { t: moment(), custom: moment(), fleetPolicy: moment() };
  return { values, confirmedAt, tags: allTags.filter(() => random.below(2) === 0) };
}

function randomTree(random: Random, depth: number, named: readonly string[]): Tree {
  const kind = random.below(depth > 0 ? 10 : 5);
  if (kind === 9 && named.length > 0) return { is: 'posture', name: random.pick(named) };
  if (kind === 8) return { is: 'not', part: randomTree(random, depth - 1, named) };
  if (kind > 4) {
    const parts = Array.from({ length: 2 + random.below(2) }, () => randomTree(random, depth - 1, named));
    return { is: random.below(2) === 0 ? 'and' : 'or', parts };
  }
  const name = random.pick(names);
  const operator = random.pick(['', '', '==', '==', '!=', '<', '<=', '>', '>=', 'IN', 'NOT IN', 'IS SET', 'NOT SET']);
  // Now and then something of another type.
  const literal = () => random.pick(pools[random.below(12) === 0 ? random.pick(names) : name]?.literals ?? []);
  const count = operator.endsWith('IN') ? random.below(4) : operator === '' || operator.endsWith('SET') ? 0 : 1;
  const withinMs = random.below(3) === 0 ? random.pick([minute, hour, 24 * hour]) : null;
  return { is: 'leaf', name, type: typeOf(name), operator, literals: Array.from({ length: count }, literal), withinMs };
}

/** The tree as an administrator would write it, with parentheses that are needed and some that are not. */
function textOf(tree: Tree, random: Random): string {
  switch (tree.is) {
    case 'posture':
      return tree.name;
    case 'not':
      return tree.part.is === 'and' || tree.part.is === 'or'
        ? `!(${textOf(tree.part, random)})`
        : `! ${textOf(tree.part, random)}`;
    case 'leaf': {
      const { name, operator, literals, withinMs } = tree;
      const text = comparisonText(
        name,
        operator === '' ? null : operator,
        literals,
        withinMs === null ? null : formatDuration(withinMs),
      );
      return random.below(8) === 0 ? `( ${text})` : text;
    }
    default:
      return tree.parts
        .map(part => {
          const needed = part.is === 'or' || (part.is === 'and' && tree.is === 'and') || random.below(8) === 0;
          return needed ? `(${textOf(part, random)})` : textOf(part, random);
        })
        .join(tree.is === 'and' ? ' && ' : ' || ');
  }
}

function randomDefinitions(random: Random): Definition[] {
  const definitions: Definition[] = [];
  for (let i = random.below(3); i >= 0; i--) {
    const named = definitions.map(({ name }) => name);
    const conditions = Array.from({ length: 1 + random.below(3) }, () => randomTree(random, 3, named));
    const tags = random.below(5) === 0 ? [random.pick(allTags), random.pick(allTags)] : [];
    definitions.push({ name: `posture:p${definitions.length}`, conditions, tags });
  }
  return definitions;
}

const catalogue = catalogueOf();

function factsOfDevice({ values, confirmedAt, tags }: Device): DeviceFacts {
  const sets = valueSets(catalogue, values as Record<string, AttributeValue>);
  const at = new Map(
    Object.entries(confirmedAt).map(([source, ms]) => [
      catalogue.key(names.find(name => name.startsWith(source)) ?? '').source,
      ms,
    ]),
  );
  const evidence = [...at].reduce<
    { values: (typeof sets)[number] & object; confirmedAt: number | null; integration: null }[]
  >((all, [source, ms]) => {
    all[source] = { values: sets[source] ?? [], confirmedAt: ms, integration: null };
    return all;
  }, []);
  return new DeviceFacts(evidence, tags);
}

function compiled(definitions: readonly Definition[], random: Random): { posture: Posture; text: string } {
  const written = definitions.map(({ name, conditions, tags }) => ({
    name,
    tags,
    texts: conditions.map(condition => textOf(condition, random)),
  }));
  const read = written.map(({ name, tags, texts }) => ({ name, tags, conditions: texts.map(expressionOf) }));
  const { postures, problems } = compilePostures(read, catalogue);
  const posture = postures.get(definitions.at(-1)?.name ?? '');
  if (posture === undefined) throw new Error(JSON.stringify(problems));
  return { posture, text: JSON.stringify(written) };
}

it('the compiled conditions and a naive interpreter agree on 1,000,000 random postures, devices and times', () =>
  seeded(seed, random => {
    const fleet = Array.from({ length: devices }, () => {
      const device = randomDevice(random);
      return { device, facts: factsOfDevice(device) };
    });
    const seen = { true: 0, false: 0, null: 0 };
    for (let set = 0; set < postureSets; set++) {
      const definitions = randomDefinitions(random);
      const { posture, text } = compiled(definitions, random);
      for (let i = 0; i < triples / postureSets; i++) {
        const { device, facts } = random.pick(fleet);
        const at =
          now + Math.floor((random.next() - 0.5) * random.pick([2 * minute, 20 * minute, 4 * hour, 96 * hour]));
        const expected = postureHolds(posture.name, definitions, device, at);
        const found = posture.holds(facts, at);
        if (found !== expected) expect(found, `${text} of ${JSON.stringify(device)} at ${iso(at)}`).toBe(expected);
        seen[`${expected}`]++;
        if (i % 10 === 0) standsAsLongAsItSays(posture, facts, at, random, text);
      }
    }
    expect(Object.values(seen).reduce((sum, n) => sum + n)).toBe(triples);
    // Each answer must be frequent enough for the agreement to mean something.
    for (const [answer, count] of Object.entries(seen)) expect(count, answer).toBeGreaterThan(triples / 20);
  }));

function standsAsLongAsItSays(posture: Posture, facts: DeviceFacts, at: number, random: Random, text: string): void {
  const explanation = posture.explain(facts, at);
  const answer = posture.holds(facts, at);
  const where = `${text} at ${iso(at)}`;
  if (explanation.holds !== answer) expect(explanation.holds, where).toBe(answer);
  if ((explanation.reasons.length === 0) !== (answer === true)) expect(explanation.reasons, where).toEqual([]);
  const until = explanation.validUntil ?? at + 400 * 24 * hour;
  if (!(until > at)) expect(until, where).toBeGreaterThan(at);
  for (const later of [until - 1, at + Math.floor(random.next() * (until - at))]) {
    if (posture.holds(facts, later) !== answer)
      expect(posture.holds(facts, later), `${where}, ${iso(later)}`).toBe(answer);
  }
}
