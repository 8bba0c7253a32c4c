// Decisions: who gets where. Whatever is not known speaks against it.
import { describe, expect, it } from 'vitest';
import type { AttributeValue } from '../../src/posture/attributes.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { type Destination, type Device, decide } from '../../src/posture/decide.ts';
import { factsOf } from '../../src/posture/facts.ts';
import type { Policy } from '../../src/posture/policy.ts';
import { checkPolicy } from '../../src/posture/policy-check.ts';
import { attributes } from '../../src/providers/sentinelone/attributes.ts';
import { type Random, seeded } from '../support/random.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const hour = 3_600_000;
const catalogue = createCatalogue(attributes, null);

function policyOf(document: object): Policy {
  const { policy, errors } = checkPolicy(JSON.stringify(document), catalogue, now);
  if (policy === null) throw new Error(errors.map(({ message }) => message).join('\n'));
  return policy;
}

interface Who {
  user?: string | null;
  tags?: string[];
  addresses?: string[];
  values?: Record<string, AttributeValue>;
  confirmedAt?: number;
}

function deviceOf({ user = null, tags = [], addresses = [], values = {}, confirmedAt = now }: Who): Device {
  const facts = factsOf(catalogue, values, { confirmedAt, integration: 'hq' });
  return {
    id: 'lt-0042',
    user,
    tags,
    addresses,
    value: key => facts.value(key),
    confirmedAt: key => facts.confirmedAt(key),
    integration: key => facts.integration(key),
    expiresAt: () => null,
  };
}

const names = {
  groups: { 'group:eng': ['anna@example.com', 'Bob@Example.com'] },
  tagOwners: { 'tag:web': [], 'tag:laptop': [] },
  hosts: { Wiki: '10.0.0.5', office: '10.1.0.0/16', crm: 'CRM.example.com', six: '2001:db8::5' },
};

/** Whether a policy with one rule lets a device through. */
function allows(rule: object, who: Who, destination?: Destination): boolean {
  const kind = 'action' in rule ? 'acls' : 'grants';
  const policy = policyOf({ ...names, [kind]: [rule] });
  const device = deviceOf(who);
  return decide(policy, destination === undefined ? { device } : { device, destination }, now).allowed;
}

const wiki: Destination = { host: 'wiki', port: 443, proto: 'tcp' };

describe('a source', () => {
  const from = (src: string[], who: Who) => allows({ action: 'accept', src, dst: ['*:*'] }, who, wiki);

  it.each<[string, Who, boolean]>([
    ['*', {}, true],
    ['anna@example.com', { user: 'anna@example.com' }, true],
    ['anna@example.com', { user: 'Anna@Example.COM' }, true],
    ['anna@example.com', { user: 'bob@example.com' }, false],
    ['anna@example.com', { user: null }, false],
    ['group:eng', { user: 'bob@example.com' }, true],
    ['group:eng', { user: 'carl@example.com' }, false],
    ['tag:web', { tags: ['web'] }, true],
    ['tag:web', { tags: ['laptop', 'tag:web'] }, true],
    ['tag:web', { tags: ['webs'] }, false],
    ['tag:web', { user: 'web' }, false],
    ['autogroup:member', { user: 'carl@example.com' }, true],
    ['autogroup:member', { user: 'carl@example.com', tags: ['web'] }, true],
    ['autogroup:member', { user: null, tags: ['web'] }, false],
    ['autogroup:member', { user: '' }, false],
    ['autogroup:tagged', { tags: ['anything'] }, true],
    ['autogroup:tagged', { user: 'carl@example.com' }, false],
    ['office', { addresses: ['10.1.2.3'] }, true],
    ['office', { addresses: ['192.168.0.1', '::ffff:10.1.2.3'] }, true],
    ['office', { addresses: ['10.2.2.3', 'nonsense'] }, false],
    ['wiki', { addresses: ['10.0.0.5'] }, true],
    ['2001:db8::/32', { addresses: ['2001:db8::1'] }, true],
    ['2001:db8::/32', { addresses: ['10.1.2.3'] }, false],
  ])('is selected by %s: %j: %s', (selector, who, is) => expect(from([selector], who)).toBe(is));

  it('is any of those that are listed, and no one where none is', () => {
    expect(from(['tag:web', 'group:eng'], { user: 'anna@example.com' })).toBe(true);
    expect(from([], { user: 'anna@example.com' })).toBe(false);
  });
});

