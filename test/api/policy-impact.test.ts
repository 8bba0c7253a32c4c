// What a policy would change, over HTTP: as the command line tells it, as one answer and as lines.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { impactOf } from '../../src/operations/impact.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { runCommand } from '../support/cli.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const impact = '/api/v2/tailnet/-/acl/impact';
const rule = (srcPosture: string[]) => ({ action: 'accept', src: ['autogroup:member'], dst: ['wiki:443'], srcPosture });
const open = JSON.stringify({ hosts: { wiki: '10.0.0.5' }, acls: [rule([])] });
const guarded = JSON.stringify({
  postures: { 'posture:calm': ['fake:threats == 0'] },
  hosts: { wiki: '10.0.0.5' },
  acls: [rule(['posture:calm'])],
});

let world: World;
let api: TestApi;
const ask = (text: string, query = '', headers = {}) => api.call('POST', `${impact}${query}`, text, { headers });
const lines = { accept: 'application/x-ndjson' };
const parsed = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));

beforeEach(async () => {
  world = await createWorld();
  const console = await world.integration('hq');
  for (const [id, threats] of Object.entries({ a: 0, b: 2, c: 3 })) {
    await world.devices({ id, serialNumbers: [`SER-${id}`], user: 'anna@example.com' });
    console.set(fakeAgent(id, `SER-${id}`, { values: { 'fake:threats': threats } }));
  }
  await world.sync('hq');
  await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text: open, ifRevision: null });
  api = await startApi({ database: world.database, now: world.now });
});

/** How long ago is told from the moment of the answer. */
const withoutAges = (changes: { reasons?: { message: string }[] | null }[]) =>
  changes.map(({ reasons, ...change }) =>
    reasons ? { ...change, reasons: reasons.map(({ message: _, ...reason }) => ({ ...reason, ageMs: 0 })) } : change,
  );

const withoutReasons = (changes: object[]) =>
  changes.map(change => ({ ...change, reasons: undefined, reasonsTotal: undefined }));

