// Reading policies: what is allowed, what is said of what is not and where, and what is odd.
import { describe, expect, it } from 'vitest';
import { check, expectSaid, healthy, names, said } from './policies.ts';

/** A case that is told by what is said, not by its text. */
const titled = (cases: [text: string, code: string, at: string, message: string, suggestion: string | null][]) =>
  cases.map(([text, code, at, message, suggestion]) => ({ text, code, at, message, suggestion }));

describe('a policy', () => {
  it('may have comments, trailing commas, a byte order mark, and names of sections in any case', () => {
    const text = `\ufeff// one\n{ /* two */ ${names} "ACLs": [ { "Action": "accept", "Users": ["*"], "Ports": ["*:*"], }, ], }`;
    expect(check(text)).toMatchObject({ errors: [], notes: [], policy: { rules: [{ name: 'acls[0]', line: 5 }] } });
  });

  it('may be empty: nobody gets anywhere', () => {
    expect(check('{}')).toMatchObject({ errors: [], warnings: [], tests: { passed: 0, failed: 0 } });
  });

  it("of Tailscale's with sections that are about other things says which are not evaluated", () => {
    const text = `{ "ssh": [], "nodeAttrs": [],\n "autoApprovers": {}, "acls": [] }`;
    expect(said(text, 'notes').map(({ message }) => message)).toEqual([
      '"ssh" is kept and not evaluated here',
      '"nodeAttrs" is kept and not evaluated here',
      '"autoApprovers" is kept and not evaluated here',
    ]);
    expect(check(text).errors).toEqual([]);
  });

  it('may describe its postures, and say for which devices they are', () => {
    const text = `{ ${names} "postures": { "posture:l": {
      "conditions": ["sentinelOne:isActive"], "description": " what ", "resolution": "do it", "tags": ["tag:laptop"] } },
      "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:*"], "srcPosture": ["posture:l"] }] }`;
    const posture = check(text).policy?.postures.get('posture:l');
    expect(posture).toMatchObject({ description: 'what', resolution: 'do it', tags: ['laptop'] });
  });
});

describe('what cannot be read', () => {
  it.each<[string, string, string]>([
    ['', '', 'expected a value'],
    ['{ "acls": [ }', '}', 'expected a value'],
    ['{\n  "acls": [] "grants": [] }', '"grants"', 'expected a comma'],
    ['{ "acls" [] }', '[', 'expected : behind the name'],
    [
      '{ acls: [] }',
      'acls',
      'expected a value: a text in double quotes, a number, true, false, null, a list or an object',
    ],
    [
      "{ 'acls': [] }",
      "'acls'",
      'expected a value: a text in double quotes, a number, true, false, null, a list or an object',
    ],
    ['{ "acls": [] ', '', 'expected } to close an object'],
    ['{ "acls": [] } {}', '{}', 'expected nothing more behind the policy'],
    ['{ /* "acls": [] }', '/*', 'this comment is not closed'],
    ['{ "acls: [] }', '"acls', 'expected " to close this text on its line'],
    ['{ "a\\qcls": [] }', '"a\\qcls"', 'this is no escape: a backslash is written \\\\'],
    ['[]', '[]', 'the policy must be an object, not a list'],
    ['null', 'null', 'the policy must be an object, not null'],
    ['{ "acls": {} }', '{}', 'acls must be a list, not an object'],
    [`${'['.repeat(51)}`, '[', 'lists and objects go at most 50 deep'],
  ])('%j', (text, at, message) => {
    const [error, ...others] = said(text);
    expect([error?.message, others]).toEqual([message, []]);
    expect(error?.at.startsWith(at)).toBe(true);
  });

  it('is told with its line, whatever ends the lines', () => {
    for (const end of ['\n', '\r\n', '\r'])
      expect(check(`{${end}${end} "aclz": []${end}}`).errors).toMatchObject([{ line: 3, column: 2 }]);
  });

  it('of more than 4,000,000 characters is refused, and a deep one breaks nothing', () => {
    expect(said(' '.repeat(4_000_001))).toMatchObject([{ code: 'too_large' }]);
    expect(said('['.repeat(1_000_000))).toMatchObject([{ code: 'syntax' }]);
  });

  it('with a posture of a very long name is refused: names stand in an index', () => {
    const named = (length: number) => `{ "postures": { "posture:${'x'.repeat(length - 8)}": ["node:os == 'linux'"] } }`;
    expect([said(named(200)), said(named(201))]).toMatchObject([[], [{ code: 'too_large' }]]);
  });
});

