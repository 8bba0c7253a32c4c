// Postures tried on a device: each condition with what was asked and found, by the policy in force and by a text that is being written.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { applyPolicy } from '../../src/operations/policies.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { runCommand } from '../support/cli.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const url = '/api/v2/tailnet/-/postures/simulate';
const rule = (dst: string, srcPosture: string[]) => ({ action: 'accept', src: ['*'], dst: [dst], srcPosture });
const inForce = JSON.stringify({
  postures: { 'posture:calm': ['fake:threats == 0'] },
  acls: [rule('10.0.0.5:22', ['posture:calm']), rule('10.0.0.6:443', [])],
});
const written = (more: object = {}) =>
  JSON.stringify({
    postures: {
      'posture:calm': {
        conditions: ["fake:threats <= 2 WITHIN '24h'", 'fake:isActive || !fake:lastSeen NOT SET'],
        description: 'Calm.',
      },
      'posture:both': ['posture:calm && !posture:kiosk', "custom:tier == 'gold'"],
      'posture:kiosk': { conditions: ['fake:isActive'], tags: ['tag:kiosk'] },
    },
    tagOwners: { 'tag:kiosk': [] },
    acls: [rule('10.0.0.5:22', ['posture:calm'])],
    ...more,
  });

let world: World;
let api: TestApi;
const ask = (body: object, key?: string) => api.call('POST', url, body, key === undefined ? {} : { key });

function fileOf(policy: string): string {
  const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-posture-simulation-'));
  onTestFinished(() => rmSync(place, { recursive: true }));
  const file = path.join(place, 'p.hujson');
  writeFileSync(file, policy);
  return file;
}

beforeEach(async () => {
  world = await createWorld();
  const console = await world.integration('hq');
  await world.devices({ id: 'a', serialNumbers: ['SER-a'], user: 'anna@example.com', tags: ['laptop'] });
  console.set(fakeAgent('a', 'SER-a', { values: { 'fake:threats': 2, 'fake:isActive': false } }));
  await world.sync('hq');
  await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text: inForce, ifRevision: null });
  api = await startApi({ database: world.database, now: world.now });
});