describe('a destination', () => {
  const to = (dst: string, destination: Destination, proto?: string) =>
    allows({ action: 'accept', src: ['*'], dst: [dst], ...(proto ? { proto } : {}) }, {}, destination);
  const at = (host: string, port = 443): Destination => ({ host, port, proto: 'tcp' });

  it.each<[string, Destination, boolean]>([
    ['*:*', at('anything.example.com'), true],
    ['*:443', at('anything.example.com'), true],
    ['*:443', at('anything.example.com', 80), false],
    ['wiki:443', at('wiki'), true],
    ['wiki:443', at('WIKI.'), true],
    ['wiki:443', at('10.0.0.5'), true],
    ['wiki:443', at('10.0.0.6'), false],
    ['wiki:443', at('wikis'), false],
    ['crm:443', at('crm'), true],
    ['crm:443', at('crm.example.com'), true],
    ['crm:443', at('crm.example.com.'), true],
    ['crm:443', at('crm.example.org'), false],
    ['office:*', at('10.1.255.255'), true],
    ['10.0.0.0/24:22,80-90,443', at('wiki', 85), true],
    ['10.0.0.0/24:22,80-90,443', at('wiki', 91), false],
    ['[2001:db8::5]:443', at('six'), true],
    ['[2001:db8::]/32:443', at('[2001:db8::9]'), true],
    ['2001:db8::5:443', at('2001:db8::5'), true],
    ['tag:web:22', { tags: ['web'], port: 22, proto: 'tcp' }, true],
    ['tag:web:22', { tags: ['laptop'], port: 22, proto: 'tcp' }, false],
    ['bob@example.com:22', { user: 'bob@example.com', port: 22, proto: 'tcp' }, true],
    ['autogroup:tagged:22', { host: '10.0.0.5', tags: ['web'], port: 22, proto: 'tcp' }, true],
  ])('is reached by %s: %j: %s', (dst, destination, is) => expect(to(dst, destination)).toBe(is));

  it.each<[string, Destination, boolean]>([
    ['*:*', {}, true],
    ['*:443', {}, false],
    ['*:443', { port: 443 }, true],
    ['wiki:*', {}, false],
    ['wiki:*', { host: 'wiki' }, true],
    ['wiki:443', { host: 'wiki' }, false],
    ['wiki:443', { host: null, port: 443 }, false],
  ])('what is not known of it matches only what leaves it open: %s for %j: %s', (dst, destination, is) =>
    expect(to(dst, destination)).toBe(is),
  );

  it.each<[string | undefined, string | null, boolean]>([
    [undefined, 'tcp', true],
    [undefined, 'UDP', true],
    [undefined, '1', true],
    [undefined, 'gre', false],
    [undefined, 'nonsense', false],
    [undefined, null, true],
    ['tcp', 'tcp', true],
    ['6', 'tcp', true],
    ['tcp', '6', true],
    ['tcp', 'udp', false],
    ['tcp', null, false],
    ['gre', '47', true],
  ])('of a rule for the protocol %s, asked for %s: %s', (proto, asked, is) =>
    expect(to('*:*', { host: 'wiki', port: 443, proto: asked }, proto)).toBe(is),
  );

  it('without any destination only a rule for everything lets through', () => {
    expect(allows({ action: 'accept', src: ['*'], dst: ['*:*'] }, {})).toBe(true);
    expect(allows({ action: 'accept', src: ['*'], dst: ['office:*'] }, {})).toBe(false);
  });
});

describe('a grant', () => {
  const grants = (ip: string[] | undefined, destination: Destination) =>
    allows(
      { src: ['*'], dst: ['wiki', '[2001:db8::5]'], ...(ip ? { ip } : { app: {} }) },
      {},
      { host: 'wiki', ...destination },
    );
  it.each<[string[] | undefined, Destination, boolean]>([
    [['*'], { port: 1, proto: 'gre' }, true],
    [['443'], { port: 443, proto: 'tcp' }, true],
    [['443'], { port: 443, proto: 'udp' }, true],
    [['443'], { port: 443, proto: 'sctp' }, false],
    [['tcp:443', 'udp:53'], { port: 53, proto: 'udp' }, true],
    [['tcp:443', 'udp:53'], { port: 53, proto: 'tcp' }, false],
    [['80-90'], { port: 85, proto: 'tcp' }, true],
    [['tcp:*'], { port: 9, proto: 'tcp' }, true],
    [['icmp:*'], { proto: 'icmp' }, true],
    [['icmp:*'], { proto: 'tcp', port: 1 }, false],
    [['tcp:443'], { host: '2001:db8::5', port: 443, proto: 'tcp' }, true],
    [[], { port: 443, proto: 'tcp' }, false],
    [undefined, { port: 443, proto: 'tcp' }, false],
  ])('of %j lets through %j: %s', (ip, destination, is) => expect(grants(ip, destination)).toBe(is));
});

