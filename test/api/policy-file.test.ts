// The policy file over HTTP: each of Tailscale's operations as its clients make it, what Terraform does with them, and the history.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../src/operations/policies.ts';
import { type Answered, startApi, type TestApi } from '../support/api.ts';
import { runCommand } from '../support/cli.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { basic } from '../support/http.ts';

const acl = '/api/v2/tailnet/-/acl';
const starter = readFileSync('config/policy.hujson', 'utf8');
const huJson = { accept: 'application/hujson' };
const json = { accept: 'application/json' };
const etagOf = (text: string) => `"${createHash('sha256').update(text).digest('hex')}"`;
const told = ({ status, headers, body }: Answered) => [status, headers.get('content-type'), headers.get('etag'), body];
/** Of comments and trailing commas nothing is left, of everything else nothing is lost. */
const odd =
  '\ufeff{ // who\n  "hosts": { "a": "10.0.0.1", }, /* , */\n  "nodeAttrs": [{ "__proto__": 12345678901234567890, }, ],\n}\n';

let database: TestDatabase;
let api: TestApi;
const set = (text: string | undefined, headers: Record<string, string> = {}) =>
  api.call('POST', acl, text, { headers: { 'content-type': 'application/hujson', ...headers } });
const check = (text: string | undefined) => api.call('POST', `${acl}/validate`, text);
const run = (...words: string[]) => runCommand(['policy', ...words], { DATABASE_URL: database.url });
const updates = async () => (await api.service.events('TAILNET.UPDATE.ACL')).map(({ actor }) => actor.displayName);

beforeEach(async () => {
  database = await freshDatabase();
  api = await startApi({ database });
});