describe('postures tried on a device', () => {
  it('tell of each condition what was expected and found, where from and how old, whether it holds or not', async () => {
    const { status, body } = await ask({ device: 'a', policy: written() });
    expect([status, body.device, body.policyRevision, body.tags]).toEqual([200, 'a', null, ['tag:laptop']]);
    const [calm, both, kiosk] = body.postures;
    expect(calm).toMatchObject({ posture: 'posture:calm', state: 'failing', description: 'Calm.', isForDevice: true });
    expect(calm.conditions).toEqual([
      {
        ...{ condition: "fake:threats <= 2 WITHIN '24h'", state: 'passing', partsTotal: 1 },
        parts: [
          {
            ...{ state: 'passing', named: null, posture: 'posture:calm', condition: "fake:threats <= 2 WITHIN '24h'" },
            ...{ attribute: 'fake:threats', operator: '<=', expected: 2, withinMs: 24 * hour, found: 2, unknown: null },
            ...{ integration: 'hq', confirmedAt: expect.any(String), ageMs: expect.any(Number), isFresh: true },
            message: expect.stringContaining('found 2 (integration hq, confirmed '),
          },
        ],
      },
      {
        ...{ condition: 'fake:isActive || !fake:lastSeen NOT SET', state: 'failing', partsTotal: 2 },
        parts: [
          expect.objectContaining({ condition: 'fake:isActive == true', state: 'failing', found: false }),
          expect.objectContaining({ condition: 'fake:lastSeen IS SET', state: 'failing', found: null }),
        ],
      },
    ]);
    expect(both.state).toBe('failing');
    expect(both.conditions[0].parts).toMatchObject([
      { named: 'posture:calm', condition: 'posture:calm', state: 'failing', attribute: null },
      { named: 'posture:kiosk', condition: '!posture:kiosk', state: 'unknown' },
    ]);
    expect(both.conditions[1].parts).toMatchObject([{ state: 'unknown', unknown: 'unset', expected: 'gold' }]);
    // Its condition is told, and lets nobody in.
    expect(kiosk).toMatchObject({ state: 'unknown', isForDevice: false, tags: ['tag:kiosk'] });
    expect(kiosk.conditions).toMatchObject([{ state: 'failing' }]);
  });

  it('go by the policy in force where no text is given, and leave no trace', async () => {
    const before = await world.db.query('select revision from head');
    const { body } = await ask({ device: 'a', postures: ['calm'] });
    expect(body).toMatchObject({ policyRevision: expect.any(Number), posturesTotal: 1, changes: [] });
    expect(body.postures).toMatchObject([{ posture: 'posture:calm', state: 'failing' }]);
    expect(body.reaches).toEqual([{ destination: '10.0.0.6:443', rule: 'acls[1]' }]);
    expect((await world.db.query('select revision from head')).rows).toEqual(before.rows);
  });

  it('tell what the device may reach by the text, and gains and loses beside the policy in force', async () => {
    const { body } = await ask({ device: 'a', policy: written(), attributes: { 'fake:isActive': true } });
    expect(body.reaches).toEqual([{ destination: '10.0.0.5:22', rule: 'acls[0]' }]);
    const told = { rule: expect.any(String), outcome: expect.any(String), postures: expect.any(Array) };
    expect(body.changes).toEqual([
      { ...told, change: 'gains', destination: '10.0.0.5:22', outcome: 'posture', postures: ['posture:calm'] },
      { ...told, change: 'loses', destination: '10.0.0.6:443', outcome: 'no_rule', postures: [] },
    ]);
    expect([body.reachesTotal, body.changesTotal]).toEqual([1, 2]);
  });

  it('tell of each rule that does not let it through why: it is not about the device, or what its postures come to', async () => {
    const rules = (src: string[], srcPosture: string[]) => ({ ...rule('10.0.0.5:22', srcPosture), src });
    const asked = {
      groups: { 'group:ops': ['ben@example.com'] },
      acls: [
        rules(['anna@example.com'], ['posture:calm', 'posture:kiosk']),
        rules(['group:ops'], []),
        rules(['tag:laptop'], []),
      ],
      tagOwners: { 'tag:kiosk': [], 'tag:laptop': [] },
    };
    const { body } = await ask({ device: 'a', policy: written(asked) });
    expect(body.refusals).toEqual([
      {
        ...{ rule: 'acls[0]', line: 1, destinations: ['10.0.0.5:22'], reason: 'posture' },
        postures: [
          { posture: 'posture:calm', state: 'failing' },
          { posture: 'posture:kiosk', state: 'unknown' },
        ],
        message: 'acls[0] asks for one of its postures: posture:calm is failing, posture:kiosk is unknown',
      },
      {
        ...{ rule: 'acls[1]', line: 1, destinations: ['10.0.0.5:22'], reason: 'not_about_it', postures: [] },
        message: 'acls[1] is not about this device: its src selects none of user anna@example.com, tag:laptop',
      },
    ]);
    expect([body.refusalsTotal, body.rulesTotal]).toEqual([2, 3]);
    const { body: bare } = await ask({ attributes: {}, policy: written(asked) });
    expect(bare.refusals[1].message).toMatch(
      /^acls\[1\] is not about this device, which has no user, no tag and no address/,
    );
    const { body: none } = await ask({ device: 'a', policy: written({ acls: [] }) });
    expect(none).toMatchObject({ reaches: [], refusals: [], refusalsTotal: 0, rulesTotal: 0 });
  });

  it('of a text whose own tests fail are told all the same; of one with errors what is wrong with it', async () => {
    const failing = written({ tests: [{ src: 'anna@example.com', accept: ['10.0.0.5:22'] }] });
    expect((await ask({ device: 'a', policy: failing })).status).toBe(200);
    const { status, body } = await ask({ device: 'a', policy: '{ "acls": 1 }' });
    expect([status, body.errors[0]]).toEqual([400, expect.objectContaining({ line: 1, column: 11, endColumn: 12 })]);
  });

  it('of an invented device go by invented values alone', async () => {
    const { body } = await ask({ attributes: { 'fake:threats': 0 }, tags: ['kiosk'] });
    expect(body).toMatchObject({ device: null, postures: [{ state: 'passing' }] });
    expect(body.postures[0].conditions[0].parts[0]).toMatchObject({ integration: null, ageMs: 0 });
  });

  it('say of what they come to whether it rests on what is fresh, each condition and the whole', async () => {
    const postures = {
      'posture:set': ['fake:threats IS SET', "custom:room == 'B2'", 'posture:base', 'posture:ours'],
      'posture:base': ['fake:isActive IS SET'],
      'posture:ours': ['custom:room IS SET'],
    };
    const policy = written({ postures, acls: [] });
    await api.call('POST', '/api/v2/device/a/attributes/custom:room', { value: 'B2' });
    const told = async (attributes: object = {}) => {
      const { body } = await ask({ device: 'a', policy, attributes });
      expect(body.freshWithinMs).toBe(45 * minute);
      const [{ state, restsOn, conditions }] = body.postures;
      return [
        ...[state, restsOn],
        conditions.map(({ parts }: { parts: { isFresh: unknown }[] }) => parts.map(({ isFresh }) => isFresh)),
      ];
    };
    const confirmedAt = expect.any(String);
    expect(await told()).toEqual(['passing', { confirmedAt, isFresh: true }, [[true], [null], [true], [null]]]);
    world.pass(46 * minute);
    // What administrators state themselves grows no older; what is invented is as of now.
    expect(await told()).toEqual(['passing', { confirmedAt, isFresh: false }, [[false], [null], [false], [null]]]);
    const invented = await told({ 'fake:threats': 1, 'fake:isActive': true });
    expect(invented).toEqual(['passing', { confirmedAt, isFresh: true }, [[true], [null], [true], [null]]]);
    // Of the worker's clock months ago.
    const { stdout } = await runCommand(['posture', 'simulate', 'a', '--policy', fileOf(policy)], {
      DATABASE_URL: world.database.url,
    });
    expect(stdout).toMatch(/^posture:set is passing\n {2}by what was not confirmed lately: /);
  });

  it('are refused for what is not there', async () => {
    const told = async (body: object) => {
      const { status, body: answer } = await ask(body);
      return [status, answer.message];
    };
    expect(await told({ device: 'nope' })).toEqual([404, 'there is no device nope']);
    expect(await told({ device: 'a', postures: ['nope'] })).toEqual([404, 'the policy has no posture nope']);
    expect((await told({ attributes: { 'fake:nope': 1 } }))[0]).toBe(400);
    const bare = await startApi();
    const answer = await bare.call('POST', url, { attributes: {} });
    expect([answer.status, answer.body.message]).toEqual([404, expect.stringContaining('no policy is in force')]);
  });

  it('are the same by command line', async () => {
    const file = fileOf(written());
    const environment = { DATABASE_URL: world.database.url };
    const words = ['posture', 'simulate', 'a', '--policy', file, '--attribute', 'fake:threats=0'];
    const [said] = (await runCommand([...words, '--json'], environment)).json();
    const { body } = await ask({ device: 'a', policy: written(), attributes: { 'fake:threats': 0 } });
    // By the clock, which is the command's own.
    const moving = new Set(['at', 'validUntil', 'ageMs', 'confirmedAt', 'message', 'isFresh', 'restsOn']);
    const withoutTimes = (told: unknown) =>
      JSON.parse(JSON.stringify(told), (name, value) => (moving.has(name) ? null : value));
    expect(withoutTimes(said)).toEqual(withoutTimes(body));
    const { stdout } = await runCommand(words, environment);
    expect(stdout).toMatch(
      /^posture:calm is failing\n {2}passing {2}fake:threats <= 2[\s\S]*It reaches nothing\.\nNot let through by\n {2}acls\[0\] asks for a posture: posture:calm is failing \(10\.0\.0\.5:22\)/,
    );
  });
});
