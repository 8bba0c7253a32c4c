// The overview: whether posture can be trusted, what it says of that, and that nothing unknown is told as fine.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Overview } from '../../src/operations/overview.ts';
import { sampleOverview } from '../../src/operations/overview-history.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { runCommand } from '../support/cli.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { inForce, openKeeper } from '../support/standings.ts';
import { createWorld, hour, minute, type World } from '../support/world.ts';

const path = '/api/v2/tailnet/-/overview';
const day = 24 * hour;
let world: World;
let api: TestApi;
let hq: FakeConsole;

const overview = async (): Promise<Overview> => {
  const { status, body } = await api.call('GET', path);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body;
};
const codes = ({ attention }: Overview) => attention.map(({ code }) => code);
const check = ({ checks }: Overview, what: string) => checks.find(each => each.what === what);
const found = ({ attention }: Overview, code: string) => attention.find(each => each.code === code);
const fleet = async (...ids: string[]) => {
  for (const id of ids) {
    await world.devices({ id, serialNumbers: [`SER-${id}`] });
    hq.set(fakeAgent(id, `SER-${id}`, { values: { 'fake:threats': 0, 'fake:isActive': true } }));
  }
};

beforeEach(async () => {
  world = await createWorld();
  api = await startApi({ database: world.database, now: world.now });
});

describe('the overview of what is not there', () => {
  it('knows nothing, and says what to do, step by step', async () => {
    const empty = await overview();
    expect(empty.verdict).toEqual({
      ...{ trust: 'not_known', because: ['no_devices'] },
      sentence: 'Not known. There are no devices: there is nothing that could have posture.',
      means: expect.stringMatching(/^Yes: at least 95 % .* No: fewer than 50 %/),
    });
    expect(codes(empty)).toEqual(
      expect.arrayContaining(['no_devices', 'no_integrations', 'no_policy', 'worker_absent']),
    );
    expect(empty.devices).toMatchObject({ total: 0, freshShare: null, without: [] });
    expect(empty.checks.filter(({ state }) => state === 'fine')).toEqual([]);

    await world.devices({ id: 'a' });
    const unconnected = await overview();
    expect(unconnected.verdict).toMatchObject({ trust: 'not_known', because: ['no_integrations'] });
    expect(check(unconnected, 'devices')).toMatchObject({ state: 'not_checked' });

    await world.integration('hq');
    const unsynced = await overview();
    expect(unsynced.verdict).toMatchObject({ trust: 'not_known', sentence: expect.stringContaining('No sync') });
    expect(found(unsynced, 'integration_never_succeeded')).toMatchObject({ severity: 'notice' });
    expect(unsynced.checks.filter(({ state }) => state === 'fine')).toEqual([]);
    expect(check(unsynced, 'integrations')).toMatchObject({ sentence: '1 integration never synced as a whole.' });
    expect(unsynced.integrations).toMatchObject([{ name: 'hq', agents: null, matchRate: null, lastSuccess: null }]);
    world.pass(hour);
    expect(found(await overview(), 'integration_never_succeeded')).toMatchObject({ severity: 'warning' });
  });
});