describe('an error', () => {
  const acl = (rest: string) => `{ ${names} ${healthy} "acls": [{ "action": "accept", ${rest} }] }`;
  const grant = (rest: string) => `{ ${names} ${healthy} "grants": [{ "src": ["*"], "dst": ["wiki"], ${rest} }] }`;
  const posture = (value: string) =>
    `{ ${names} "postures": { "posture:it": ${value} }, "defaultSrcPosture": ["posture:it"] }`;
  const test = (rest: string) => `{ ${names} ${healthy} "acls": [], "tests": [{ ${rest} }] }`;

  it.each(
    titled([
      ['{ "postues": {} }', 'unknown_key', '"postues"', 'a policy has no "postues"', 'postures'],
      ['{ "acls": [], "ACLS": [] }', 'twice', '"ACLS"', '"acls" stands in the policy twice', null],
      ['{ "groups": { "eng": [] } }', 'wrong_name', '"eng"', 'a group is named group:name, not "eng"', 'group:eng'],
      [
        '{ "groups": { "group:e": ["bob"] } }',
        'wrong_name',
        '"bob"',
        'a group has users, as anna@example.com is one; bob is none',
        null,
      ],
      [
        '{ "groups": { "group:e": [], "group:e": [] } }',
        'twice',
        '"group:e": [] } }',
        '"group:e" stands in groups twice',
        null,
      ],
      ['{ "tagOwners": { "web": [] } }', 'wrong_name', '"web"', 'a tag is named tag:name, not "web"', 'tag:web'],
      ['{ "tagOwners": { "tag:web": ["group:x"] } }', 'unknown_selector', '"group:x"', 'there is no group:x', null],
      [
        '{ "hosts": { "a b": "10.0.0.1" } }',
        'wrong_name',
        '"a b"',
        '"a b" is no name for a host: letters, digits, dots and dashes',
        null,
      ],
      [
        '{ "hosts": { "a": "10.0.0.300" } }',
        'wrong_form',
        '"10.0.0.300"',
        'a must be an address, a network or a name of the DNS, not "10.0.0.300"',
        null,
      ],
      [
        '{ "hosts": { "a": "10.0.0.1", "A": "10.0.0.2" } }',
        'twice',
        '"A"',
        '"A" stands in hosts twice: case does not count',
        null,
      ],
      [
        `{ "postures": { "it": ["node:os == 'js'"] } }`,
        'wrong_name',
        '"it"',
        'a posture is named posture:name, not "it"',
        'posture:it',
      ],
      [posture('[]'), 'no_conditions', '[]', 'posture:it has no conditions: it would hold for every device', null],
      [posture('{}'), 'missing', '"posture:it"', 'posture:it has no "conditions"', null],
      [posture('5'), 'wrong_form', '5', 'posture:it must be a list, not a number', null],
      [posture('[true]'), 'wrong_form', 'true', 'each condition of posture:it must be a text, not true', null],
      [
        posture('{ "conditions": ["node:tsAutoUpdate"], "tag": [] }'),
        'unknown_key',
        '"tag"',
        'a posture has no "tag"',
        'tags',
      ],
      [
        posture('{ "conditions": ["node:tsAutoUpdate"], "tags": ["tag:wbe"] }'),
        'unknown_selector',
        '"tag:wbe"',
        'there is no tag:wbe in tagOwners',
        'tag:web',
      ],
      [
        posture('{ "conditions": ["node:tsAutoUpdate"], "tags": [] }'),
        'wrong_form',
        '[]',
        'tags must name at least one tag; without "tags" a posture is for all devices',
        null,
      ],
      [posture(`["node:os == 'js' and true"]`), 'condition', 'and true', 'expected &&, found and', '&&'],
      [
        posture(String.raw`["\u006eode:os == \"js\"\t&& activeThreats"]`),
        'condition',
        'activeThreats',
        'expected an attribute such as sentinelOne:activeThreats, found activeThreats',
        'sentinelOne:activeThreats',
      ],
      [
        posture('["node:tsAutoUpdate", "!posture:itt"]'),
        'unknown_posture',
        'posture:itt',
        'there is no posture:itt',
        'posture:it',
      ],
      [
        posture('["!posture:it"]'),
        'posture_cycle',
        'posture:it"',
        'postures must not name each other in a circle: posture:it -> posture:it',
        null,
      ],
      [acl('"src": ["*"]'), 'missing', '{ "action"', 'acls[0] has no "dst"', null],
      [
        '{ "acls": [{ "src": ["*"], "dst": ["*:*"] }] }',
        'missing',
        '{ "src"',
        'acls[0] has no "action": "accept"',
        null,
      ],
      [acl('"src": "*", "dst": ["*:*"]'), 'wrong_form', '"*"', 'src must be a list, not a text', null],
      [
        acl('"src": ["*"], "dst": ["*:*"], "srcPostures": []'),
        'unknown_key',
        '"srcPostures"',
        'acls have no "srcPostures"',
        'srcPosture',
      ],
      [acl('"src": ["*"], "users": ["*"], "dst": ["*:*"]'), 'twice', '"users"', '"src" stands in acls[0] twice', null],
      [
        acl('"src": ["*"], "dst": ["*:*"], "srcPosture": ["posture:helthy"]'),
        'unknown_posture',
        '"posture:helthy"',
        'there is no posture:helthy in postures',
        'posture:healthy',
      ],
      [
        acl('"src": ["group:en"], "dst": ["*:*"]'),
        'unknown_selector',
        '"group:en"',
        'there is no group:en in groups',
        'group:eng',
      ],
      [
        acl('"src": ["tag:wbe"], "dst": ["*:*"]'),
        'unknown_selector',
        '"tag:wbe"',
        'there is no tag:wbe in tagOwners',
        'tag:web',
      ],
      [
        acl('"src": ["autogroup:admin"], "dst": ["*:*"]'),
        'unknown_selector',
        '"autogroup:admin"',
        'autogroup:admin is not supported: of devices users, tags and addresses are known, and no roles or routes',
        null,
      ],
      [
        acl('"src": ["autogroup:tgged"], "dst": ["*:*"]'),
        'unknown_selector',
        '"autogroup:tgged"',
        'there is no autogroup:tgged: there are autogroup:member and autogroup:tagged',
        'autogroup:tagged',
      ],
      [
        acl('"src": ["ipset:x"], "dst": ["*:*"]'),
        'unknown_selector',
        '"ipset:x"',
        'ipset:x is not supported: selectors are *, users, group:, tag:, autogroup:, hosts and networks',
        null,
      ],
      [
        acl('"src": ["wikki"], "dst": ["*:*"]'),
        'unknown_selector',
        '"wikki"',
        'wikki is neither a user, which has an @, nor a name of hosts, nor a network',
        'wiki',
      ],
      [
        acl('"src": ["10.0.0.0/33"], "dst": ["*:*"]'),
        'unknown_selector',
        '"10.0.0.0/33"',
        '10.0.0.0/33 is neither a user, which has an @, nor a name of hosts, nor a network',
        null,
      ],
      [
        acl('"src": ["crm"], "dst": ["*:*"]'),
        'unknown_selector',
        '"crm"',
        'crm is a name of the DNS: a device comes from an address, so it can be no source',
        null,
      ],
      [
        acl('"src": ["*"], "dst": ["wiki"]'),
        'wrong_form',
        '"wiki"',
        '"wiki" has no ports: write wiki:443 or wiki:*',
        null,
      ],
      [
        acl('"src": ["*"], "dst": ["tag:web"]'),
        'wrong_form',
        '"tag:web"',
        '"tag:web" has no ports: write tag:web:443 or tag:web:*',
        null,
      ],
      [
        acl('"src": ["*"], "dst": ["wiki:80-70"]'),
        'wrong_form',
        '"wiki:80-70"',
        '"80-70" are no ports, as 22, 80-90 or * are',
        null,
      ],
      [
        acl('"src": ["*"], "dst": ["wiki:65536"]'),
        'wrong_form',
        '"wiki:65536"',
        '"65536" are no ports, as 22, 80-90 or * are',
        null,
      ],
      [
        acl('"src": ["*"], "dst": ["wiki:22"], "proto": "icmp"'),
        'wrong_form',
        '"wiki:22"',
        'icmp has no ports: write wiki:*',
        null,
      ],
      [
        acl('"src": ["*"], "dst": ["wiki:22"], "proto": "tpc"'),
        'unknown_protocol',
        '"tpc"',
        'there is no protocol tpc; there are names such as tcp, and 1 to 255',
        'tcp',
      ],
      [
        '{ "acls": [{ "action": "deny", "src": ["*"], "dst": ["*:*"] }] }',
        'wrong_form',
        '"deny"',
        'action must be "accept": what no rule accepts is denied',
        null,
      ],
      [
        grant('"ip": ["upd:53"]'),
        'unknown_protocol',
        '"upd:53"',
        'there is no protocol upd; there are names such as tcp, and 1 to 255',
        'udp',
      ],
      [
        grant('"ip": ["tcp"]'),
        'wrong_form',
        '"tcp"',
        'expected *, ports, or a protocol with ports such as tcp:443, found "tcp"',
        null,
      ],
      [grant('"ip": ["icmp:5"]'), 'wrong_form', '"icmp:5"', 'icmp has no ports: write icmp:*', null],
      [grant('"ip": ["*"], "ports": ["*"]'), 'unknown_key', '"ports"', 'grants have no "ports"', null],
      [test('"accept": ["wiki:443"]'), 'missing', '{ "accept"', 'tests[0] has no "src"', null],
      [test('"src": "anna@example.com"'), 'missing', '{ "src"', 'tests[0] has neither "accept" nor "deny"', null],
      [
        test('"src": "anna", "deny": ["wiki:443"]'),
        'unknown_selector',
        '"anna"',
        'src of a test is a user, group, tag, host or address, and anna is none',
        null,
      ],
      [
        test('"src": "group:en", "deny": ["wiki:443"]'),
        'unknown_selector',
        '"group:en"',
        'there is no group:en in groups',
        'group:eng',
      ],
      [
        test('"src": "anna@example.com", "deny": ["wiki:*"]'),
        'wrong_form',
        '"wiki:*"',
        'a test names one host with one port, as wiki:443 does; "wiki:*" does not',
        null,
      ],
      [
        test('"src": "anna@example.com", "deny": ["wikki:443"]'),
        'unknown_selector',
        '"wikki:443"',
        'wikki is neither a host, nor an address, nor a user, nor a tag',
        'wiki',
      ],
      [
        test('"src": "anna@example.com", "denny": [], "deny": ["wiki:443"]'),
        'unknown_key',
        '"denny"',
        'a test has no "denny"',
        'deny',
      ],
      [
        test('"src": "anna@example.com", "deny": ["wiki:443"], "srcPostureAttrs": { "sentinelOne:infected": 0 }'),
        'wrong_type',
        '0',
        'sentinelOne:infected is true or false: no device can have this value',
        null,
      ],
      [
        test('"src": "anna@example.com", "deny": ["wiki:443"], "srcTags": ["tag:wbe"]'),
        'unknown_selector',
        '"tag:wbe"',
        'there is no tag:wbe in tagOwners',
        'tag:web',
      ],
      [
        test('"src": "anna@example.com", "deny": ["wiki:443"], "proto": "x"'),
        'unknown_protocol',
        '"x"',
        'there is no protocol x',
        null,
      ],
    ]),
  )('$code: $message', ({ text, code, at, message, suggestion }) => {
    expectSaid('errors', text, code, at, message, suggestion);
    expect(check(text).policy).toBeNull();
  });

  it('is told beside all others, in the order of the file', () => {
    const text = `{ "acls": [{ "action": "accept", "src": ["group:a"], "dst": ["b:1"] }],\n "postures": { "posture:x": [], "y": [] }, "zz": 1 }`;
    expect(said(text).map(({ code }) => code)).toEqual([
      'unknown_selector',
      'unknown_selector',
      'no_conditions',
      'wrong_name',
      'no_conditions',
      'unknown_key',
    ]);
  });

  it('is counted only, beyond the first hundred', () => {
    const text = `{ "acls": [{ "action": "accept", "src": [${'"group:x",'.repeat(5_000)}], "dst": ["*:*"] }] }`;
    const { errors } = check(text);
    expect(errors).toHaveLength(101);
    expect(errors.at(-1)).toMatchObject({ code: 'more', message: 'and 4900 more errors' });
  });
});

