// Refresh on denial: which refusals ask for fresh values, how seldom, and what becomes of a device that is back from sleep.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createDecider } from '../../src/gateway/decisions.ts';
import { startFollowing } from '../../src/gateway/follow.ts';
import { addForwardAuth } from '../../src/gateway/forward-auth.ts';
import { createRefresher, type RefresherParts, type RunningRefresher } from '../../src/gateway/refresh.ts';
import { createLog } from '../../src/log.ts';
import { applyPolicy, policyCatalogue } from '../../src/operations/policies.ts';
import type { Decision } from '../../src/posture/decide.ts';
import type { Reason } from '../../src/posture/explanations.ts';
import { createEgress } from '../../src/providers/http.ts';
import { movingAttributeNames, providerOf, providers } from '../../src/providers/registry.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { createPool } from '../../src/store/client.ts';
import { startScheduler } from '../../src/sync/scheduler.ts';
import { startService } from '../support/http.ts';
import { Relay } from '../support/relay.ts';
import { createWorld, minute, tester, type World } from '../support/world.ts';

const reason = (change: Partial<Reason> = {}): Reason => ({
  posture: 'posture:healthy',
  condition: 'fake:isActive == true',
  attribute: 'fake:isActive',
  operator: '==',
  expected: true,
  withinMs: null,
  found: false,
  unknown: null,
  integration: 'hq',
  confirmedAt: 0,
  ...change,
});

const refusal = (...reasons: Reason[]): Decision => ({
  allowed: false,
  outcome: 'posture',
  rule: null,
  posture: null,
  refusals: [
    {
      posture: 'posture:healthy',
      rule: 'acls[0]',
      description: null,
      resolution: null,
      holds: false,
      reasons,
      validUntil: null,
    },
  ],
  validUntil: null,
});

