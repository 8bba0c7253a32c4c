// What may be done with integrations, on real PostgreSQL against the simulated console: what is stored, sealed, audited and
// derived.
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { readAudit, verifyAll } from '../../src/operations/audit.ts';
import { importDevices } from '../../src/operations/device-import.ts';
import { bindAgent } from '../../src/operations/devices.ts';
import { acceptLosses, pauseIntegration, resumeIntegration } from '../../src/operations/integration-states.ts';
import { testIntegration } from '../../src/operations/integration-test.ts';
import { showIntegration } from '../../src/operations/integration-view.ts';
import {
  addIntegration,
  type NewIntegration,
  openSettings,
  removeIntegration,
  type SettingsRequest,
  theIntegration,
  updateIntegration,
} from '../../src/operations/integrations.ts';
import { commandLineUser } from '../../src/posture/events.ts';
import { createEgress, type Egress } from '../../src/providers/http.ts';
import { providerOf } from '../../src/providers/registry.ts';
import { inventory } from '../../src/simulator/inventory.ts';
import { createSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import type { SecretKeys } from '../../src/store/secrets.ts';
import type { SyncContext } from '../../src/sync/context.ts';
import { runSync } from '../../src/sync/run.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const simulator: Simulator = await createSimulator({ agents: 60, seed: 7, requestsPerSecond: null });
const allowedHosts = [new URL(simulator.url).host];
const keys: SecretKeys = [{ id: 'k1', key: Buffer.alloc(32, 1) }];
const hour = 3_600_000;
const log = createLog('silent');
const egress: Egress = createEgress({ allowedHosts, log, unauthorizedRepeatMs: 1, retries: { baseMs: 1 } });

let database: TestDatabase;
let at: number;
let request: SettingsRequest;
const now = () => new Date(at);

beforeEach(async () => {
  database = await freshDatabase();
  simulator.clearFaults();
  at = Date.parse('2026-11-20T16:00:00Z');
  request = { db: database.pool, now, actor: commandLineUser('anna'), keys, allowedHosts };
});

afterAll(async () => {
  egress.close();
  await simulator.close();
});

const pass = (ms: number) => {
  at += ms;
};

function hq(changes: Partial<NewIntegration> = {}): NewIntegration {
  return { name: 'hq', provider: 'sentinelone', settings: { url: simulator.url, token: simulator.token }, ...changes };
}

const context = (): SyncContext => ({
  databaseUrl: database.url,
  egress,
  providerOf,
  settingsOf: openSettings(keys),
  now,
  log,
  worker: 'test',
  syncIntervalMs: hour / 4,
  authPauseMs: 24 * hour,
});

async function sync(name = 'hq') {
  pass(60_000);
  const { id } = await theIntegration(database.pool, name);
  return await runSync(context(), id, { signal: new AbortController().signal });
}

async function importInventory() {
  await importDevices(
    request,
    inventory(simulator.fleet).map((record, line) => ({ line, record })),
  );
}

async function events(prefix = 'TAILNET') {
  const found: { event: string; old?: unknown; new?: unknown }[] = [];
  for await (const entry of readAudit(database.pool, { events: [prefix] })) found.push(entry);
  return found;
}

async function revision(): Promise<number> {
  return (await database.pool.query('select revision from head')).rows[0].revision;
}

describe('adding', () => {
  test('stores settings with defaults, seals the token, and makes it due at once', async () => {
    const added = await addIntegration(request, hq());
    expect(added).toMatchObject({
      name: 'hq',
      settings: { url: simulator.url, requestsPerSecond: 20 },
      expireAfterMs: 72 * hour,
      holdFloor: 2,
      holdShare: 0.2,
      secretKeyId: 'k1',
      settingsVersion: 1,
    });
    expect(added.id).toMatch(/^p[1-9A-HJ-NP-Za-km-z]{16}$/);
    expect(added.nextSyncAt.getTime()).toBeLessThanOrEqual(at);
    expect(added.secret.includes(simulator.token)).toBe(false);
    expect(await openSettings(keys)(added)).toEqual({
      url: simulator.url,
      requestsPerSecond: 20,
      token: simulator.token,
    });
  });

  test('is one event without the token', async () => {
    await addIntegration(request, hq({ expireAfterMs: null, holdFloor: 5, holdShare: 0.5 }));
    const [event, ...others] = await events();
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      event: 'TAILNET.CREATE.POSTURE_INTEGRATION',
      actor: { id: 'cli:anna' },
      new: {
        name: 'hq',
        provider: 'sentinelone',
        url: simulator.url,
        expireAfter: 'off',
        holdFloor: 5,
        holdShare: 0.5,
      },
    });
    expect(JSON.stringify(event)).not.toContain(simulator.token);
  });

  test('a taken name is a conflict, also when two take it at once', async () => {
    const results = await Promise.allSettled([addIntegration(request, hq()), addIntegration(request, hq())]);
    const [refused] = results.filter(result => result.status === 'rejected');
    expect(results.filter(result => result.status === 'fulfilled')).toHaveLength(1);
    expect(refused?.reason).toMatchObject({ code: 'conflict' });
    await expect(addIntegration(request, hq())).rejects.toMatchObject({ code: 'conflict' });
    expect(await revision()).toBe(1);
  });

  test.each<[string, Partial<NewIntegration>, string]>([
    ['a name that would not fit in a line', { name: 'a\nb' }, 'name:'],
    ['an unknown provider', { provider: 'nope' }, 'there is no provider "nope"'],
    ['settings without a token', { settings: { url: 'example.sentinelone.net' } }, 'token:'],
    [
      'a private address',
      { settings: { url: 'https://10.0.0.1', token: 'any-token-of-the-console' } },
      'PROVIDER_ALLOWED_HOSTS',
    ],
    [
      'plain http',
      { settings: { url: 'http://example.sentinelone.net', token: 'any-token-of-the-console' } },
      'http is refused',
    ],
    ['a lifetime that is too short', { expireAfterMs: 5 }, 'expireAfter'],
    ['a share above one', { holdShare: 1.5 }, 'holdShare'],
  ])('%s is refused, and nothing is written', async (_, changes, told) => {
    await expect(addIntegration(request, hq(changes))).rejects.toThrow(told);
    expect(await revision()).toBe(0);
  });
});

