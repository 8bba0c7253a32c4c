// `GET /metrics`: what it tells after syncs, to whom, and what of it while the database is away.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it, onTestFinished, test } from 'vitest';
import { type MetricSpec, metricCatalogue } from '../../src/api/metric-catalogue.ts';
import { addMetrics, createFiguresReader, type FiguresOptions } from '../../src/api/metrics.ts';
import { createDecider } from '../../src/gateway/decisions.ts';
import { createLog } from '../../src/log.ts';
import { createWebhook, disableWebhook, testWebhook } from '../../src/operations/webhooks.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { agentReasons } from '../../src/posture/reasons.ts';
import { createEgress } from '../../src/providers/http.ts';
import { type Exposed, readExposition } from '../support/exposition.ts';
import { type FakeConsole, fakeAgent, fakeAttributes } from '../support/fake-provider.ts';
import { startService, type TestService } from '../support/http.ts';
import { answered, askByHand, startWorkers } from '../support/refetching.ts';
import '../support/registered.ts';
import { keys } from '../support/receiver.ts';
import { Relay } from '../support/relay.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const log = createLog('fatal', { write: () => {} });

async function serve(world: World, options: Partial<FiguresOptions> = {}): Promise<TestService> {
  const figures = createFiguresReader({
    databaseUrl: world.database.url,
    log,
    keptMs: 0,
    withinMs: 60_000,
    ...options,
  });
  onTestFinished(() => figures.stop());
  const follower = { known: () => null, ageMs: () => 1_500 };
  const catalogue = createCatalogue(fakeAttributes, null);
  const decider = createDecider({ follower, catalogue, viewMaxAgeMs: 15 * minute, now: world.now, log });
  const service: TestService = await startService({
    database: world.database,
    routes(server) {
      server.get('/decide/:what', { config: { scope: 'gateway:decide' } }, async () => {
        return decider.decide({ identities: [], by: { postures: [] }, route: '', callerId: null }).outcome;
      });
      addMetrics(server, {
        figures,
        now: world.now,
        counted: () => ({
          view: { ageMs: follower.ageMs(), maxAgeMs: 15 * minute, devices: 3, revision: 7 },
          decisions: decider.outcomes(),
          refusals: service.refusals.counts(),
          feedReaders: 2,
        }),
      });
    },
  });
  return service;
}

async function scrape(service: TestService, key: string): Promise<Exposed['samples']> {
  const response = await service.as(key, '/metrics');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return readExposition(await response.text()).samples;
}

/** The series of a metric that are not 0, by their labels but the integration. */
function nonZero(samples: Exposed['samples'], metric: string): Record<string, number> {
  const its = [...samples].filter(([series, value]) => series.startsWith(`${metric}{`) && value !== 0);
  return Object.fromEntries(
    its.map(([series, value]) => [/\{(?:integration="\w+",)?(.*)\}/.exec(series)?.[1] ?? '', value]),
  );
}

async function addWebhook({ db, now }: World, name: string): Promise<void> {
  const request = { db, now, actor: tester, keys, allowedHosts: [] };
  await createWebhook(request, { name, url: 'https://hooks.example.com', notices: ['integration.paused'] });
}