describe('a refusal', () => {
  let world: World;
  const lines: string[] = [];

  beforeEach(async () => {
    world = await createWorld();
    await world.integration('hq');
    await world.devices(...Array.from({ length: 40 }, (_, i) => ({ id: `d${i}`, serialNumbers: [`SER-${i}`] })));
    lines.length = 0;
  });

  function refresher(limits: RefresherParts['limits'] = {}, db = world.db): RunningRefresher {
    const log = createLog('info', { write: line => void lines.push(line) });
    const it = createRefresher({ db, now: world.now, log, namespaces: ['fake'], limits });
    onTestFinished(() => it.stop());
    return it;
  }

  const at = () => world.now().getTime();
  const asked = async () =>
    (await world.db.query('select target from requests order by id')).rows.map(row => row.target as string);

  it('that hangs on what a provider said over a minute ago, or never, asks for fresh values and says so', async () => {
    const it = refresher();
    const old = reason({ confirmedAt: at() - minute - 1 });
    const told = { state: 'under_way', requestedAt: world.now().toISOString() };
    expect(it.consider({ id: 'd0' }, refusal(old), at())).toEqual(told);
    expect(
      it.consider({ id: 'd1' }, refusal(reason({ confirmedAt: null, found: null, unknown: 'unset' })), at()),
    ).toEqual(told);
    const fresh = reason({ confirmedAt: at() - minute });
    expect(it.consider({ id: 'd2' }, refusal(fresh, old), at())).toEqual(told);
    expect(it.consider({ id: 'd3' }, refusal(fresh), at())).toBeNull();
    await expect.poll(asked).toEqual(['d0', 'd1', 'd2']);
  });

  it.each([
    ['for want of a rule', { ...refusal(), outcome: 'no_rule' as const, refusals: [] }],
    ['that is none', { ...refusal(), allowed: true, outcome: 'allowed' as const, refusals: [] }],
    ['because of its tags', refusal(reason({ attribute: null, operator: 'TAGGED', confirmedAt: null }))],
    ['because of what no provider says', refusal(reason({ attribute: 'custom:checked', confirmedAt: null }))],
  ])('%s asks for nothing', async (_, decision) => {
    const it = refresher();
    expect(it.consider({ id: 'd0' }, decision, at())).toBeNull();
    it.consider({ id: 'd1' }, refusal(reason()), at());
    await expect.poll(asked).toEqual(['d1']);
  });

  it('asks once a minute for a device, also where another process asked', async () => {
    const [one, other] = [refresher(), refresher()];
    for (let i = 0; i < 100; i++) one.consider({ id: 'd0' }, refusal(reason()), at());
    await expect.poll(() => one.counts().asked).toBe(1);
    other.consider({ id: 'd0' }, refusal(reason()), at());
    // It is open, so it is under way for both.
    await expect.poll(() => other.counts().asked).toBe(1);
    await world.db.query('update requests set finished_at = $1', [world.now()]);
    world.pass(11_000);
    expect(one.consider({ id: 'd0' }, refusal(reason()), at())).toBeNull();
    const third = refresher();
    third.consider({ id: 'd0' }, refusal(reason()), at());
    third.consider({ id: 'd1' }, refusal(reason()), at());
    await expect.poll(asked).toEqual(['d0', 'd1']);
    await expect.poll(() => third.consider({ id: 'd0' }, refusal(reason()), at())).toBeNull();
    world.pass(minute);
    expect(one.consider({ id: 'd0' }, refusal(reason()), at())).toMatchObject({ state: 'under_way' });
    await expect.poll(asked).toEqual(['d0', 'd1', 'd0']);
  });

  it('asks for nothing where no integration could answer', async () => {
    await world.db.query("update integrations set pause_reason = 'administrator'");
    const it = refresher();
    it.consider({ id: 'd0' }, refusal(reason()), at());
    await expect.poll(() => it.consider({ id: 'd0' }, refusal(reason()), at())).toBeNull();
    expect(await asked()).toEqual([]);
  });

  it('of very many devices at once asks for a few at a time, and counts those that it drops', async () => {
    const it = refresher({ perSecond: 100, gatherMs: 50, mostWaiting: 20 });
    for (let i = 0; i < 40; i++) it.consider({ id: `d${i}` }, refusal(reason()), at());
    expect(it.counts()).toEqual({ asked: 0, dropped: 20 });
    expect(it.consider({ id: 'd39' }, refusal(reason()), at())).toBeNull();
    await expect.poll(asked).toEqual(Array.from({ length: 20 }, (_, i) => `d${i}`));
    // Each time as many as fit into the span: five.
    const { rows } = await world.db.query('select count(*)::int as n from requests group by xmin order by 1');
    expect(rows).toEqual([{ n: 5 }, { n: 5 }, { n: 5 }, { n: 5 }]);
  });

  it('while the database is away waits for nothing, is logged once, and asks again when it is back', async () => {
    const relay = await Relay.to(world.database.url);
    const pool = createPool(relay.url, { max: 2 });
    onTestFinished(async () => {
      await pool.end();
      await relay.stop();
    });
    const it = refresher({ restMs: 10, gatherMs: 10 }, pool);
    relay.fail('refuses');
    const messages = () => lines.map(line => JSON.parse(line).msg as string);
    for (let i = 0; i < 5; i++) {
      it.consider({ id: `d${i}` }, refusal(reason()), at());
      await expect.poll(() => it.consider({ id: 'd39' }, refusal(reason()), at())).not.toBeNull();
    }
    await expect.poll(messages).toEqual(['fresh values cannot be asked for']);
    relay.heal();
    await expect
      .poll(() => {
        it.consider({ id: 'd0' }, refusal(reason()), at());
        return it.counts().asked;
      })
      .toBeGreaterThan(0);
    expect(messages()).toEqual(['fresh values cannot be asked for', 'fresh values are asked for again']);
  });
});