describe('updating', () => {
  test('what is absent stays; nothing changed is no event and no revision', async () => {
    await addIntegration(request, hq());
    const before = await revision();
    for (const changes of [
      {},
      { settings: {} },
      { name: 'hq' },
      { holdFloor: 2 },
      { settings: { token: simulator.token } },
    ]) {
      expect((await updateIntegration(request, 'hq', changes)).changed).toEqual([]);
    }
    expect(await revision()).toBe(before);
  });

  test('new settings are tried at once, stop a running sync, end a pause and forget what was accepted', async () => {
    await addIntegration(request, hq());
    const { id } = await theIntegration(database.pool, 'hq');
    await database.pool.query(
      "update integrations set pause_reason = 'auth', paused_until = $2, next_sync_at = $2, accepted_losses = 3, accepted_until = $2 where id = $1",
      [id, new Date(at + 24 * hour)],
    );
    pass(hour);
    const result = await updateIntegration(request, 'hq', { settings: { token: 'another-token-of-the-console' } });
    expect(result).toMatchObject({ changed: ['secretChanged'], resumed: true });
    expect(result.integration).toMatchObject({
      settingsVersion: 2,
      pauseReason: null,
      pausedUntil: null,
      acceptedLosses: null,
      nextSyncAt: new Date(at),
      configUpdatedAt: new Date(at),
    });
    expect((await openSettings(keys)(result.integration)).token).toBe('another-token-of-the-console');
    const told = (await events()).slice(1);
    expect(told.map(event => event.event)).toEqual([
      'TAILNET.UPDATE.POSTURE_INTEGRATION',
      'TAILNET.RESUME.POSTURE_INTEGRATION',
    ]);
    expect(told[0]).toMatchObject({ old: {}, new: { secretChanged: true } });
    expect(JSON.stringify(told)).not.toContain('another-token-of-the-console');
  });

  test('the event holds just what differs', async () => {
    await addIntegration(request, hq());
    await updateIntegration(request, 'hq', { name: 'head office', holdShare: 0.3, settings: { siteIds: ['1', '2'] } });
    expect((await events()).at(-1)).toMatchObject({
      old: { name: 'hq', holdShare: 0.2, siteIds: null },
      new: { name: 'head office', holdShare: 0.3, siteIds: ['1', '2'] },
    });
    await updateIntegration(request, 'head office', { settings: { siteIds: null } });
    expect((await theIntegration(database.pool, 'head office')).settings).toEqual({
      url: simulator.url,
      requestsPerSecond: 20,
    });
  });

  test('the token goes to no other host than it was given for', async () => {
    await addIntegration(request, hq());
    const elsewhere = 'https://elsewhere.sentinelone.net';
    const sentence = 'must be given too';
    await expect(updateIntegration(request, 'hq', { settings: { url: elsewhere } })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(sentence),
    });
    const otherPort = new URL(simulator.url);
    otherPort.port = '9';
    const allowed = { ...request, allowedHosts: [...allowedHosts, otherPort.host] };
    await expect(updateIntegration(allowed, 'hq', { settings: { url: otherPort.href } })).rejects.toThrow(sentence);
    expect(await revision()).toBe(1);
    expect((await updateIntegration(request, 'hq', { settings: { url: `${simulator.url}/` } })).changed).toEqual([]);
    const { integration } = await updateIntegration(request, 'hq', {
      settings: { url: elsewhere, token: 'token-of-the-others' },
    });
    expect(await openSettings(keys)(integration)).toMatchObject({ url: elsewhere, token: 'token-of-the-others' });
  });

  test('a limit alone ends no pause', async () => {
    await addIntegration(request, hq());
    await pauseIntegration(request, 'hq');
    const { integration, resumed } = await updateIntegration(request, 'hq', { holdFloor: 9 });
    expect(integration).toMatchObject({ pauseReason: 'administrator', holdFloor: 9, settingsVersion: 1 });
    expect(resumed).toBe(false);
  });

  test('a new token is the way out when the key was lost', async () => {
    await addIntegration(request, hq());
    const others: SecretKeys = [{ id: 'k2', key: Buffer.alloc(32, 2) }];
    const found = await theIntegration(database.pool, 'hq');
    await expect(openSettings(others)(found)).rejects.toThrow('SECRET_KEYS does not have');
    await updateIntegration({ ...request, keys: others }, 'hq', { settings: { token: 'a-fresh-token-of-hq' } });
    expect((await openSettings(others)(await theIntegration(database.pool, 'hq'))).token).toBe('a-fresh-token-of-hq');
  });

  test('a run with the old settings writes nothing', async () => {
    await addIntegration(request, hq());
    const { id } = await theIntegration(database.pool, 'hq');
    const result = await runSync(context(), id, {
      signal: new AbortController().signal,
      reached: async point => {
        if (point === 'before head') await updateIntegration(request, 'hq', { settings: { requestsPerSecond: 3 } });
      },
    });
    expect(result?.outcome).toBe('abandoned');
    expect((await database.pool.query('select count(*)::int as n from agents')).rows[0].n).toBe(0);
  });

  test('another lifetime of values counts at once, and verify agrees', async () => {
    await importInventory();
    await addIntegration(request, hq());
    await sync();
    simulator.setFault('error-503');
    pass(5 * hour);
    await sync();
    expect(await withValues()).toBeGreaterThan(10);
    await updateIntegration(request, 'hq', { expireAfterMs: 4 * hour });
    expect(await withValues()).toBe(0);
    expect(await verifyAll(database.pool)).toEqual([]);
    await updateIntegration(request, 'hq', { expireAfterMs: null });
    expect(await withValues()).toBeGreaterThan(10);
    expect(await verifyAll(database.pool)).toEqual([]);
  });
});

