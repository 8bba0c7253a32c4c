// What another policy would change, for one device at a time: by cases, and against the decisions themselves.
import { describe, expect, test } from 'vitest';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { type Device, decide } from '../../src/posture/decide.ts';
import { factsOf } from '../../src/posture/facts.ts';
import { comparePolicies } from '../../src/posture/impact.ts';
import type { Policy } from '../../src/posture/policy.ts';
import { checkPolicy } from '../../src/posture/policy-check.ts';
import { attributes } from '../../src/providers/sentinelone/attributes.ts';
import { Random } from '../support/random.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const catalogue = createCatalogue(attributes, null);

function read(text: string): Policy {
  const { policy, errors } = checkPolicy(text, catalogue, now);
  if (policy === null) throw new Error(JSON.stringify(errors));
  return policy;
}

interface Known {
  user?: string;
  tags?: string[];
  addresses?: string[];
  values?: Record<string, boolean | number | string>;
  confirmedAt?: number;
}

function device({
  user = 'anna@example.com',
  tags = [],
  addresses = [],
  values = {},
  confirmedAt = now,
}: Known): Device {
  const facts = factsOf(catalogue, values, { tags, confirmedAt, integration: 'hq' });
  const { value, confirmedAt: at, integration } = facts;
  const bound = { value: value.bind(facts), confirmedAt: at.bind(facts), integration: integration.bind(facts) };
  return { id: 'd1', user, tags, addresses, ...bound, expiresAt: () => null };
}

const accept = (dst: string[], more: Record<string, unknown> = {}) => ({ action: 'accept', src: ['*'], dst, ...more });
const sections = {
  groups: { 'group:eng': ['anna@example.com', 'bob@example.com'], 'group:none': [] },
  tagOwners: { 'tag:web': [], 'tag:db': [] },
  hosts: { wiki: '10.0.0.5', servers: '10.0.0.0/16', crm: 'crm.example.com' },
};
const withRules = (acls: unknown[], more: Record<string, unknown> = {}) =>
  read(JSON.stringify({ ...sections, ...more, acls }));

/** `+wiki:443 -crm:80` */
function changed(before: Policy | null, after: Policy, known: Known = {}): string {
  const { changes } = comparePolicies(before, after).of(device(known), now);
  return changes.map(({ change, destination }) => `${change === 'gains' ? '+' : '-'}${destination}`).join(' ');
}

describe('a destination is gained or lost', () => {
  test.each<[string, unknown[], unknown[], string]>([
    ['nothing changes', [accept(['wiki:443'])], [accept(['wiki:443'])], ''],
    ['one is added', [], [accept(['wiki:443', 'crm:*'])], '+wiki:443 +crm:*'],
    ['one is taken away', [accept(['wiki:443', 'crm:*'])], [accept(['crm:*'])], '-wiki:443'],
    ['everything becomes one thing', [accept(['*:*'])], [accept(['wiki:443'])], '-*:*'],
    ['one thing becomes everything', [accept(['wiki:443'])], [accept(['*:*'])], '+*:*'],
    ['ports become fewer', [accept(['wiki:22,80'])], [accept(['wiki:22'])], '-wiki:22,80'],
    [
      'ports are split among rules',
      [accept(['wiki:22,80-90'])],
      [accept(['wiki:85-90,22']), accept(['wiki:80-84'])],
      '',
    ],
    ['ports have a gap', [accept(['wiki:80-90'])], [accept(['wiki:80-84,86-90'])], '-wiki:80-90'],
    ['all ports become a list of them', [accept(['wiki:*'])], [accept(['wiki:0-65535'])], '-wiki:*'],
    ['a protocol is left', [accept(['wiki:443'])], [accept(['wiki:443'], { proto: 'tcp' })], '-wiki:443'],
    [
      'protocols are split among rules',
      [accept(['wiki:443'])],
      [accept(['wiki:443'], { proto: 'tcp' }), accept(['wiki:443'], { proto: 'udp' })],
      '',
    ],
    ['a network becomes narrower', [accept(['servers:22'])], [accept(['10.0.0.0/24:22'])], '-servers:22'],
    ['a network becomes wider', [accept(['10.0.0.0/24:22'])], [accept(['servers:22'])], '+servers:22'],
    ['an address takes another word', [accept(['wiki:22'])], [accept(['10.0.0.5:22'])], ''],
    [
      'a group becomes one of its users',
      [accept(['group:eng:22'])],
      [accept(['anna@example.com:22'])],
      '-group:eng:22',
    ],
    [
      'a group becomes all of its users',
      [accept(['group:eng:22'])],
      [accept(['anna@example.com:22', 'bob@example.com:22'])],
      '',
    ],
    ['an empty group is reached no more', [accept(['group:none:22'])], [], ''],
    ['a tag becomes all tags', [accept(['tag:web:22'])], [accept(['autogroup:tagged:22'])], '+autogroup:tagged:22'],
    [
      'a rule is about others',
      [accept(['wiki:443'])],
      [accept(['wiki:443'], { src: ['bob@example.com'] })],
      '-wiki:443',
    ],
  ])('where %s', (_, before, after, expected) => {
    expect(changed(withRules(before), withRules(after))).toBe(expected);
  });

  test('whether an ACL grants it or a grant', () => {
    const acls = withRules([accept(['wiki:443', 'tag:web:443', '[2001:db8::1]:22'], { proto: 'tcp' })]);
    const grant = (dst: string[], ip: string[]) => ({ src: ['*'], dst, ip });
    const grants = [grant(['wiki', 'tag:web'], ['tcp:443']), grant(['2001:db8::1'], ['tcp:22', '*'])];
    expect(changed(acls, withRules([], { grants }))).toBe('+[2001:db8::1]:* (any protocol)');
    expect(changed(withRules([], { grants }), withRules([]))).toBe(
      '-wiki:443 (tcp) -tag:web:443 (tcp) -[2001:db8::1]:22 (tcp) -[2001:db8::1]:* (any protocol)',
    );
  });

  test('twice where its name means something else afterwards', () => {
    const moved = withRules([accept(['wiki:443'])], { hosts: { wiki: '10.0.0.6' } });
    expect(changed(withRules([accept(['wiki:443'])]), moved)).toBe('-wiki:443 (before) +wiki:443 (after)');
  });

  test('where no policy was in force, since everything is denied then', () => {
    expect(changed(null, withRules([accept(['wiki:443'])]))).toBe('+wiki:443');
  });
});