describe('the overview', () => {
  beforeEach(async () => {
    hq = await world.integration('hq');
    await fleet('a', 'b', 'c', 'd');
    await world.sync('hq');
  });

  it('is good only once everything was checked: a policy, a worker, and each posture judged', async () => {
    expect((await overview()).verdict).toMatchObject({ trust: 'not_known', because: ['worker_absent'] });
    const keeper = await openKeeper(world);
    expect((await overview()).verdict).toMatchObject({ trust: 'not_known', because: ['no_policy'] });
    await inForce(world, { 'posture:clean': ['fake:threats == 0'] });
    expect((await overview()).verdict).toMatchObject({ trust: 'partly', because: ['postures_waiting'] });
    await keeper.judge();
    const good = await overview();
    expect(good.verdict).toEqual({
      trust: 'yes',
      because: [],
      sentence: 'Yes. 4 devices of 4 have fresh posture (100 %).',
      means: expect.any(String),
    });
    expect(good.attention).toEqual([]);
    expect(Object.fromEntries(good.checks.map(({ what, state }) => [what, state]))).toEqual({
      ...{ devices: 'fine', integrations: 'fine', worker: 'fine', policy: 'fine' },
      // Nobody decides here, and nobody is told of troubles: that is no praise.
      ...{ decisions: 'not_checked', webhooks: 'not_checked' },
    });
    expect(good.postures).toMatchObject([{ posture: 'posture:clean', passing: 4, failing: 0, unknown: 0 }]);
    expect(good.integrations).toMatchObject([
      { name: 'hq', state: 'active', agents: 4, matched: 4, matchRate: 1, devices: 4, warnings: [] },
    ]);
  });

  it('counts devices anew once something of them was written, and not because somebody signs in to look', async () => {
    const keeper = await openKeeper(world);
    await inForce(world, { 'posture:clean': ['fake:threats == 0'] });
    await keeper.judge();
    const { countedAt } = (await overview()).devices;
    world.pass(1_000);
    expect((await api.call('POST', '/api/v2/session', { key: api.key })).status).toBe(200);
    expect((await overview()).devices.countedAt).toBe(countedAt);
    await keeper.judge();
    expect((await overview()).devices.countedAt).toBe(countedAt);
    await world.devices({ id: 'e' });
    expect((await overview()).devices).toMatchObject({ countedAt: world.now().toISOString(), total: 5 });
    await world.sync('hq');
    world.pass(1_000);
    await keeper.judge();
    expect((await overview()).devices.countedAt).toBe(world.now().toISOString());
    // Time alone makes evidence old.
    world.pass(hour);
    expect((await overview()).devices.countedAt).toBe(world.now().toISOString());
  });

  it('does not call a policy checked whose postures nobody has judged, or that has none', async () => {
    const policyOf = async () => check(await overview(), 'policy');
    const keeper = await openKeeper(world);
    await inForce(world, { 'posture:clean': ['fake:threats == 0'] });
    await keeper.judge();
    expect(await policyOf()).toMatchObject({ state: 'fine', sentence: '1 posture judged.' });
    await inForce(world, { 'posture:clean': ['fake:threats == 1'] });
    expect(await policyOf()).toMatchObject({ state: 'not_checked' });
    await keeper.judge();
    expect(await policyOf()).toMatchObject({ state: 'fine' });
    await inForce(world, {});
    await keeper.judge();
    expect(await policyOf()).toEqual({
      ...{ what: 'policy', state: 'not_checked', sentence: 'The policy in force has no postures.' },
    });
  });

  it('counts devices that have nothing by why, and calls them unknown', async () => {
    const keeper = await openKeeper(world);
    await inForce(world, { 'posture:clean': ['fake:threats == 0'] });
    await world.devices(
      { id: 'x', serialNumbers: ['SER-x'] },
      { id: 'y' },
      { id: 'z', serialNumbers: ['Default string'] },
    );
    hq.set(fakeAgent('w', 'SER-w', { values: {} }));
    await world.devices({ id: 'w', serialNumbers: ['SER-w'] });
    await world.sync('hq');
    await keeper.judge();
    const { devices, verdict } = await overview();
    expect(devices).toMatchObject({ total: 8, fresh: 4, stale: 0, none: 4, freshShare: 0.5 });
    expect(devices.without.map(({ reason, devices: n }) => [reason, n]).sort()).toEqual([
      ...[
        ['no_agent', 1],
        ['no_serial', 1],
        ['no_values', 1],
        ['placeholder_serial', 1],
      ],
    ]);
    for (const { sentence } of devices.without) expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(verdict).toMatchObject({ trust: 'partly', sentence: expect.stringContaining('Only 4 devices of 8') });
  });

  it('calls stale what was not confirmed for three sync intervals, and names the oldest evidence', async () => {
    world.pass(30 * minute);
    const lines = await overview();
    expect(lines.devices).toMatchObject({ fresh: 4, stale: 0, freshWithinMs: 45 * minute });
    world.pass(20 * minute);
    const { devices, oldestEvidence, verdict, attention } = await overview();
    expect(devices).toMatchObject({ fresh: 0, stale: 4, none: 0, freshShare: 0 });
    expect(verdict).toMatchObject({ trust: 'no', because: expect.arrayContaining(['devices_stale']) });
    const { sweptAt } = await world.row('hq');
    expect(oldestEvidence).toEqual({
      ...{ device: expect.stringMatching(/^[abcd]$/), hostname: null, confirmedAt: sweptAt?.toISOString() },
      integration: { id: 'phq', name: 'hq' },
    });
    expect(attention.find(({ code }) => code === 'devices_stale')).toMatchObject({ devices: 4 });
  });

  it('is as old as an agent that cannot be read any more, and as a value that is withheld', async () => {
    const { sweptAt } = await world.row('hq');
    hq.unreadable.add('b');
    await world.sync('hq');
    world.pass(50 * minute);
    await world.sync('hq');
    const frozen = await overview();
    expect(frozen.devices).toMatchObject({ fresh: 3, stale: 1 });
    expect(frozen.oldestEvidence).toMatchObject({ device: 'b' });
    hq.unreadable.clear();
    for (const id of ['a', 'c', 'd']) hq.set(fakeAgent(id, `SER-${id}`, { values: { 'fake:threats': 0 } }));
    await world.sync('hq');
    const held = await overview();
    expect(held.devices).toMatchObject({ fresh: 4, stale: 0 });
    expect(found(held, 'integration_held')).toMatchObject({ devices: 3, target: { type: 'integration', id: 'phq' } });
    world.pass(50 * minute);
    await world.sync('hq');
    expect((await overview()).devices).toMatchObject({ fresh: 1, stale: 3 });
    expect(new Date((await overview()).oldestEvidence?.confirmedAt ?? 0) > (sweptAt as Date)).toBe(true);
  });
});