describe('a warning', () => {
  const two = `"postures": { "posture:a": ["sentinelOne:isActive"], "posture:b": ["sentinelOne:isActive", "!sentinelOne:infected"] },`;
  const open = '"action": "accept", "src": ["*"], "dst": ["*:*"]';

  it.each(
    titled([
      [
        `{ ${names} ${healthy} "acls": [{ ${open}, "srcPosture": [] }] }`,
        'empty_src_posture',
        '[]',
        'srcPosture is empty: acls[0] lets devices through whatever their posture',
        null,
      ],
      [
        `{ "defaultSrcPosture": [], "acls": [{ ${open} }] }`,
        'empty_src_posture',
        '[]',
        'defaultSrcPosture is empty: it asks for no posture',
        null,
      ],
      [
        `{ ${two} "defaultSrcPosture": ["posture:b"] }`,
        'unused_posture',
        '"posture:a"',
        'no access rule asks for posture:a, and no posture names it',
        null,
      ],
      [
        `{ ${two} "defaultSrcPosture": ["posture:b", "posture:a"] }`,
        'shadowed_posture',
        '"posture:b", "posture:a"]',
        'posture:a in the same list asks for less, so posture:b lets nobody else through',
        null,
      ],
      [
        `{ ${healthy} "acls": [{ ${open}, "srcPosture": ["posture:healthy", "posture:healthy"] }] }`,
        'shadowed_posture',
        '"posture:healthy"] }] }',
        'posture:healthy stands in this list twice',
        null,
      ],
      [
        `{ "postures": { "posture:a": ["sentinelOne:isActive"] }, "acls": [{ ${open}, "srcPosture": ["posture:a"] }, { ${open} }] }`,
        'shadowed_rule',
        '["posture:a"]',
        'acls[1] lets the same devices through without a posture, so that of acls[0] changes nothing',
        null,
      ],
      [
        String.raw`{ "postures": { "posture:a": ["!\u0073entinelOne:infected && sentinelOne:infected == 0"] }, "defaultSrcPosture": ["posture:a"] }`,
        'wrong_type',
        '0"]',
        'sentinelOne:infected is true or false, and 0 is a number: this is never true',
        'sentinelOne:infected == false',
      ],
    ]),
  )('$code: $message', ({ text, code, at, message, suggestion }) => {
    expectSaid('warnings', text, code, at, message, suggestion);
    expect(check(text).errors).toEqual([]);
  });

  it('is not made of postures that others name, that are for other devices, or of rules that differ', () => {
    const fine = [
      `{ "postures": { "posture:a": ["sentinelOne:isActive"], "posture:b": ["posture:a && !sentinelOne:infected"] }, "defaultSrcPosture": ["posture:b"] }`,
      `{ ${names} "postures": { "posture:a": { "conditions": ["sentinelOne:isActive"], "tags": ["tag:web"] },
         "posture:b": ["sentinelOne:isActive", "!sentinelOne:infected"] }, "defaultSrcPosture": ["posture:a", "posture:b"] }`,
      `{ ${names} ${healthy} "acls": [{ "action": "accept", "src": ["tag:web"], "dst": ["wiki:443"], "srcPosture": [] },
         { "action": "accept", "src": ["*"], "dst": ["wiki:443"] }] }`,
    ];
    expect(fine.map(text => said(text, 'warnings').filter(({ code }) => code !== 'empty_src_posture'))).toEqual([
      [],
      [],
      [],
    ]);
  });
});