describe('postures', () => {
  const fresh = { 'posture:fresh': ["sentinelOne:isActive WITHIN '24h'"] };
  const active = { 'posture:active': ['sentinelOne:isActive'] };
  const asking = (postures: Record<string, string[]>) =>
    withRules([accept(['wiki:443'], { srcPosture: Object.keys(postures) })], { postures });
  const open = withRules([accept(['wiki:443'])]);
  const hour = 3_600_000;

  test.each<[string, Known, string]>([
    ['holds', { values: { 'sentinelOne:isActive': true }, confirmedAt: now - hour }, ''],
    ['does not hold', { values: { 'sentinelOne:isActive': false } }, '-wiki:443'],
    ['is unknown, since nothing is set', {}, '-wiki:443'],
    ['is unknown by age', { values: { 'sentinelOne:isActive': true }, confirmedAt: now - 25 * hour }, '-wiki:443'],
  ])('that are asked for anew take nothing away where they hold: one that %s', (_, known, expected) => {
    expect(changed(open, asking(fresh), known)).toBe(expected);
  });

  test('tell which rule grants, and which postures refuse on the other side', () => {
    const old = device({ values: { 'sentinelOne:isActive': true }, confirmedAt: now - 25 * hour });
    const compared = comparePolicies(asking(active), asking(fresh));
    const { changes, truths } = compared.of(old, now);
    expect(changes).toEqual([
      { change: 'loses', destination: 'wiki:443', rule: 'acls[0]', outcome: 'posture', postures: ['posture:fresh'] },
    ]);
    const [change] = changes;
    if (change === undefined) throw new Error('no change');
    expect(compared.reasons(old, now, change)).toEqual([
      expect.objectContaining({ posture: 'posture:fresh', attribute: 'sentinelOne:isActive', unknown: 'too_old' }),
    ]);
    expect([compared.before, compared.after]).toEqual([
      new Map([['posture:active', 0]]),
      new Map([['posture:fresh', 1]]),
    ]);
    expect(truths).toEqual([true, null]);
    expect(comparePolicies(asking(fresh), asking(active)).of(old, now).changes).toEqual([
      { change: 'gains', destination: 'wiki:443', rule: 'acls[0]', outcome: 'posture', postures: ['posture:fresh'] },
    ]);
    const closed = comparePolicies(open, withRules([]));
    const unruled = { change: 'loses', destination: 'wiki:443', rule: 'acls[0]', outcome: 'no_rule' } as const;
    expect(closed.of(old, now).changes).toEqual([{ ...unruled, postures: [] }]);
    expect(closed.reasons(old, now, { ...unruled, postures: [] })).toEqual([]);
  });
});