describe('postures of a rule', () => {
  const postures = {
    'posture:active': ['sentinelOne:isActive'],
    'posture:clean': {
      conditions: ['sentinelOne:activeThreats == 0', "sentinelOne:operationalState == 'na'"],
      description: 'No threats.',
      resolution: 'Ask for help.',
    },
    'posture:fresh': ["sentinelOne:isActive WITHIN '2h'"],
    'posture:laptop': { conditions: ['sentinelOne:isActive'], tags: ['tag:laptop'] },
  };
  const open = { action: 'accept', src: ['*'], dst: ['*:*'] };
  const ask = (rules: object[], who: Who, defaultSrcPosture?: string[]) =>
    decide(
      policyOf({ ...names, postures, acls: rules, ...(defaultSrcPosture ? { defaultSrcPosture } : {}) }),
      { device: deviceOf(who), destination: wiki },
      now,
    );
  const active = { 'sentinelOne:isActive': true };
  const clean = { 'sentinelOne:activeThreats': 0, 'sentinelOne:operationalState': 'na' };

  it('one that holds is enough, and is named', () => {
    const rule = { ...open, srcPosture: ['posture:active', 'posture:clean'] };
    expect(ask([rule], { values: clean })).toEqual({
      allowed: true,
      outcome: 'allowed',
      rule: 'acls[0]',
      posture: 'posture:clean',
      refusals: [],
      validUntil: null,
    });
    expect(ask([rule], { values: active })).toMatchObject({ allowed: true, posture: 'posture:active' });
  });

  it('where none holds, each is told with its reasons and what to do', () => {
    const rule = { ...open, srcPosture: ['posture:active', 'posture:clean'] };
    expect(ask([rule, rule], { values: { 'sentinelOne:activeThreats': 2 } })).toMatchObject({
      allowed: false,
      outcome: 'posture',
      rule: null,
      posture: null,
      refusals: [
        {
          posture: 'posture:active',
          rule: 'acls[0]',
          holds: null,
          description: null,
          reasons: [{ condition: 'sentinelOne:isActive == true', unknown: 'unset', integration: 'hq' }],
        },
        {
          posture: 'posture:clean',
          holds: false,
          description: 'No threats.',
          resolution: 'Ask for help.',
          reasons: [{ found: 2 }, { unknown: 'unset' }],
        },
      ],
      validUntil: null,
    });
  });

  it('of defaultSrcPosture are asked of rules without a list; a list of its own replaces them, an empty one asks for none', () => {
    const own = (srcPosture?: string[]) => [srcPosture === undefined ? open : { ...open, srcPosture }];
    const defaults = ['posture:active'];
    expect(ask(own(), { values: clean }, defaults).allowed).toBe(false);
    expect(ask(own(), { values: active }, defaults).allowed).toBe(true);
    expect(ask(own(['posture:clean']), { values: active }, defaults).allowed).toBe(false);
    expect(ask(own(['posture:clean']), { values: clean }, defaults).allowed).toBe(true);
    expect(ask(own([]), {}, defaults)).toMatchObject({ allowed: true, posture: null });
    expect(ask(own(), {}).allowed).toBe(true);
  });

  it('a later rule may let through what an earlier one does not', () => {
    const rules = [
      { ...open, srcPosture: ['posture:active'] },
      { ...open, src: ['group:eng'], srcPosture: ['posture:clean'] },
    ];
    expect(ask(rules, { user: 'anna@example.com', values: clean })).toMatchObject({ allowed: true, rule: 'acls[1]' });
    expect(ask(rules, { user: 'carl@example.com', values: clean })).toMatchObject({ allowed: false });
  });

  it('for devices with given tags lets no others through', () => {
    const rule = { ...open, srcPosture: ['posture:laptop'] };
    expect(ask([rule], { tags: ['laptop'], values: active }).allowed).toBe(true);
    expect(ask([rule], { tags: ['web'], values: active })).toMatchObject({
      allowed: false,
      refusals: [{ holds: null, reasons: [{ unknown: 'not_for_this_device' }] }],
    });
  });

  it('that hang on time say until when the decision stands', () => {
    const rule = { ...open, srcPosture: ['posture:fresh'] };
    expect(ask([rule], { values: active, confirmedAt: now - hour }).validUntil).toBe(now + hour + 1);
    expect(ask([rule], { values: active, confirmedAt: now - 3 * hour })).toMatchObject({
      allowed: false,
      validUntil: null,
      refusals: [{ reasons: [{ unknown: 'too_old', confirmedAt: now - 3 * hour }] }],
    });
    expect(ask([rule], { values: active, confirmedAt: now + hour })).toMatchObject({
      allowed: false,
      validUntil: now + hour - 5 * 60_000,
    });
  });
});