describe('the policy file', () => {
  it('goes through what Terraform does: validate, set while the default is in force, read, and 412 to who comes late', async () => {
    const terraform = { authorization: basic(api.key), 'user-agent': 'Terraform/1.9.0' };
    const validated = await api.call('POST', `${acl}/validate`, starter, { headers: terraform });
    expect([validated.status, validated.body]).toEqual([200, {}]);
    const created = await set(starter, { ...terraform, 'if-match': '"ts-default"' });
    expect(told(created)).toEqual([200, 'application/hujson', etagOf(starter), starter]);
    expect(told(await api.call('GET', acl, undefined, { headers: { ...terraform, ...huJson } }))).toEqual(
      told(created),
    );
    const late = await set('{}', { ...terraform, 'if-match': '"ts-default"' });
    expect([late.status, late.body]).toEqual([
      412,
      {
        message: expect.stringMatching(
          /^the policy of revision \d+ is in force, applied by key:\S+ at \S+; nothing was applied$/,
        ),
      },
    ]);
    expect((await set('{ }', { ...terraform, 'if-match': etagOf(starter) })).status).toBe(200);
    expect((await set(starter, { ...terraform, 'if-match': etagOf(starter) })).status).toBe(412);
    expect((await set(undefined, terraform)).body).toBe(defaultPolicy);
    expect((await set(starter, { ...terraform, 'if-match': 'ts-default' })).status).toBe(200);
    expect(await updates()).toEqual(['admin', 'admin', 'admin', 'admin']);
  });

  it('is the default before any was applied, and grants nothing', async () => {
    expect(told(await api.call('GET', acl))).toEqual([200, 'application/hujson', etagOf(defaultPolicy), defaultPolicy]);
    const asJson = await api.call('GET', acl, undefined, { headers: json });
    expect(told(asJson)).toEqual([200, 'application/json; charset=utf-8', etagOf(defaultPolicy), {}]);
    expect((await set('{ }', { 'if-match': `"x", ${etagOf(defaultPolicy)}` })).status).toBe(200);
  });

  it('is not sent again to who has it already, in whichever form, and is after the next one', async () => {
    const known = (etag: string, path = acl, more = {}) =>
      api.call('GET', path, undefined, { headers: { 'if-none-match': etag, ...more } });
    await set(starter);
    const etag = etagOf(starter);
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*', etag.slice(1, -1)]) {
      const answer = await known(tag);
      expect([tag, answer.status, answer.body, answer.headers.get('etag')]).toEqual([tag, 304, '', etag]);
      expect(answer.headers.get('vary')).toBe('accept');
    }
    expect((await known(etag, acl, json)).status).toBe(304);
    expect(told(await known('"x"'))).toEqual([200, 'application/hujson', etag, starter]);
    // What is odd about a policy may change with what there is around it.
    expect((await known(etag, `${acl}?details=1`)).status).toBe(200);
    expect(told(await set(starter, { 'if-none-match': etag }))).toEqual([200, 'application/hujson', etag, starter]);
    const [{ revision }] = (await api.call('GET', `${acl}/history`)).body.revisions;
    expect((await known(etag, `${acl}/history/${revision}`)).status).toBe(304);
    await set('{}');
    expect((await known(etag)).body).toBe('{}');
    expect((await known(etag, `${acl}/history/${revision}`)).status).toBe(304);
  });

  it('comes back byte for byte, and as JSON without losing a digit or a name', async () => {
    await set(odd, { 'content-type': 'text/plain' });
    const { key, service } = api;
    const raw = (headers: object) =>
      fetch(`${service.url}${acl}`, { headers: { authorization: `Bearer ${key}`, ...headers } });
    expect(Buffer.from(await (await raw(huJson)).arrayBuffer())).toEqual(Buffer.from(odd));
    const text = await (await raw(json)).text();
    expect(text).toContain('{ "__proto__": 12345678901234567890 }');
    expect(JSON.parse(text)).toMatchObject({ hosts: { a: '10.0.0.1' } });
    const { body } = await api.call('GET', `${acl}?details=1`);
    expect(Buffer.from(body.acl, 'base64').toString()).toBe(odd);
    expect(body).toMatchObject({ warnings: [], errors: [] });
  });

  it('is taken under whatever type it is sent, also under none, and as large as a policy may be', async () => {
    const large = `{}${' '.repeat(3_900_000)}`;
    for (const type of ['application/json', 'application/x-www-form-urlencoded', '']) {
      const text = `{ "hosts": { "a": "10.0.0.1" } } // ${type}`;
      const answer = await fetch(`${api.service.url}${acl}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${api.key}`, ...(type === '' ? {} : { 'content-type': type }) },
        body: Buffer.from(text),
      });
      expect([answer.status, await answer.text()]).toEqual([200, text]);
    }
    expect((await set(large)).status).toBe(200);
    expect((await set(`{}${' '.repeat(4_000_000)}`)).body.message).toContain('at most 4000000 characters');
    expect((await set(' '.repeat(12_000_001))).status).toBe(413);
  });

  it('with errors, or failing its own tests, is refused in the form of Tailscale, and nothing is written', async () => {
    const broken = '{\n  "acls": [{ "action": "accept", "src": ["group:nope"], "dst": ["*:*"] }]\n}';
    const refused = await set(broken);
    const message = 'line 2, column 42: there is no group:nope in groups';
    const error = { code: 'unknown_selector', message: 'there is no group:nope in groups' };
    const place = { line: 2, column: 42, endLine: 2, endColumn: 54 };
    expect([refused.status, refused.body]).toEqual([
      400,
      {
        message,
        data: [{ user: '', errors: [message] }],
        errors: [{ ...error, ...place, suggestion: null }],
        warnings: [],
      },
    ]);
    const failing =
      '{ "hosts": { "wiki": "10.0.0.5" }, "tests": [{ "src": "anna@example.com", "accept": ["wiki:443", "wiki:80"] }] }';
    const { status, body } = await set(failing);
    const reason = (to: string) => `anna@example.com must get to ${to}, and is refused: no rule is about it`;
    expect([status, body.message, body.data]).toEqual([
      ...[400, 'test(s) failed'],
      [{ user: 'anna@example.com', errors: [reason('wiki:443'), reason('wiki:80')] }],
    ]);
    expect((await check(failing)).body).toEqual(body);
    expect(await updates()).toEqual([]);
  });

  it.each<[string, string | Uint8Array, string]>([
    ['is no UTF-8', Buffer.from('{} // \xfc', 'latin1'), 'UTF-8'],
    ['has a character that no text has', '{} // \0', 'the character U+0000'],
    ['is no JSON', '{', 'line 1, column 2: expected'],
    ['is a list', '[]', 'the policy must be an object'],
  ])('that %s is refused', async (_, text, message) => {
    const { url } = api.service;
    const headers = { authorization: `Bearer ${api.key}` };
    const answer = await fetch(`${url}${acl}`, { method: 'POST', headers, body: Buffer.from(text) });
    const body = (await answer.json()) as { message: string };
    expect([answer.status, body.message]).toEqual([400, expect.stringContaining(message)]);
    expect(await updates()).toEqual([]);
  });

  it('set again as it is changes nothing, whatever it should have replaced', async () => {
    await set(starter);
    expect((await set(starter, { 'if-match': '"ts-default"' })).status).toBe(200);
    expect(await updates()).toHaveLength(1);
  });

  it('set by ten at once, each knowing the default, is that of one', async () => {
    const texts = Array.from({ length: 10 }, (_, i) => `{} // ${i}`);
    const answers = await Promise.all(texts.map(text => set(text, { 'if-match': '"ts-default"' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
  });
});

describe('validating', () => {
  it('says nothing of a policy in order, and what is wrong of another one with status 200', async () => {
    for (const text of ['{}', starter])
      expect(
        told(await check(text))
          .slice(0, 1)
          .concat((await check(text)).body),
      ).toEqual([200, {}]);
    const wrong = await check('{ "acl": [] }');
    expect([wrong.status, wrong.body.message]).toEqual([
      200,
      expect.stringContaining('a policy has no "acl"; did you mean'),
    ]);
    for (const text of [undefined, ' \n']) {
      const none = await check(text);
      expect([none.status, none.body.message]).toEqual([400, expect.stringContaining('unexpected end of JSON input')]);
    }
  });

  it('tells what is odd without a message, which clients would take for a failure', async () => {
    const { status, body } = await check('{ "postures": { "posture:a": ["node:os == \'linux\'"] } }');
    expect([status, Object.keys(body), body.warnings[0].message]).toEqual([
      200,
      ['warnings'],
      expect.stringContaining('no access rule'),
    ]);
  });

  it('runs a list of tests against the policy in force', async () => {
    const healthy = {
      'sentinelOne:isActive': true,
      'sentinelOne:activeThreats': 0,
      'sentinelOne:operationalState': 'na',
    };
    const tests = [{ src: 'anna@example.com', srcPostureAttrs: healthy, accept: ['wiki:443'] }];
    const before = (await check(JSON.stringify(tests))).body;
    expect(before.message).toContain('wiki is neither a host');
    await set(starter);
    expect((await check(`// tests\n${JSON.stringify(tests)}`)).body).toEqual({});
    const denied = (await check(JSON.stringify([{ ...tests[0], accept: undefined, deny: ['wiki:443'] }]))).body;
    expect(denied).toMatchObject({
      message: 'test(s) failed',
      data: [
        {
          user: 'anna@example.com',
          errors: ['anna@example.com must not get to wiki:443, and acls[0] lets it through'],
        },
      ],
    });
    expect((await check('[{ "src": 1 }]')).body.message).toContain('line 1, column ');
  });

  it('tells in detail all that was found, with where each begins and ends, and which postures there are', async () => {
    const text = `{
  "postures": {
    "posture:calm": ["sentinelOne:infected == 0", "node:os \\u003d= 'linux'"],
  },
  "ssh": [],
}`;
    const detailed = async (of: string) => (await api.call('POST', `${acl}/validate?details=1`, of)).body;
    const { warnings, notes, ...rest } = await detailed(text);
    expect(rest).toEqual({
      ...{ ok: true, errors: [], tests: { passed: 0, failed: 0 }, rules: 0 },
      postures: [
        ...[{ posture: 'posture:calm', line: 3, column: 5 }].map(place => ({
          ...place,
          conditions: ['sentinelOne:infected == 0', "node:os == 'linux'"],
        })),
      ],
    });
    const place = { line: 3, column: 47, endLine: 3, endColumn: 48 };
    expect(warnings).toContainEqual({
      ...{ code: 'wrong_type', ...place, suggestion: 'sentinelOne:infected == false' },
      message: expect.stringContaining('this is never true'),
    });
    expect(notes).toMatchObject([{ code: 'not_evaluated', line: 5, column: 3, endLine: 5, endColumn: 8 }]);
    // Behind an escape too.
    const mistyped = await detailed('{ "postures": { "posture:a": ["\\u006eode:os = 1"] } }');
    expect(mistyped).toMatchObject({
      ...{ ok: false, postures: null, rules: null, message: expect.any(String) },
      errors: [{ code: 'condition', column: 45, endColumn: 46, suggestion: '==' }],
    });
    expect((await detailed('{')).errors).toMatchObject([{ code: 'syntax', line: 1, column: 2, endColumn: 2 }]);
  });
});

describe('a preview', () => {
  const preview = (type: string, of: string, text = starter) =>
    api.call('POST', `${acl}/preview?type=${type}&previewFor=${encodeURIComponent(of)}`, text);
  const first = {
    users: ['autogroup:member'],
    ports: ['*:*'],
    lineNumber: 48,
    rule: 'acls[0]',
    postures: ['posture:healthy'],
  };

  it('lists the rules about a user, or that lead to a place, with their lines', async () => {
    const forUser = await preview('user', 'anna@example.com');
    expect([forUser.status, forUser.body]).toEqual([
      200,
      { matches: [first], type: 'user', previewFor: 'anna@example.com' },
    ]);
    const { body } = await preview('ipport', 'wiki.example.com:443');
    expect(body.matches.map(({ rule }: { rule: string }) => rule)).toEqual(['acls[0]', 'acls[1]']);
    expect((await preview('ipport', '10.0.0.5:22')).body.matches).toEqual([first]);
  });

  it.each([
    ['ipport', '10.0.0.5', starter, 'previewFor: expected a host and a port'],
    ['group', 'a', starter, 'type: '],
    ['user', 'a@b.c', '{ "acl": [] }', 'a policy has no "acl"'],
    ['user', 'a@b.c', '', 'expected a value'],
  ])('for %s %s is refused where it cannot be had', async (type, of, text, message) => {
    const { status, body } = await preview(type, of, text);
    expect([status, body.message]).toEqual([400, expect.stringContaining(message)]);
  });
});

describe('the history', () => {
  it('has every policy that was applied, as the command line has it', async () => {
    await set(starter);
    await run('apply', 'config/policy.hujson');
    await set('{} // second');
    const { body } = await api.call('GET', `${acl}/history`);
    expect(body.revisions).toEqual((await run('history', '--json')).json());
    expect(body.revisions.map(({ inForce }: { inForce: boolean }) => inForce)).toEqual([false, true]);
    const first = (await api.call('GET', `${acl}/history?limit=1`)).body;
    const rest = (await api.call('GET', `${acl}/history?limit=1&cursor=${first.nextCursor}`)).body;
    expect([...first.revisions, ...rest.revisions, rest.nextCursor]).toEqual([...body.revisions, null]);
    const [{ revision, hash }] = body.revisions;
    expect(told(await api.call('GET', `${acl}/history/${revision}`))).toEqual([
      200,
      'application/hujson',
      `"${hash}"`,
      starter,
    ]);
    expect((await run('show')).stdout).toBe((await api.call('GET', acl)).body);
    const none = await api.call('GET', `${acl}/history/${revision + 5}`);
    expect([none.status, none.body.message]).toEqual([404, expect.stringContaining('applied no policy')]);
    expect((await api.call('GET', `${acl}/history/x`)).status).toBe(400);
  });

  it('comes newest first where that is asked for, in pages', async () => {
    for (const n of [1, 2, 3]) await set(`{} // ${n}`);
    const page = async (query: string) => (await api.call('GET', `${acl}/history?order=newest${query}`)).body;
    const { revisions, nextCursor } = await page('&limit=2');
    expect(revisions.map(({ inForce }: { inForce: boolean }) => inForce)).toEqual([true, false]);
    const rest = await page(`&limit=2&cursor=${nextCursor}`);
    expect(rest).toMatchObject({ revisions: [{ hash: etagOf('{} // 1').slice(1, -1) }], nextCursor: null });
    expect(await page('')).toEqual({ revisions: [...revisions, ...rest.revisions], nextCursor: null });
  });
});

describe('the starter policy', () => {
  it('is the file that comes with the service, is in order, and is not in force by that', async () => {
    const { body, headers } = await api.call('GET', `${acl}/starter`);
    expect([body, headers.get('etag')]).toEqual([starter, etagOf(starter)]);
    expect((await check(body)).body).toEqual({});
    expect((await api.call('GET', acl)).body).toBe(defaultPolicy);
  });
});
