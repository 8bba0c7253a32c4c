// The section `permissions`: what is said of wrong ones, what a policy's own tests and its impact make of them, and that they
// and the rules for connections never stand in for each other.
import { describe, expect, it } from 'vitest';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { type Device, decide } from '../../src/posture/decide.ts';
import { factsOf } from '../../src/posture/facts.ts';
import { comparePolicies } from '../../src/posture/impact.ts';
import type { Policy } from '../../src/posture/policy.ts';
import { checkPolicy } from '../../src/posture/policy-check.ts';
import { resourceName } from '../../src/posture/policy-permissions.ts';
import { attributes } from '../../src/providers/sentinelone/attributes.ts';
import { check, expectSaid, names, now } from './policies.ts';

const catalogue = createCatalogue(attributes, null);
const withRule = (rule: string) => `{ ${names}\n "permissions": [{ ${rule} }] }`;
const sound = '"src": ["*"], "actions": ["read"], "resources": ["record:7"]';

describe('a permission', () => {
  it.each([
    ['"src": ["*"], "actions": ["read"]', 'missing', '{ "src"', 'permissions[0] has no "resources"', null],
    ['"src": ["*"], "resources": ["a:1"]', 'missing', '{ "src"', 'permissions[0] has no "actions"', null],
    [`${sound}, "resource": []`, 'unknown_key', '"resource"', 'permissions have no "resource"', 'resources'],
    [
      `${sound}, "when": []`,
      'no_conditions',
      '[]',
      'when is empty: leave it out where nothing is asked of a request',
      null,
    ],
    [
      `${sound}, "srcPosture": ["posture:x"]`,
      'unknown_posture',
      '"posture:x"',
      'there is no posture:x in postures',
      null,
    ],
    [
      '"src": ["*"], "actions": ["re*"], "resources": ["a:1"]',
      'wrong_form',
      '"re*"',
      'an action is one word, or * for all; "re*" is neither',
      null,
    ],
    [
      '"src": ["*"], "actions": ["read"], "resources": ["record"]',
      'wrong_form',
      '"record"',
      'a resource is type:id, type:* or *; "record" is none of these',
      null,
    ],
    [
      '"src": ["*"], "actions": ["read"], "resources": ["a:b*"]',
      'wrong_form',
      '"a:b*"',
      'a resource is type:id, type:* or *; "a:b*" is none of these',
      null,
    ],
    [
      `${sound}, "when": ["sentinelOne:isActive"]`,
      'condition',
      'sentinelOne:',
      'when judges what is sent: subject:, resource:, action: or context:, not sentinelOne:isActive',
      null,
    ],
    [
      `${sound}, "when": ["posture:healthy"]`,
      'condition',
      'posture:',
      'when judges a request; postures stand in srcPosture',
      null,
    ],
    [
      `${sound}, "when": ["context:time WITHIN '1h'"]`,
      'condition',
      'context:',
      'what is sent with a request was never confirmed: WITHIN is unknown',
      null,
    ],
    [`${sound}, "when": ["resource:status = 'open'"]`, 'condition', "= 'open'", 'expected ==, found =', '=='],
  ])('with an error: %s', (rule, code, at, message, suggestion) => {
    expectSaid('errors', withRule(rule), code, at, message, suggestion);
  });

  it.each([
    [
      '"src": ["*"], "actions": ["read", "connect"], "resources": ["host:wiki"]',
      'never_asked',
      '"host:wiki"',
      'acls and grants decide who may connect to host:wiki: no permission is asked for',
    ],
    [
      '"src": ["*"], "actions": ["*"], "resources": ["posture:x"]',
      'never_asked',
      '"posture:x"',
      'whether a device has a posture is asked of the posture itself, as in posture:x: no permission is asked for',
    ],
  ])('with a warning: %s', (rule, code, at, message) => {
    expectSaid('warnings', withRule(rule), code, at, message, null);
  });

  it('that asks for a posture beside one that does not is told as shadowed, and one with more actions is not', () => {
    const policy = (open: string) => `{ "postures": { "posture:h": ["sentinelOne:isActive"] }, "permissions": [
      { "src": ["*"], "actions": ["read"], "resources": ["record:7"], "srcPosture": ["posture:h"] }, { ${open} }] }`;
    const codes = (open: string) => check(policy(open)).warnings.map(({ code }) => code);
    expect(codes('"src": ["*"], "actions": ["*"], "resources": ["*"]')).toEqual(['shadowed_rule']);
    expect(codes(sound)).toEqual(['shadowed_rule']);
    expect(codes(`${sound}, "when": ["context:x"]`)).toEqual([]);
  });

  it('is tested by the policy itself, with what is sent along', () => {
    const tests = (properties: string, wanted: string) => `{ ${names}
      "permissions": [{ "src": ["anna@example.com"], "actions": ["close"], "resources": ["record:*"], "when": ["resource:status == 'open'"] }],
      "tests": [{ "src": "anna@example.com", "properties": ${properties}, ${wanted} }] }`;
    expect(check(tests('{ "resource:status": "open" }', '"accept": ["close record:7"]')).tests).toEqual({
      passed: 1,
      failed: 0,
    });
    expect(check(tests('{}', '"deny": ["close record:7", "open record:7"]')).tests).toEqual({ passed: 2, failed: 0 });
    expect(check(tests('{}', '"accept": ["close record:7"]')).errors).toMatchObject([
      {
        code: 'test_failed',
        message:
          "anna@example.com must get to close record:7, and is refused: permissions[0] does not hold: resource:status == 'open': it is not set",
      },
    ]);
    expect(check(tests('{ "node:os": "linux" }', '"accept": ["close record:7"]')).errors).toMatchObject([
      { code: 'wrong_name' },
    ]);
    expect(check(tests('{ "context:x": [] }', '"deny": ["close record:7"]')).errors).toMatchObject([
      { code: 'wrong_type' },
    ]);
  });
});