async function withValues(): Promise<number> {
  const { rows } = await database.pool.query("select count(*)::int as n from device_attributes where values <> '{}'");
  return rows[0].n;
}

describe('removing', () => {
  test('says beforehand how many devices lose values, then takes agents and values, with events', async () => {
    await importInventory();
    await addIntegration(request, hq());
    await sync();
    const count = await withValues();
    const planned = await removeIntegration(request, 'hq', true);
    expect(planned).toMatchObject({ integration: 'hq', devices: count, dryRun: true });
    expect(await withValues()).toBe(count);
    expect(await removeIntegration(request, 'hq', false)).toEqual({ ...planned, dryRun: false });
    expect(await withValues()).toBe(0);
    expect((await database.pool.query('select count(*)::int as n from agents')).rows[0].n).toBe(0);
    expect(await events('NODE.DELETE.ATTRIBUTES')).toHaveLength(count);
    expect((await events()).at(-1)?.event).toBe('TAILNET.DELETE.POSTURE_INTEGRATION');
    expect(await verifyAll(database.pool)).toEqual([]);
    await expect(theIntegration(database.pool, 'hq')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('tells what was bound by hand, and a binding that moves is told of both devices', async () => {
    await addIntegration(request, hq());
    await sync();
    await importDevices(request, [
      { line: 1, record: { id: 'd1' } },
      { line: 2, record: { id: 'd2' } },
    ]);
    const agent = (await database.pool.query('select min(agent_id) as id from agents')).rows[0].id;
    await bindAgent(request, 'd1', agent);
    await bindAgent(request, 'd2', agent);
    const on = (device: string) => ({ device, agent, integration: 'hq' });
    expect(await events('NODE.BIND')).toMatchObject([
      { target: { id: 'd1' }, new: on('d1') },
      { target: { id: 'd1' }, old: on('d1'), new: on('d2') },
      { target: { id: 'd2' }, old: on('d1'), new: on('d2') },
    ]);
    await removeIntegration(request, 'hq', false);
    expect((await events()).at(-1)).toMatchObject({ old: { bindings: [{ agent, device: 'd2' }] } });
  });

  test('devices that another integration knows too keep their values', async () => {
    await importInventory();
    await addIntegration(request, hq());
    await addIntegration(request, hq({ name: 'branch' }));
    await sync('hq');
    await sync('branch');
    const count = await withValues();
    expect(await removeIntegration(request, 'hq', true)).toMatchObject({ devices: 0 });
    await removeIntegration(request, 'hq', false);
    expect(await withValues()).toBe(count);
    expect(await verifyAll(database.pool)).toEqual([]);
  });

  test('a run that is on finds itself outdated', async () => {
    await addIntegration(request, hq());
    const { id } = await theIntegration(database.pool, 'hq');
    const result = await runSync(context(), id, {
      signal: new AbortController().signal,
      reached: async point => {
        if (point === 'before head') await removeIntegration(request, 'hq', false);
      },
    });
    expect(result?.outcome).toBe('abandoned');
    expect((await database.pool.query('select count(*)::int as n from agents')).rows[0].n).toBe(0);
  });
});

describe('pausing', () => {
  test('by hand has no end, and is told once', async () => {
    await addIntegration(request, hq());
    expect(await pauseIntegration(request, 'hq')).toBe(true);
    expect(await pauseIntegration(request, 'hq')).toBe(false);
    expect(await showIntegration(database.pool, now, 'hq')).toMatchObject({
      state: 'paused',
      pauseReason: 'administrator',
      pausedUntil: null,
      nextSync: null,
    });
    pass(hour);
    expect(await resumeIntegration(request, 'hq')).toBe(true);
    expect(await resumeIntegration(request, 'hq')).toBe(false);
    expect(await showIntegration(database.pool, now, 'hq')).toMatchObject({
      state: 'active',
      nextSync: now().toISOString(),
    });
    expect((await events()).map(event => event.event)).toEqual([
      'TAILNET.CREATE.POSTURE_INTEGRATION',
      'TAILNET.PAUSE.POSTURE_INTEGRATION',
      'TAILNET.RESUME.POSTURE_INTEGRATION',
    ]);
  });

  test('refused credentials show until when, and by whom it is to be settled', async () => {
    await addIntegration(request, hq());
    simulator.setFault('expired-token');
    await sync();
    const view = await showIntegration(database.pool, now, 'hq');
    expect(view).toMatchObject({ state: 'paused', pauseReason: 'auth', error: { kind: 'auth', status: 401 } });
    expect(view.pausedUntil).toBe(new Date(at + 24 * hour).toISOString());
    expect(view.nextSync).toBe(view.pausedUntil);
  });
});

describe('losses that are held', () => {
  test('are accepted as shown and at most a tenth more, within 24 hours; without a hold there is nothing to accept', async () => {
    await importInventory();
    await addIntegration(request, hq());
    await sync();
    await expect(acceptLosses(request, 'hq')).rejects.toMatchObject({ code: 'conflict' });
    const count = await withValues();
    simulator.setFault('vanished-agents', { percent: 50 });
    expect((await sync())?.outcome).toBe('held');
    const { held, state } = await showIntegration(database.pool, now, 'hq');
    expect(state).toBe('held');
    expect(held?.examples.length).toBeGreaterThan(0);
    const accepted = await acceptLosses(request, 'hq');
    expect(accepted).toBe(Math.floor(((held?.devices ?? 0) * 11) / 10));
    const row = await theIntegration(database.pool, 'hq');
    expect(row).toMatchObject({ acceptedLosses: accepted, nextSyncAt: new Date(at) });
    expect(row.acceptedUntil).toEqual(new Date(at + 24 * hour));
    expect((await events()).at(-1)).toMatchObject({
      event: 'TAILNET.ACCEPT.POSTURE_INTEGRATION',
      new: { devices: held?.devices, atMost: accepted },
    });
    expect((await sync())?.outcome).toBe('succeeded');
    expect(await withValues()).toBe(count - (held?.devices ?? 0));
  });
});

describe('showing', () => {
  test('before the first sync there is no status, after it the counts and times are there', async () => {
    await importInventory();
    await addIntegration(request, hq());
    expect(await showIntegration(database.pool, now, 'hq')).toMatchObject({
      state: 'active',
      lastSync: null,
      lastSuccess: null,
      evidenceExpires: null,
      tokenExpires: null,
      scope: null,
      error: null,
      status: null,
      warnings: [],
    });
    const result = await sync();
    const view = await showIntegration(database.pool, now, 'hq');
    expect(view.status).toMatchObject({ providerHostCount: 60, matchedCount: result?.matched });
    expect(view.status?.possibleMatchedCount).toBeGreaterThanOrEqual(view.status?.matchedCount ?? 0);
    expect(view.evidenceExpires).toBe(new Date(at + 72 * hour).toISOString());
    expect(view.scope?.length).toBeGreaterThan(0);
    expect(Date.parse(view.tokenExpires ?? '')).toBeGreaterThan(at);
  });

  test('it warns of values that are about to end', async () => {
    await addIntegration(request, hq());
    await sync();
    pass(60 * hour);
    expect((await showIntegration(database.pool, now, 'hq')).warnings).toEqual([
      'all values end in 12 hours unless a complete sync confirms them',
    ]);
  });

  test('while a run is on it shows as syncing, with how far it is', async () => {
    await addIntegration(request, hq());
    const { id } = await theIntegration(database.pool, 'hq');
    const states: unknown[] = [];
    await runSync(context(), id, {
      signal: new AbortController().signal,
      reached: async point => {
        const view = await showIntegration(database.pool, now, 'hq');
        if (point === 'page staged') states.push(view.state, view.run?.worker);
      },
    });
    expect(states).toEqual(['syncing', 'test']);
  });

  test('a mistyped name is answered with the nearest one', async () => {
    await addIntegration(request, hq({ name: 'headquarters' }));
    await expect(theIntegration(database.pool, 'headquaters')).rejects.toThrow('did you mean "headquarters"?');
    await expect(theIntegration(database.pool, 'zz')).rejects.toThrow('there is headquarters');
    await expect(theIntegration(database.pool, 'zz')).rejects.toBeInstanceOf(AppError);
  });
});

describe('testing a connection', () => {
  const ask = () =>
    testIntegration(
      { db: database.pool, now, egress, settingsOf: openSettings(keys), signal: new AbortController().signal },
      'hq',
    );

  test('takes the first page alone and stores nothing', async () => {
    await addIntegration(request, hq());
    const before = simulator.requests.pages;
    expect(await ask()).toMatchObject({ integration: 'hq', ok: true, agents: 60, claimedTotal: 60, error: null });
    expect(simulator.requests.pages).toBe(before + 1);
    expect(await theIntegration(database.pool, 'hq')).toMatchObject({ attemptedAt: null, scope: null });
  });

  test('tells what the provider said', async () => {
    await addIntegration(request, hq());
    simulator.setFault('forbidden');
    expect(await ask()).toMatchObject({
      ok: false,
      agents: 0,
      error: { kind: 'permission', status: 403, code: '4030010' },
    });
  });
});