describe('without', () => {
  const anyone = { acls: [{ action: 'accept', src: ['*'], dst: ['*:*'] }] };
  it('a device nobody gets anywhere, whatever the rules', () => {
    expect(decide(policyOf(anyone), { device: null, destination: wiki }, now)).toMatchObject({
      allowed: false,
      outcome: 'no_device',
    });
  });

  it('a rule about it nobody gets anywhere, whatever the posture', () => {
    const device = deviceOf({ values: { 'sentinelOne:isActive': true } });
    expect(decide(policyOf({}), { device, destination: wiki }, now)).toMatchObject({
      allowed: false,
      outcome: 'no_rule',
      refusals: [],
    });
  });
});

/** The decision once more, from the document itself and by the simplest rules. */
interface Document {
  defaultSrcPosture?: string[];
  acls: { src: string[]; dst: string[]; srcPosture?: string[] }[];
}

function naivelyAllowed(
  document: Document,
  who: Required<Pick<Who, 'user' | 'tags' | 'addresses'>>,
  holding: string[],
  host: string,
  port: number,
): boolean {
  const users: Record<string, string[]> = { 'group:eng': ['anna@example.com', 'bob@example.com'] };
  const isFrom = (src: string) =>
    src === '*' ||
    src === who.user ||
    (who.user !== null && (users[src] ?? []).includes(who.user)) ||
    (src === 'autogroup:member' && who.user !== null) ||
    (src === 'autogroup:tagged' && who.tags.length > 0) ||
    who.tags.some(tag => src === `tag:${tag}`) ||
    (src === 'office' && who.addresses.some(address => address.startsWith('10.1.')));
  const isTo = (dst: string) => {
    const [name, ports] = dst.split(':');
    const isThere = name === '*' || name === host || (name === 'office' && host.startsWith('10.1.'));
    return isThere && (ports === '*' || ports === String(port));
  };
  return document.acls.some(rule => {
    const asked = rule.srcPosture ?? document.defaultSrcPosture ?? [];
    return (
      rule.src.some(isFrom) &&
      rule.dst.some(isTo) &&
      (asked.length === 0 || asked.some(posture => holding.includes(posture)))
    );
  });
}

it('20,000 random decisions are what a naive reading of the policy says', () =>
  seeded(1_763_640_003, (random: Random) => {
    const some = <T>(items: readonly T[], most: number) =>
      Array.from({ length: random.below(most + 1) }, () => random.pick(items));
    const sources = [
      '*',
      'anna@example.com',
      'carl@example.com',
      'group:eng',
      'tag:web',
      'tag:laptop',
      'autogroup:member',
      'autogroup:tagged',
      'office',
    ];
    const targets = ['*:*', '*:443', 'wiki:443', 'wiki:*', 'crm:22', 'office:443', 'office:*'];
    const postures = {
      'posture:a': ['custom:a'],
      'posture:b': ['custom:b'],
      'posture:ab': ['posture:a', '!!posture:b'],
    };
    const seen = { allowed: 0, refused: 0 };
    for (let i = 0; i < 1_000; i++) {
      const document: Document = {
        ...(random.below(2) === 0 ? { defaultSrcPosture: some(Object.keys(postures), 2) } : {}),
        acls: Array.from({ length: random.below(4) }, () => ({
          action: 'accept',
          src: some(sources, 2),
          dst: some(targets, 3),
          ...(random.below(2) === 0 ? { srcPosture: some(Object.keys(postures), 2) } : {}),
        })),
      };
      const policy = policyOf({ ...names, postures, ...document });
      for (let j = 0; j < 20; j++) {
        const who = {
          user: random.pick([null, 'anna@example.com', 'bob@example.com', 'carl@example.com']),
          tags: some(['web', 'laptop', 'x'], 2),
          addresses: some(['10.1.0.9', '10.2.0.9'], 2),
        };
        const [a, b] = [random.pick([true, false, 'odd', null]), random.pick([true, false, null])];
        const values = { ...(a === null ? {} : { 'custom:a': a }), ...(b === null ? {} : { 'custom:b': b }) };
        const holding = [
          ...(a === true ? ['posture:a'] : []),
          ...(b === true ? ['posture:b'] : []),
          ...(a === true && b === true ? ['posture:ab'] : []),
        ];
        const [host, port] = [random.pick(['wiki', 'crm', '10.1.3.3', '10.3.3.3']), random.pick([22, 443])];
        const expected = naivelyAllowed(document, who, holding, host, port);
        const decision = decide(
          policy,
          { device: deviceOf({ ...who, values }), destination: { host, port, proto: 'tcp' } },
          now,
        );
        if (decision.allowed !== expected)
          expect(decision, JSON.stringify({ document, who, values, host, port })).toMatchObject({ allowed: expected });
        if (
          decision.allowed !== (decision.outcome === 'allowed') ||
          (decision.outcome === 'posture') !== decision.refusals.length > 0
        )
          expect(decision).toBeNull();
        seen[expected ? 'allowed' : 'refused']++;
      }
    }
    expect(Math.min(seen.allowed, seen.refused)).toBeGreaterThan(2_000);
  }));