function read(document: object): Policy {
  const { policy, errors } = checkPolicy(JSON.stringify(document), catalogue, now);
  if (policy === null) throw new Error(JSON.stringify(errors));
  return policy;
}

const facts = factsOf(catalogue, {});
const device: Device = {
  id: 'd',
  user: 'anna@example.com',
  tags: [],
  addresses: [],
  value: key => facts.value(key),
  confirmedAt: () => null,
  expiresAt: () => null,
  integration: () => null,
};
const permission = (resources: string[], actions = ['read'], more = {}) => ({
  src: ['*'],
  actions,
  resources,
  ...more,
});
const may = (policy: Policy, action: string, type: string, id: string) =>
  decide(policy, { device, destination: { use: { action, resource: resourceName(type, id), sent: facts } } }, now)
    .allowed;

describe('what a permission lets do', () => {
  it.each<[string, string, string, boolean]>([
    ['record:7', 'record', '7', true],
    ['record:7', 'record', '70', false],
    ['record:7', 'Record', '7', false],
    ['record:*', 'record', '', true],
    ['record:*', 'records', '7', false],
    ['record:a:b', 'record', 'a:b', true],
    ['record:a:b', 'record:a', 'b', false],
    ['record:*', 'record:a', 'b', false],
    ['record%3Aa:b', 'record:a', 'b', true],
    ['record%3Aa:b', 'record%3Aa', 'b', false],
    ['*', 'anything', 'at:all', true],
  ])('%s: of type %s the id %j: %s', (resource, type, id, allowed) => {
    expect(may(read({ permissions: [permission([resource])] }), 'read', type, id)).toBe(allowed);
    expect(may(read({ permissions: [permission([resource])] }), 'write', type, id)).toBe(false);
    expect(may(read({ permissions: [permission([resource], ['*'])] }), 'write', type, id)).toBe(allowed);
  });

  it('is no connection, and no rule for connections is a permission', () => {
    const everything = read({ permissions: [permission(['*'], ['*'])] });
    for (const proto of [null, 'tcp', 'read', '6'])
      expect(decide(everything, { device, destination: { host: 'record:7', port: 1, proto } }, now).allowed).toBe(
        false,
      );
    const grants = [{ src: ['*'], dst: ['*'], ip: ['*'] }];
    const acls = [{ action: 'accept', src: ['*'], dst: ['*:*'] }];
    expect(may(read({ grants, acls }), 'read', 'record', '7')).toBe(false);
  });
});

describe('the impact of permissions', () => {
  const changes = (before: object[], after: object[]) => {
    const impact = comparePolicies(read({ permissions: before }), read({ permissions: after }));
    return impact.of(device, now).changes.map(({ change, destination, rule }) => [change, destination, rule]);
  };

  it('tells each action on each resource that is gained or lost', () => {
    const [narrow, wide] = [permission(['record:7']), permission(['record:*'], ['read', 'write'])];
    expect(changes([narrow], [wide])).toEqual([
      ['gains', 'read record:*', 'permissions[0]'],
      ['gains', 'write record:*', 'permissions[0]'],
    ]);
    expect(changes([wide], [narrow])).toEqual([
      ['loses', 'read record:*', 'permissions[0]'],
      ['loses', 'write record:*', 'permissions[0]'],
    ]);
    expect(changes([narrow], [permission(['*'], ['*'])])).toEqual([['gains', '* *', 'permissions[0]']]);
  });

  it('takes one with a condition for less than one without, and for another than one with another condition', () => {
    const when = { when: ["resource:status == 'open'"] };
    const other = { when: ["resource:status == 'shut'"] };
    const of = (more = {}) => permission(['record:7'], ['read'], more);
    expect(changes([of()], [of(when)])).toEqual([['loses', 'read record:7', 'permissions[0]']]);
    expect(changes([of(when)], [of()])).toEqual([['gains', 'read record:7', 'permissions[0]']]);
    expect(changes([of(when)], [of(when)])).toEqual([]);
    expect(
      changes([of(when)], [of(other)])
        .map(([change]) => change)
        .sort(),
    ).toEqual(['gains', 'loses']);
  });

  it('does not take a network that everybody reaches for a resource', () => {
    const grants = [{ src: ['*'], dst: ['*'], ip: ['*'] }];
    const impact = comparePolicies(read({ permissions: [permission(['record:7'])] }), read({ grants }));
    expect(impact.of(device, now).changes.map(({ change, destination }) => [change, destination])).toEqual([
      ['loses', 'read record:7'],
      ['gains', '*:* (any protocol)'],
    ]);
  });
});