it('a device back from sleep is refused, refetched and allowed within 3 s, also one that was enrolled a minute ago', async () => {
  const world = await createWorld();
  const simulator = await createSimulator({ agents: 50, seed: 11 });
  onTestFinished(() => simulator.close());
  // A machine that is busy otherwise may take longer for some of them, ours would for each.
  const rounds = [1, 2, 3, 4, 5];
  const asleep = rounds.map(n => {
    return simulator.fleet.enrol({ serial: `C02XK${n}ZZJG5J`, active: false, infected: false });
  });
  await world.devices(
    ...rounds.map(n => ({ id: `sleeper-${n}`, serialNumbers: [`c02xk${n}zzjg5j`] })),
    ...rounds.map(n => ({ id: `newcomer-${n}`, serialNumbers: [`C02NEW0${n}JG5J`] })),
  );
  await world.integration('hq', {
    provider: 'sentinelone',
    settings: JSON.stringify({ url: simulator.url, requestsPerSecond: 20 }),
  });
  const log = createLog('silent', process.stderr);
  const egress = createEgress({ allowedHosts: [new URL(simulator.url).host], log });
  const settingsOf: Parameters<typeof startScheduler>[0]['settingsOf'] = ({ settings }) => ({
    ...settings,
    token: simulator.token,
  });
  const scheduler = startScheduler({
    ...world.context,
    ...{
      pool: world.db,
      egress,
      log,
      providerOf,
      settingsOf,
      concurrency: 2,
      auditRetentionMs: 400 * 24 * 60 * minute,
    },
  });
  const catalogue = policyCatalogue();
  const follower = startFollowing({ databaseUrl: world.database.url, catalogue, moving: movingAttributeNames(), log });
  const namespaces = [...providers.values()].map(provider => provider.namespace);
  const refresher = createRefresher({ db: world.db, now: world.now, log, namespaces });
  onTestFinished(async () => {
    await Promise.all([refresher.stop(), scheduler.stop(), follower.stop()]);
    egress.close();
  });
  const text =
    '{ "postures": { "posture:awake": ["sentinelOne:isActive == true"] }, "acls": [{ "action": "accept", "src": ["*"], "srcPosture": ["posture:awake"], "dst": ["*:*"] }] }';
  await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text, ifRevision: null });
  const decider = createDecider({ follower, catalogue, viewMaxAgeMs: 15 * minute, now: world.now, log, refresher });
  const identifyBy = [{ kind: 'id', header: 'x-device-id' }] as const;
  const trustedProxies = ['127.0.0.1'];
  const service = await startService({
    database: world.database,
    trustedProxies,
    routes: server => addForwardAuth(server, { decider, identifyBy, trustedProxies, log }),
  });
  const key = await service.key('gateway', ['gateway:decide']);
  const ask = (id: string) =>
    service.get('/gateway/check', { authorization: `Bearer ${key}`, 'x-device-id': id, 'x-forwarded-host': 'wiki' });
  await expect.poll(async () => (await world.row('hq')).succeededAt).not.toBeNull();
  await expect.poll(() => follower.known()?.view.device('sleeper-5')?.keys().length ?? 0).toBeGreaterThan(0);
  await expect.poll(() => follower.known()?.policy ?? null).not.toBeNull();
  world.pass(5 * minute);
  for (const { id } of asleep) simulator.fleet.change(id, { active: true });
  for (const n of rounds) simulator.fleet.enrol({ serial: `C02NEW0${n}JG5J`, active: true });
  for (const who of ['sleeper', 'newcomer']) {
    const took: number[] = [];
    for (const n of rounds) {
      const id = `${who}-${n}`;
      const begun = performance.now();
      const refused = await ask(id);
      expect(refused.status).toBe(403);
      expect(await refused.json()).toMatchObject({ outcome: 'posture', refresh: { state: 'under_way' } });
      await expect.poll(async () => (await ask(id)).status).toBe(200);
      took.push(performance.now() - begun);
    }
    expect(Math.min(...took)).toBeLessThan(3_000);
  }
  await world.verify();
  expect((await world.db.query('select from sync_runs')).rowCount).toBe(1);
});