describe('the impact of a policy', () => {
  const loses = (found: number) => ({
    ...{ hostname: null, user: 'anna@example.com', change: 'loses', destination: 'wiki:443', rule: 'acls[0]' },
    ...{ outcome: 'posture', postures: ['posture:calm'] },
    reasons: [
      expect.objectContaining({
        ...{ posture: 'posture:calm', condition: 'fake:threats == 0', attribute: 'fake:threats', operator: '==' },
        ...{ expected: 0, found, unknown: null, integration: 'hq', confirmedAt: expect.any(String) },
        message: expect.stringContaining(`fake:threats == 0: found ${found} (integration hq, confirmed `),
      }),
    ],
    reasonsTotal: 1,
  });

  it('is told in one answer, and nothing is applied', async () => {
    const { status, body } = await ask(guarded);
    const before = (await api.service.events('TAILNET.UPDATE.ACL')).length;
    expect([status, body]).toEqual([
      200,
      {
        ...{ comparedWith: expect.any(Number), devices: 3, gaining: 0, losing: 2 },
        destinations: [{ destination: 'wiki:443', gains: 0, loses: 2 }],
        postures: [{ posture: 'posture:calm', before: null, after: { pass: 1, fail: 2, unknown: 0 } }],
        ...{
          changes: [
            { device: 'b', ...loses(2) },
            { device: 'c', ...loses(3) },
          ],
          changesTotal: 2,
        },
        ...{ ok: true, errors: [], tests: { passed: 0, failed: 0 } },
      },
    ]);
    const { changes, changesTotal } = (await ask(guarded, '?limit=1')).body;
    expect([changes, changesTotal]).toEqual([[{ device: 'b', ...loses(2) }], 2]);
    expect(before).toBe(1);
  });

  it('is the same by command line and by HTTP, where every change is a line', async () => {
    const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-api-impact-'));
    onTestFinished(() => rmSync(place, { recursive: true }));
    writeFileSync(path.join(place, 'p.hujson'), guarded);
    const words = ['policy', 'impact', path.join(place, 'p.hujson'), '--json'];
    const said = (await runCommand(words, { DATABASE_URL: world.database.url })).json();
    const answer = await ask(guarded, '', lines);
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    expect(withoutAges(parsed(answer.body))).toEqual(withoutAges(said));
    const { changes, changesTotal, ...summary } = (await ask(guarded)).body;
    expect(withoutAges([...changes, summary])).toEqual(withoutAges(said));
    expect(changesTotal).toBe(2);
  });

  it('of thousands of changes comes whole as lines', async () => {
    await world.devices(...Array.from({ length: 2_500 }, (_, i) => ({ id: `d${i}`, user: 'anna@example.com' })));
    const told = parsed((await ask(guarded, '', lines)).body);
    expect(told).toHaveLength(2_503);
    expect(told.at(-1)).toMatchObject({ devices: 2_503, losing: 2_502 });
    expect(new Set(told.slice(0, -1).map(({ device }) => device)).size).toBe(2_502);
  });

  it('tells how far it is where that is asked for and takes a while, and then the one answer', async () => {
    await world.devices(...Array.from({ length: 1_200 }, (_, i) => ({ id: `d${i}`, user: 'anna@example.com' })));
    const whole = (await ask(guarded, '?limit=0&each=2')).body;
    expect(parsed((await ask(guarded, '?limit=0&each=2&progress=true', lines)).body).at(-1)).toEqual(whole);
    // Whenever it is looked at, a third of a second has passed.
    let clock = performance.now();
    const looking = vi.spyOn(performance, 'now').mockImplementation(() => {
      clock += 334;
      return clock;
    });
    onTestFinished(() => looking.mockRestore());
    const told = parsed((await ask(guarded, '?limit=0&each=2&progress=true', lines)).body);
    expect(told.length).toBeGreaterThan(2);
    expect(told.at(-1)).toEqual(whole);
    const compared = told.slice(0, -1).map(line => line.compared);
    expect(compared).toEqual(compared.toSorted((a, b) => a - b));
    for (const line of told.slice(0, -1)) expect(line).toEqual({ compared: expect.any(Number), devices: 1_203 });
    expect(parsed((await ask(guarded, '', lines)).body).filter(line => 'compared' in line)).toEqual([]);
  });

  it('is reckoned no further when nobody waits any more', async () => {
    await world.devices(...Array.from({ length: 1_200 }, (_, i) => ({ id: `d${i}`, user: 'anna@example.com' })));
    const seen: number[] = [];
    const progress = (done: number, total: number) => {
      seen.push(done, total);
      throw new Error('nobody waits');
    };
    await expect(impactOf(world, guarded, { change() {}, progress })).rejects.toThrow('nobody waits');
    expect(seen).toEqual([expect.any(Number), 1_203]);
    expect(seen[0]).toBeLessThan(1_203);
  });

  it('is listed in pages, of those who lose or gain and of one destination, with names', async () => {
    await world.devices(...Array.from({ length: 1_500 }, (_, i) => ({ id: `d${i}`, user: 'anna@example.com' })));
    const two = JSON.parse(guarded);
    two.acls.push({ ...rule([]), dst: ['10.0.0.9:22'] }, { ...rule([]), dst: ['10.0.0.9:23'] });
    const text = JSON.stringify(two);
    const told = parsed((await ask(text, '', lines)).body).slice(0, -1);
    const whole = withoutReasons(told);
    const pages = async (query: string) => {
      const found: object[] = [];
      for (let cursor = ''; ; ) {
        const { status, body } = await api.call('POST', `${impact}/changes?limit=997${query}${cursor}`, text);
        expect([status, body.changes.length <= 997]).toEqual([200, true]);
        for (const { reasons, reasonsTotal } of body.changes) expect(reasons).toHaveLength(reasonsTotal);
        found.push(...withoutReasons(body.changes));
        if (body.nextCursor === null) return found;
        cursor = `&cursor=${body.nextCursor}`;
      }
    };
    expect(await pages('')).toEqual(whole);
    const losses = withoutReasons(told.filter(({ change }) => change === 'loses'));
    expect(await pages('&change=loses')).toEqual(losses);
    // The first of each kind come with the totals, and a page goes on behind them.
    const { loses, gains, changes } = (await ask(text, '?limit=0&each=2')).body;
    expect([changes, withoutReasons(loses.changes)]).toEqual([[], losses.slice(0, 2)]);
    expect(withoutReasons(gains.changes)).toEqual(
      withoutReasons(told.filter(({ change }) => change === 'gains').slice(0, 2)),
    );
    const next = await api.call('POST', `${impact}/changes?change=loses&limit=3&cursor=${loses.nextCursor}`, text);
    expect(withoutReasons(next.body.changes)).toEqual(losses.slice(2, 5));
    // What goes on and on is told with its conditions at first.
    const isTold = told.map(({ reasons }) => reasons !== null);
    expect(isTold).toEqual(told.map((_, n) => n < 1_000));
    expect(await pages('&destination=10.0.0.9:23')).toHaveLength(1_503);
    expect(await pages('&destination=nowhere:1')).toEqual([]);
    const wrong = await api.call('POST', `${impact}/changes`, '{ "acls": 1 }');
    expect([wrong.status, wrong.body.message]).toEqual([400, expect.stringContaining('acls must be a list')]);
  });

  it('tells of who gains what was not true by the policy in force', async () => {
    await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text: guarded, ifRevision: null });
    const { changes } = (await ask(guarded.replace('fake:threats == 0', 'fake:threats <= 2'))).body;
    const { reasons } = loses(2);
    expect(changes).toEqual([expect.objectContaining({ device: 'b', change: 'gains', outcome: 'posture', reasons })]);
    const page = await api.call('POST', `${impact}/changes?change=gains`, open);
    expect(page.body.changes.map(({ device }: { device: string }) => device)).toEqual(['b', 'c']);
    expect(page.body.changes[0].reasons).toEqual(reasons);
  });

  it('tells twenty conditions of a change, and how many there are', async () => {
    const many = JSON.parse(guarded);
    many.postures['posture:calm'] = Array.from({ length: 25 }, (_, n) => `fake:threats >= ${100 + n}`);
    const [{ reasons, reasonsTotal }] = (await ask(JSON.stringify(many), '?limit=1')).body.changes;
    expect([reasons.length, reasonsTotal]).toEqual([20, 25]);
  });

  it('of a policy whose own tests fail is told beside these, and no such policy is applied', async () => {
    const tested = JSON.stringify({
      ...JSON.parse(guarded),
      tests: [{ src: 'anna@example.com', srcPostureAttrs: { 'fake:threats': 2 }, accept: ['wiki:443'] }],
    });
    const failing = {
      ok: false,
      errors: [expect.objectContaining({ code: 'test_failed', line: 1, message: expect.stringContaining('found 2') })],
      tests: { passed: 0, failed: 1 },
    };
    const { status, body } = await ask(tested);
    expect([status, body]).toEqual([200, expect.objectContaining({ losing: 2, changesTotal: 2, ...failing })]);
    expect(body.changes[0]).toEqual({ device: 'b', ...loses(2) });
    expect(parsed((await ask(tested, '', lines)).body).at(-1)).toMatchObject({ losing: 2, ...failing });
    const page = await api.call('POST', `${impact}/changes`, tested);
    expect([page.status, page.body.changes.length]).toEqual([200, 2]);
    const applied = await api.call('POST', '/api/v2/tailnet/-/acl', tested);
    expect([applied.status, applied.body.message]).toEqual([400, 'test(s) failed']);
    // A test that cannot be read is an error of the policy.
    expect((await ask(tested.replace('"accept"', '"except"'))).status).toBe(400);
  });

  it('of a policy with errors is what is wrong with it', async () => {
    for (const headers of [{}, lines]) {
      const { status, body } = await ask('{ "acls": 1 }', '', headers);
      expect([status, body.message]).toEqual([400, expect.stringContaining('line 1, column 11: acls must be a list')]);
    }
  });

  it('needs the scope for devices too, since it tells how they are', async () => {
    const key = await api.keyFor('policy_file');
    const { status, body } = await api.call('POST', impact, guarded, { key });
    expect([status, body.message]).toEqual([403, 'the key lacks the scope "devices:posture_attributes:read"']);
    const both = await api.keyFor('policy_file:read', 'devices:posture_attributes:read');
    expect((await api.call('POST', impact, guarded, { key: both })).status).toBe(200);
  });
});