describe('metrics', () => {
  let world: World;
  let console: FakeConsole;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    await world.devices(...['a', 'b', 'c'].map(id => ({ id, serialNumbers: [`SER-${id}`] })));
    console.set(fakeAgent('1', 'SER-a'), fakeAgent('2', 'SER-b'), fakeAgent('3', 'SER-x'), fakeAgent('4', null));
  });

  it('tell of matched and unmatched agents, attributes, runs and ages as they are after a sync', async () => {
    const service = await serve(world);
    const key = await service.key('prometheus', ['metrics:read']);
    const before = await scrape(service, key);
    expect(before.get('posture_sync_last_success_age_seconds{integration="hq"}')).toBe(0);
    expect(before.get('posture_sync_runs_total{integration="hq",outcome="succeeded"}')).toBe(0);
    for (const metric of ['agents', 'oldest_evidence_age_seconds', 'evidence_expires_in_seconds'])
      expect(before.has(`posture_sync_${metric}{integration="hq"}`)).toBe(false);

    await world.sync('hq');
    world.pass(5 * minute);
    const after = await scrape(service, key);
    const of = (metric: string) => after.get(`posture_sync_${metric}{integration="hq"}`);
    expect([of('agents'), of('agents_matched'), of('held_devices')]).toEqual([4, 2, 0]);
    expect(nonZero(after, 'posture_sync_agents_unmatched')).toEqual({
      'reason="no_device"': 1,
      'reason="no_serial"': 1,
    });
    expect(nonZero(after, 'posture_sync_attributes_total')).toEqual({ 'change="set"': 6 });
    expect(nonZero(after, 'posture_sync_runs_total')).toEqual({ 'outcome="succeeded"': 1 });
    expect(nonZero(after, 'posture_sync_integration_state')).toEqual({ 'state="active"': 1 });
    expect(nonZero(after, 'posture_sync_integration_info')).toEqual({ 'provider="fake"': 1 });
    expect([of('last_success_age_seconds'), of('oldest_evidence_age_seconds')]).toEqual([300, 300]);
    expect(of('evidence_expires_in_seconds')).toBe((72 * hour - 5 * minute) / 1_000);
    expect(of('last_run_duration_seconds')).toBeGreaterThan(0);
    const { rows } = await world.db.query('select revision from head');
    expect(after.get('posture_sync_revision')).toBe(rows[0].revision);
    expect(after.get('posture_sync_database_up')).toBe(1);
  });

  it('tell what later runs changed, why they failed, and what an unreadable agent makes of the evidence', async () => {
    const service = await serve(world);
    const key = await service.key('prometheus', ['metrics:read']);
    await world.sync('hq');
    console.set(fakeAgent('1', 'SER-a', { values: { 'fake:threats': 2 } }));
    console.unreadable.add('2');
    await world.sync('hq');
    console.agents.delete('3');
    await world.sync('hq');
    console.fail = { page: 0, kind: 'auth' };
    await world.sync('hq');
    const samples = await scrape(service, key);
    expect(nonZero(samples, 'posture_sync_attributes_total')).toEqual({
      'change="set"': 6,
      'change="changed"': 1,
      'change="removed"': 2,
    });
    expect(nonZero(samples, 'posture_sync_runs_total')).toEqual({ 'outcome="succeeded"': 3, 'outcome="failed"': 1 });
    expect(nonZero(samples, 'posture_sync_integration_state')).toEqual({ 'state="paused"': 1 });
    // Gone is a reason, and no agent that the provider has. What a run that saw nothing leaves as it was is told on.
    expect(nonZero(samples, 'posture_sync_agents_unmatched')).toMatchObject({ 'reason="gone"': 1 });
    expect(samples.get('posture_sync_agents{integration="hq"}')).toBe(3);
    // The unreadable agent was confirmed by the first sweep alone, three minutes ago.
    expect(samples.get('posture_sync_oldest_evidence_age_seconds{integration="hq"}')).toBe(180);
    expect(samples.get('posture_sync_last_success_age_seconds{integration="hq"}')).toBe(60);
  });

  it('tell every request to a provider by what came of it, whichever process made it, also of refetches', async () => {
    // Through the real way out, where the fake provider has none. What is posted is not repeated.
    const fake = world.context.providerOf('fake');
    world.context.providerOf = () => ({
      ...fake,
      async *agents(settings, query, context) {
        for (const path of ['/one', '/two'])
          await context.http.request({ path, headers: {}, method: 'POST', json: {} }, context.signal);
        return yield* fake.agents(settings, query, context);
      },
    });
    const statuses = [200, 429, 200, 503];
    const provider = http.createServer((_, response) => void response.writeHead(statuses.shift() ?? 500).end('{}'));
    await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
    const egress = createEgress({ allowedHosts: ['127.0.0.1'], log });
    onTestFinished(() => {
      egress.close();
      provider.close();
    });
    Object.assign(world.context, { egress });
    const url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
    await world.db.query("update integrations set settings = settings || jsonb_build_object('url', $1::text)", [url]);
    expect(await world.sync('hq')).toMatchObject({ outcome: 'succeeded' });
    startWorkers(world);
    console.set(fakeAgent('1', 'SER-a', { values: { 'fake:threats': 2 } }));
    world.pass(minute);
    expect(await answered(world, await askByHand(world, 'a'))).toMatchObject({ state: 'done', error: null });
    expect(statuses).toEqual([]);
    const service = await serve(world);
    const key = await service.key('prometheus', ['metrics:read']);
    const samples = await scrape(service, key);
    expect(nonZero(samples, 'posture_sync_provider_requests_total')).toEqual({
      'outcome="ok"': 2,
      'outcome="throttled"': 1,
      'outcome="unavailable"': 1,
    });
    expect(nonZero(samples, 'posture_sync_attributes_total')).toMatchObject({ 'change="changed"': 1 });
    expect(samples.has('posture_sync_provider_requests_total{integration="hq",outcome="auth"}')).toBe(true);
  });

  it('tell how old the oldest notice is that waits for a webhook, and nothing of a disabled one', async () => {
    const request = { db: world.db, now: world.now, actor: tester };
    for (const name of ['siem', 'pager', 'off']) await addWebhook(world, name);
    await testWebhook(request, 'siem');
    world.pass(90_000);
    await testWebhook(request, 'siem');
    await disableWebhook(request, 'off');
    const service = await serve(world);
    const samples = await scrape(service, await service.key('prometheus', ['metrics:read']));
    const lags = [...samples].filter(([series]) => series.startsWith('posture_sync_webhook_lag_seconds'));
    expect(Object.fromEntries(lags)).toEqual({
      'posture_sync_webhook_lag_seconds{webhook="pager"}': 0,
      'posture_sync_webhook_lag_seconds{webhook="siem"}': 90,
    });
  });

  it('need their scope: 401 without a key, 403 with another one', async () => {
    const service = await serve(world);
    expect((await service.get('/metrics')).status).toBe(401);
    const other = await service.as(await service.key('gateway', ['gateway:decide']), '/metrics');
    expect([other.status, await other.json()]).toEqual([403, { message: 'the key lacks the scope "metrics:read"' }]);
    const samples = await scrape(service, await service.key('reader', ['all:read']));
    expect(nonZero(samples, 'posture_sync_http_refusals_total')).toMatchObject({
      'reason="missing"': 1,
      'reason="scope"': 1,
    });
  });

  it.each(['refuses', 'hangs'] as const)(
    'tell what the process knows while the database %s, and all of it afterwards',
    async how => {
      await world.sync('hq');
      const relay = await Relay.to(world.database.url);
      onTestFinished(() => relay.stop());
      const service = await serve(world, { databaseUrl: relay.url, withinMs: 1_000 });
      const key = await service.key('prometheus', ['metrics:read']);
      // A busy database may take longer than this process waits for it.
      await expect.poll(async () => (await scrape(service, key)).has('posture_sync_revision')).toBe(true);
      relay.fail(how);
      const away = await scrape(service, key);
      expect(away.get('posture_sync_database_up')).toBe(0);
      expect(away.get('posture_sync_view_age_seconds')).toBe(1.5);
      const known = Object.entries<MetricSpec>(metricCatalogue).filter(([, { of }]) => of === 'database');
      expect([...away.keys()].filter(series => known.some(([name]) => series.split('{')[0] === name))).toEqual([]);
      relay.heal();
      await expect.poll(async () => (await scrape(service, key)).get('posture_sync_database_up')).toBe(1);
    },
  );

  it('cost the database one look in a while, however often they are scraped', async () => {
    const service = await serve(world, { keptMs: minute });
    const key = await service.key('prometheus', ['metrics:read']);
    const [first] = await Promise.all([scrape(service, key), scrape(service, key)]);
    await world.sync('hq');
    world.pass(5 * minute);
    const again = await scrape(service, key);
    expect(again.get('posture_sync_revision')).toBe(first?.get('posture_sync_revision'));
    // Ages are reckoned at each scrape all the same.
    expect(again.get('posture_sync_last_success_age_seconds{integration="hq"}')).toBe(360);
  });

  it('count answers by pattern of the route, decisions by outcome, and name nothing that a client chose', async () => {
    const service = await serve(world);
    const key = await service.key('both', ['metrics:read', 'gateway:decide']);
    for (const what of ['x', 'y']) await service.as(key, `/decide/${what}`);
    await service.as(key, '/nowhere/at/all');
    const samples = await scrape(service, key);
    const count = 'posture_sync_http_request_duration_seconds_count';
    expect(nonZero(samples, count)).toMatchObject({
      'route="/decide/:what",method="GET",status="2xx"': 2,
      'route="none",method="GET",status="4xx"': 1,
    });
    expect(nonZero(samples, 'posture_sync_decisions_total')).toEqual({ 'outcome="view_loading"': 2 });
    expect([...samples.keys()].join('\n')).not.toContain('nowhere');
    const bucket = (le: string) =>
      samples.get(`${count.replace('count', 'bucket')}{route="/decide/:what",method="GET",status="2xx",le="${le}"}`);
    expect(bucket('+Inf')).toBe(2);
    expect(bucket('0.0005')).toBeLessThanOrEqual(bucket('5') ?? 0);
  });

  it('have names, kinds and labels as the catalogue says, and all that it has', async () => {
    await addWebhook(world, 'siem');
    await world.sync('hq');
    await world.db.query(
      "insert into standings_progress (revision, is_policy_readable, swept, waiting, at) values (1, true, '{}', 0, $1)",
      [world.now()],
    );
    await world.db.query("insert into tailnet_import (url, since, attempted_at) values ('https://x.example', $1, $1)", [
      world.now(),
    ]);
    await world.db.query('update integrations set token_expires_at = $1, name = $2', [world.now(), 'a "b"\\\n']);
    const service = await serve(world);
    const key = await service.key('prometheus', ['metrics:read']);
    // So that there is an answer to be told of.
    await scrape(service, key);
    const text = await (await service.as(key, '/metrics')).text();
    expect(text).toContain('posture_sync_agents{integration="a \\"b\\"\\\\\\n"} 4');
    const { types, samples } = readExposition(text);
    const told = Object.entries<MetricSpec>(metricCatalogue).map(([name, { type }]) => [name, type]);
    expect([...types].toSorted()).toEqual(told.toSorted());
    for (const series of samples.keys()) {
      const name = (series.split('{')[0] ?? '').replace(/(duration_seconds)_(bucket|sum|count)$/, '$1');
      const labels = [...series.matchAll(/[{,](\w+)="/g)].map(([, label]) => label).filter(label => label !== 'le');
      const spec: MetricSpec | undefined = Object.entries(metricCatalogue).find(([known]) => known === name)?.[1];
      expect([series, labels.toSorted()]).toEqual([series, [...(spec?.labels ?? [])].toSorted()]);
    }
    for (const reason of Object.keys(agentReasons)) expect(text).toContain(`reason="${reason}"`);
  });
});

test('names follow the conventions: counters end in _total, base units, one prefix but for what every process has', () => {
  for (const [name, { type, about }] of Object.entries<MetricSpec>(metricCatalogue)) {
    expect(name).toMatch(/^(posture_sync|process)_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|hours|days)(_|$)/);
    expect(about).toMatch(/^[A-Z1].*\.$/);
  }
});