test('of 1,500 random pairs of policies it tells what the decisions tell', () => {
  const random = new Random(7);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const several = <T>(list: readonly T[]): T[] => list.filter(() => random.below(3) === 0);
  const hosts = ['10.0.0.5', '10.0.7.1', 'crm.example.com'];
  // Asked for one by one, so that an access is a decision; beside them what is wider.
  const points = hosts.flatMap(host => [22, 80].map(port => ({ host, port, text: `${host}:${port}` })));
  const named = {
    ...sections,
    hosts: Object.fromEntries([['servers', '10.0.0.0/16'], ...hosts.slice(2).map(h => [h, h])]),
  };
  const wide = ['*:*', '*:22', 'servers:*', 'servers:20-90', '10.0.0.0/24:80', 'crm.example.com:*'];
  const postures = {
    'posture:active': ['sentinelOne:isActive'],
    'posture:calm': ["sentinelOne:activeThreats == 0 WITHIN '24h'"],
  };
  const rule = () => ({
    action: 'accept',
    src: [pick(['*', 'anna@example.com', 'group:eng', 'tag:web', 'autogroup:tagged', 'servers'])],
    dst: [...several(points).map(({ text }) => text), ...(random.below(3) === 0 ? [pick(wide)] : [])],
    srcPosture: several(Object.keys(postures)),
  });
  const policy = () =>
    read(JSON.stringify({ ...named, postures, acls: Array.from({ length: random.below(4) }, rule) }));
  let told = 0;
  for (let i = 0; i < 1_500; i++) {
    const [before, after] = [policy(), policy()];
    const of = device({
      user: pick(['anna@example.com', 'carl@example.com', '']),
      tags: several(['web', 'db']),
      addresses: several(['10.0.0.9']),
      values: {
        ...pick<object>([{}, { 'sentinelOne:isActive': true }]),
        ...pick<object>([{}, { 'sentinelOne:activeThreats': 0 }]),
      },
      confirmedAt: now - pick([1, 25]) * 3_600_000,
    });
    const changes = comparePolicies(before, after).of(of, now).changes;
    const names = new Set(
      [before, after].flatMap(({ rules }) => rules.flatMap(({ written }) => written.map(({ text }) => text))),
    );
    for (const { host, port, text } of points.filter(point => names.has(point.text))) {
      const [had, has] = [before, after].map(
        each => decide(each, { device: of, destination: { host, port } }, now).allowed,
      );
      const expected = had === has ? undefined : has ? 'gains' : 'loses';
      expect(changes.find(({ destination }) => destination === text)?.change, text).toBe(expected);
      if (expected !== undefined) told++;
    }
  }
  expect(told).toBeGreaterThan(500);
});

test('a device is told the same whatever others were asked before, and each posture as it is by itself', () => {
  const random = new Random(11);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const conditions = [
    'sentinelOne:isActive',
    "sentinelOne:activeThreats == 0 WITHIN '24h'",
    'posture:p0 || sentinelOne:infected == false',
    "!posture:p1 && sentinelOne:agentVersion >= '24.1'",
    'sentinelOne:infected NOT SET',
  ];
  const posture = (own: number) => ({
    // One that names another stands behind it, so that none names itself.
    conditions: [pick(conditions.filter(each => Number(/posture:p(\d)/.exec(each)?.[1] ?? -1) < own))],
    ...pick<object>([{}, {}, { tags: ['tag:web'] }]),
  });
  const few = () => Array.from({ length: 1 + random.below(4) }, (_, own) => own);
  const src = ['*', 'anna@example.com', 'group:eng', 'tag:web', 'autogroup:tagged', 'servers', 'autogroup:member'];
  const policy = (): Record<string, unknown> => {
    const postures = Object.fromEntries([0, 1, 2, 3].map(own => [`posture:p${own}`, posture(own)]));
    const acls = few().map(() =>
      accept([pick(['wiki:443', 'crm:*', '*:22', 'tag:db:1-9'])], {
        src: [pick(src)],
        srcPosture: [`posture:p${random.below(4)}`],
      }),
    );
    return { ...sections, postures, acls };
  };
  // Mostly one thing differs, as when a policy is written.
  const alike = (of: Record<string, unknown>): Record<string, unknown> => {
    const other = policy();
    const part = `posture:p${random.below(4)}`;
    const of1 = of.postures as Record<string, unknown>;
    const of2 = other.postures as Record<string, unknown>;
    return pick([other, { ...of, acls: other.acls }, { ...of, postures: { ...of1, [part]: of2[part] } }]);
  };
  let told = 0;
  for (let i = 0; i < 150; i++) {
    const first = policy();
    const [before, after] = [i % 10 === 0 ? null : read(JSON.stringify(first)), read(JSON.stringify(alike(first)))];
    const compared = comparePolicies(before, after);
    for (let n = 0; n < 30; n++) {
      const of = device({
        user: pick(['anna@example.com', 'carl@example.com', '']),
        tags: pick([[], ['web'], ['tag:web', 'db']]),
        addresses: pick([[], ['10.0.0.9']]),
        values: {
          ...pick<object>([{}, { 'sentinelOne:isActive': true }, { 'sentinelOne:isActive': false }]),
          ...pick<object>([{}, { 'sentinelOne:activeThreats': 0 }]),
          ...pick<object>([{}, { 'sentinelOne:infected': false }]),
          ...pick<object>([{}, { 'sentinelOne:agentVersion': '24.2.1' }, { 'sentinelOne:agentVersion': '23.1' }]),
        },
        confirmedAt: now - pick([1, 25]) * 3_600_000,
      });
      const { changes, truths } = compared.of(of, now);
      expect(changes).toEqual(comparePolicies(before, after).of(of, now).changes);
      if (changes.length > 0) told++;
      for (const [policy, places] of [
        [before, compared.before],
        [after, compared.after],
      ] as const) {
        expect([...places.keys()]).toEqual([...(policy?.postures.keys() ?? [])]);
        for (const [name, place] of places)
          expect(truths[place], name).toBe(policy?.postures.get(name)?.posture.holds(of, now));
      }
    }
  }
  expect(told).toBeGreaterThan(500);
});