describe('a device of several providers', () => {
  it('has fresh posture only where what each of them says was confirmed lately', async () => {
    hq = await world.integration('hq');
    await fleet('a', 'b');
    await world.sync('hq');
    await world.integration('other', { provider: 'sentinelone', swept_at: world.now() });
    await world.db.query(
      `insert into device_attributes (device_id, source, values, integration_id, agent_id, observed_at, frozen_at, revision, changed_at)
       select id, 'sentinelone', '{"sentinelOne:infected": false}', 'pother', id, $1, case id when 'b' then $1::timestamptz - interval '2 hours' end, 1, $1 from devices`,
      [world.now()],
    );
    const { devices, integrations, oldestEvidence } = await overview();
    expect(devices).toMatchObject({ total: 2, fresh: 1, stale: 1, none: 0 });
    expect(integrations.map(({ name, devices: n }) => [name, n])).toEqual([
      ...[
        ['hq', 2],
        ['other', 2],
      ],
    ]);
    expect(oldestEvidence).toMatchObject({ device: 'b', integration: { name: 'other' } });
  });
});

describe('what needs attention', () => {
  beforeEach(async () => {
    hq = await world.integration('hq');
    await fleet('a', 'b', 'c', 'd');
    await world.sync('hq');
  });

  const set = async (columns: string) => await world.db.query(`update integrations set ${columns}`);
  const until = new Date('2026-03-02T00:00:00Z');

  it.each([
    [
      "pause_reason = 'auth', paused_until = '2026-03-02'",
      'integration_paused',
      'critical',
      'until 2026-03-02T00:00:00Z: its credentials',
    ],
    [
      "pause_reason = 'permission', paused_until = '2026-03-02'",
      'integration_paused',
      'critical',
      'may not read agents',
    ],
    ["pause_reason = 'administrator'", 'integration_paused_by_hand', 'warning', 'paused by hand'],
    ["pause_reason = 'unsupported'", 'integration_unsupported', 'critical', 'gives no protection'],
    ["held_since = '2026-03-01', held_devices = 1200", 'integration_held', 'warning', '1,200 devices'],
    [
      'failing_since = \'2026-03-01\', error = \'{"kind":"unavailable","message":"it is away","status":503,"code":null,"requestId":null}\'',
      'integration_failing',
      'critical',
      'it is away',
    ],
    ["next_sync_at = '2026-02-28'", null, null, null],
    ["token_expires_at = '2026-03-05'", 'token_expires', 'warning', 'the token expires in 3 days'],
    ["token_expires_at = '2026-02-28'", 'token_expired', 'critical', 'the token has expired'],
    ["token_expires_at = '2026-03-20'", null, null, null],
    ["swept_at = '2026-02-27'", 'evidence_ends', 'warning', 'all values end in'],
  ])('tells of an integration with %s', async (columns, code, severity, message) => {
    await set(columns);
    const { attention, integrations } = await overview();
    const its = attention.filter(({ target }) => target.type === 'integration');
    if (code === null) return expect(its).toEqual([]);
    expect(its).toEqual([expect.objectContaining({ code, severity, message: expect.stringContaining(message ?? '') })]);
    expect(its[0]).toMatchObject({ target: { id: 'phq', name: 'hq' }, action: expect.stringMatching(/\.$/) });
    expect(integrations[0]?.warnings).toEqual([its[0]?.message]);
    if (code === 'integration_paused') expect(its[0]?.until).toBe(until.toISOString());
  });

  it('tells that an integration is due and nobody syncs it, where there is a worker', async () => {
    await openKeeper(world);
    await set(`next_sync_at = '${new Date(world.now().getTime() - minute).toISOString()}'`);
    expect(codes(await overview())).not.toContain('integration_overdue');
    world.pass(5 * minute);
    expect(found(await overview(), 'integration_overdue')).toMatchObject({ severity: 'warning' });
  });

  it('tells when somebody paused it', async () => {
    const answer = await api.call('POST', '/api/v2/posture/integrations/phq/pause');
    expect(answer.status).toBe(200);
    expect(found(await overview(), 'integration_paused_by_hand')).toMatchObject({ since: world.now().toISOString() });
  });

  it('tells that fewer agents match than a week before, and compares a young integration with its first sync', async () => {
    for (const id of ['e', 'f']) hq.set(fakeAgent(id, `SER-${id}`));
    await world.sync('hq');
    const fallen = found(await overview(), 'match_rate_fallen');
    expect(fallen?.message).toContain('66.6 % of its agents match a device, after 100 %');
    // A week later it is what it was a week before.
    world.pass(8 * day);
    await world.sync('hq');
    expect(codes(await overview())).not.toContain('match_rate_fallen');
  });

  it('tells that identity collection is off, and what postures ask for in vain', async () => {
    await inForce(world, { 'posture:clean': ['fake:threats == 0'] });
    await api.call('PATCH', '/api/v2/tailnet/-/settings', { postureIdentityCollectionOn: false });
    await openKeeper(world);
    const off = await overview();
    expect(found(off, 'identity_collection_off')).toMatchObject({
      ...{ severity: 'critical', message: expect.stringContaining('fake:threats') },
    });
    expect(off.verdict).toMatchObject({ trust: 'no', because: ['identity_collection_off'] });
    expect(off.devices.without).toMatchObject([{ reason: 'identity_collection_off', devices: 4 }]);
  });

  it('tells of webhooks that fail or were disabled, to those who may read webhooks', async () => {
    for (const name of ['gone', 'ours', 'slow'])
      await api.call('POST', '/api/v2/tailnet/-/webhooks', { name, endpointUrl: `https://hooks.example.com/${name}` });
    await world.db.query(
      `update webhooks set disabled_at = case when name <> 'slow' then $1::timestamptz end, failing_since = case when name = 'slow' then $1::timestamptz end,
         disabled_reason = case name when 'gone' then 'failing' when 'ours' then 'administrator' end`,
      [world.now()],
    );
    const told = (await overview()).attention.filter(({ target }) => target.type === 'webhook');
    expect(told.map(({ code, target }) => [code, target.name])).toEqual([
      ...[
        ['webhook_disabled', 'gone'],
        ['webhook_failing', 'slow'],
      ],
    ]);
    expect(check(await overview(), 'webhooks')).toMatchObject({ state: 'attention' });
    await world.db.query("delete from webhooks where name <> 'ours'");
    expect(check(await overview(), 'webhooks')).toEqual({
      ...{ what: 'webhooks', state: 'not_checked', sentence: 'All webhooks are disabled: nobody is told of troubles.' },
    });
    const key = await api.keyFor('feature_settings:read', 'devices:posture_attributes:read');
    const { body } = await api.call('GET', path, undefined, { key });
    expect(body.attention.filter(({ target }: { target: { type: string } }) => target.type === 'webhook')).toEqual([]);
    expect(body.checks).toContainEqual({
      ...{ what: 'webhooks', state: 'not_checked', sentence: 'Not seen: that needs the scope webhooks:read.' },
    });
  });

  it('tells how old what decisions rest on is, and that all deny once it is too old', async () => {
    let ageMs = 1_000;
    const viewed = { attributesOf: () => null, ageMs: () => ageMs };
    api = await startApi({ database: world.database, now: world.now, viewed, key: api.key });
    expect((await overview()).checks).toContainEqual(expect.objectContaining({ what: 'decisions', state: 'fine' }));
    ageMs = 5 * minute;
    expect(found(await overview(), 'view_old')).toMatchObject({ severity: 'warning' });
    ageMs = hour;
    const old = await overview();
    expect(found(old, 'view_stale')).toMatchObject({ severity: 'critical' });
    expect(old.verdict).toMatchObject({ trust: 'no', because: ['view_stale'] });
  });
});

describe('the overview by command', () => {
  it('says the same, and what to do, in words', async () => {
    await world.integration('hq');
    const said = await runCommand(['overview'], { DATABASE_URL: world.database.url });
    expect(said.stdout).toContain('Not known. There are no devices');
    expect(said.stdout).toContain('CRITICAL: No policy is in force');
    await sampleOverview({ db: world.db, now: () => new Date() }, 15 * minute);
    const history = await runCommand(['overview', '--history', '24h'], { DATABASE_URL: world.database.url });
    expect(history.stdout.split('\n')).toHaveLength(3);
  });
});
