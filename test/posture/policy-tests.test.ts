// The tests that a policy brings along, the starter policy, and what becomes of broken ones.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCondition } from '../../src/posture/condition-parser.ts';
import { root } from '../support/checkout.ts';
import { type Random, seeded } from '../support/random.ts';
import { check, expectSaid, names, starter } from './policies.ts';

describe('docs/policy.md', () => {
  const document = readFileSync(path.join(root, 'docs/policy.md'), 'utf8');

  it('shows policies that have no errors, and whose tests pass', () => {
    const shown = [...document.matchAll(/^```hujson\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
    for (const text of shown)
      expect(check(text)).toMatchObject({ errors: [], warnings: [], notes: [], tests: { failed: 0 } });
    expect(shown.map(text => check(text).tests.passed)).toEqual([3, 3]);
  });

  it('shows conditions that can be read', () => {
    const [, table = ''] = /^\| condition \|.*\n([\s\S]*?)\n\n/m.exec(document) ?? [];
    const shown = [...table.matchAll(/`(\w+:[^`]+)`/g)].map(([, text = '']) => text);
    expect(shown.length).toBeGreaterThan(8);
    for (const text of shown) expect(parseCondition(text).problem, text).toBeNull();
  });
});

describe('the starter policy', () => {
  it('has no errors and no warnings, and its tests pass', () => {
    expect(check(starter)).toMatchObject({ errors: [], warnings: [], notes: [], tests: { passed: 8, failed: 0 } });
  });

  it("asks for the three conditions of SentinelOne's documentation", () => {
    for (const condition of [
      'sentinelOne:isActive == true',
      'sentinelOne:activeThreats == 0',
      "sentinelOne:operationalState == 'na'",
    ])
      expect(starter).toContain(`"${condition}",`);
  });

  it('fails its tests when a condition is taken away', () => {
    const weaker = starter.replace('"sentinelOne:activeThreats == 0",', '');
    expect(check(weaker)).toMatchObject({
      policy: null,
      tests: { passed: 7, failed: 1 },
      errors: [
        { code: 'test_failed', message: 'anna@example.com must not get to wiki:443, and acls[0] lets it through' },
      ],
    });
  });
});

describe('an older policy of Tailscale', () => {
  const older = (test: string) =>
    `{ "Hosts": { "h": "10.0.0.1" }, "ACLs": [{ "Action": "accept", "Users": ["*"], "Ports": ["h:22"] }], "Tests": [${test}] }`;

  it('is tested by the words that tests had then, written in any case', () => {
    expect(check(older('{ "User": "a@example.com", "Allow": ["h:22"], "Deny": ["h:23"] }'))).toMatchObject({
      ...{ errors: [], tests: { passed: 2, failed: 0 } },
    });
    expect(check(older('{ "user": "a@example.com", "allow": ["h:23"] }')).tests).toEqual({ passed: 0, failed: 1 });
  });

  it('says a thing once, in the older word or in the newer one', () => {
    const { errors } = check(older('{ "src": "a@example.com", "user": "b@example.com", "allow": ["h:22"] }'));
    expect(errors.map(({ code, message }) => [code, message])).toEqual([['twice', '"src" stands in tests[0] twice']]);
  });
});

describe("the policy's tests", () => {
  const policy = (tests: string) => `{ ${names}
    "postures": { "posture:h": ["sentinelOne:isActive WITHIN '24h'", "sentinelOne:lastActiveDate WITHIN '2d'"],
                  "posture:l": { "conditions": ["sentinelOne:isActive"], "tags": ["tag:laptop"] } },
    "acls": [
      { "action": "accept", "src": ["group:eng"], "dst": ["wiki:443", "tag:web:22", "bob@example.com:5900"], "srcPosture": ["posture:h"] },
      { "action": "accept", "src": ["anna@example.com"], "proto": "udp", "dst": ["office:53"], "srcPosture": ["posture:l"] },
      { "action": "accept", "src": ["tag:web", "office"], "dst": ["crm:443"] },
    ],
    "tests": [${tests}] }`;
  const attrs = `"srcPostureAttrs": { "sentinelOne:isActive": true, "sentinelOne:lastActiveDate": "2h ago" }`;

  it.each([
    `{ "src": "anna@example.com", ${attrs}, "accept": ["wiki:443", "10.0.0.5:443", "tag:web:22", "bob@example.com:5900"] }`,
    `{ "src": "ANNA@example.com", ${attrs}, "accept": ["wiki:443"], "deny": ["wiki:444", "10.0.0.6:443", "tag:laptop:22"] }`,
    `{ "src": "group:eng", ${attrs}, "accept": ["wiki:443"], "deny": ["office:53"] }`,
    `{ "src": "anna@example.com", "deny": ["wiki:443"] }`,
    `{ "src": "carl@example.com", ${attrs}, "deny": ["wiki:443"] }`,
    `{ "src": "anna@example.com", "srcTags": ["tag:laptop"], ${attrs}, "accept": ["office:53"] }`,
    `{ "src": "anna@example.com", "srcTags": ["tag:laptop"], ${attrs}, "proto": "udp", "accept": ["office:53"] }`,
    `{ "src": "anna@example.com", "srcTags": ["tag:laptop"], ${attrs}, "proto": "tcp", "deny": ["office:53"] }`,
    `{ "src": "anna@example.com", ${attrs.replace('2h', '3d')}, "deny": ["wiki:443"] }`,
    `{ "src": "tag:web", "accept": ["crm:443"], "deny": ["wiki:443"] }`,
    `{ "src": "10.1.2.3", "accept": ["crm:443"] }`,
    `{ "src": "office", "accept": ["crm:443"] }`,
    `{ "src": "10.2.2.3", "deny": ["crm:443"] }`,
  ])('pass: %s', test => expect(check(policy(test))).toMatchObject({ errors: [], tests: { failed: 0 } }));

  it.each([
    [
      `{ "src": "anna@example.com", "accept": ["wiki:443"] }`,
      '"wiki:443"] }',
      "anna@example.com must get to wiki:443, and is refused: posture:h does not hold: sentinelOne:isActive == true WITHIN '24h': it is not set (confirmed just now)",
    ],
    [
      `{ "src": "group:eng", ${attrs}, "accept": ["office:53"] }`,
      '"office:53"] }',
      'group:eng (anna@example.com) must get to office:53, and is refused: posture:l does not hold: tagged tag:laptop: the posture is for devices with other tags',
    ],
    [
      `{ "src": "carl@example.com", "accept": ["crm:443"] }`,
      '"crm:443"] }',
      'carl@example.com must get to crm:443, and is refused: no rule is about it',
    ],
    [
      `{ "src": "tag:web", "deny": ["wiki:1", "crm:443"] }`,
      '"crm:443"] }',
      'tag:web must not get to crm:443, and acls[2] lets it through',
    ],
  ])('fail: %s', (test, at, message) => {
    expectSaid('errors', policy(test), 'test_failed', at, message, null);
  });
});

it('3,000 broken policies are each refused or read, and none breaks anything', () =>
  seeded(1_763_640_002, (random: Random) => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      'null',
      '5',
      'true',
      '"*"',
      '//',
      '/*',
      '\\',
      '"posture:healthy"',
      '\u0000',
      '{}',
      '[]',
    ];
    let refused = 0;
    for (let i = 0; i < 3_000; i++) {
      let text = starter.slice(starter.indexOf('{\n'));
      for (let n = 1 + random.below(3); n > 0; n--) {
        const at = random.below(text.length);
        text =
          text.slice(0, at) + (random.below(3) === 0 ? '' : random.pick(pieces)) + text.slice(at + random.below(8));
      }
      const { errors, policy } = check(text);
      if ((errors.length === 0) !== (policy !== null)) expect(errors, text).toEqual([]);
      if (errors.length > 0) refused++;
      if (errors.some(({ line, column }) => !(line >= 1 && column >= 1))) expect(errors, text).toEqual([]);
    }
    expect(refused).toBeGreaterThan(300);
  }));
