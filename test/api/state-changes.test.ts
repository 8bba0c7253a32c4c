// Every operation that is no GET, as the router has them: what is refused of it leaves no event but the refusal, and what it changes
// is one group of events. pairs.test.ts makes each change; what needs a worker's answer is made here.
import { beforeEach, describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/cli/openapi-document.ts';
import { includes, type Scope, scopes } from '../../src/posture/scopes.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { attributePairs, devicePairs, integrationPairs } from '../support/pairs.ts';
import { keyPairs, lastPairs, policyPairs, settingsPairs, webhookPairs } from '../support/pairs-more.ts';
import '../support/registered.ts';
import { createWorld, type World } from '../support/world.ts';

const pairs = [
  devicePairs,
  attributePairs,
  webhookPairs,
  integrationPairs,
  policyPairs,
  settingsPairs,
  keyPairs,
  lastPairs,
].flat();

/** Operations that only ask, although they are no GET. */
const asking = new Set([
  ...['simulateDecision', 'validatePolicyFile', 'previewPolicyFile', 'getPolicyImpact', 'queryDeviceAttributes'],
  ...['testPostureIntegration', 'testPostureIntegrationSettings', 'previewPostureIntegrationChange'],
  ...['simulatePostures', 'listPolicyImpactChanges'],
]);
/** Those that a worker answers. Asking for a sync is no event: its run is told. */
const byWorkers = new Set(['refetchDevice', 'testWebhook', 'syncPostureIntegration']);
/** What devices do, in test/api/reports.test.ts. */
const byDevices = new Set(['reportDevice']);
/** What people do who sign in, in test/api/session.test.ts. */
const byPeople = new Set(['signIn', 'signOut']);

interface Operation {
  operationId: string;
  'x-scope': Scope;
}

const document = JSON.parse(await openApiDocument()) as { paths: Record<string, Record<string, Operation>> };
const operations = Object.entries(document.paths)
  .filter(([path]) => path.startsWith('/api/v2'))
  .flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, ...operation })),
  )
  .filter(({ method, operationId }) => method !== 'GET' && !byPeople.has(operationId));
const changing = operations.filter(({ operationId }) => !asking.has(operationId));

describe('an operation that is no GET', () => {
  it('is in the table of changes, needs a worker, or only asks', () => {
    const tabled = new Set(pairs.filter(({ outcome }) => outcome === 'changes').map(({ does }) => does));
    const named = [...tabled, ...byWorkers, ...byDevices, ...asking];
    expect(operations.map(({ operationId }) => operationId).sort()).toEqual(named.sort());
    // A key that may only read must not change anything.
    expect(changing.filter(operation => operation['x-scope'].endsWith(':read'))).toEqual([]);
  });
});

describe('what changes something', () => {
  let world: World;
  let api: TestApi;
  const state = async () =>
    (await world.db.query('select revision, (select count(*)::int from audit_log) as events from head')).rows[0];
  const eventsSince = async (revision: number) =>
    (
      await world.db.query(
        `select a.revision, a.event, a.actor, r.cause, r.events from audit_log a join revisions r using (revision)
         where revision > $1 order by revision, n`,
        [revision],
      )
    ).rows;

  beforeEach(async () => {
    world = await createWorld();
    await world.integration('hq');
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    api = await startApi({ database: world.database, now: world.now });
  });

  it('leaves no event where nobody, a stranger, or a key without the scope asks, but the refusals in the end', async () => {
    const keys = new Map<Scope, string>();
    for (const { 'x-scope': scope } of changing)
      if (!keys.has(scope)) keys.set(scope, await api.keyFor(...scopes.filter(other => !includes(other, scope))));
    const before = await state();
    for (const { method, path, 'x-scope': scope } of changing) {
      const url = path.replace('{tailnet}', '-').replace(/\{\w+\}/g, 'a');
      const own = keys.get(scope) ?? '';
      for (const [key, status] of [
        ['psk_wrong', 401],
        ['', 401],
        [own, 403],
      ] as const)
        expect([method, path, (await api.call(method, url, {}, { key })).status]).toEqual([method, path, status]);
    }
    expect(await state()).toEqual(before);
    await api.service.refusals.flush();
    const told = await eventsSince(before.revision);
    const known = told.filter(({ actor }) => actor.id !== 'unknown');
    expect(new Set(told.map(({ event }) => event.split('.')[0]))).toEqual(new Set(['FAILED_REQUEST']));
    // One a key and scope, and one for all who have no key that holds.
    expect([known.length, told.length - known.length]).toEqual([keys.size, 1]);
    expect(new Set(known.map(({ actor }) => actor.displayName)).size).toBe(keys.size);
  });

  it('leaves no event where what it is about is not there, or the body is none', async () => {
    const before = await state();
    const bodies: Record<string, unknown> = {
      setDeviceAttribute: { value: 'gold' },
      setDeviceSerials: { serialNumbers: ['SER-2'] },
    };
    for (const { method, path, operationId } of changing) {
      const url = path
        .replace('{tailnet}', '-')
        .replace(/\{\w+\}/g, 'nobody')
        .replace('/custom:nobody', '/custom:a');
      const real = url.replace('attributes/nobody', 'attributes/custom:a');
      if (path.includes('{') && !path.includes('{tailnet}')) {
        const answer = await api.call(method, real, bodies[operationId] ?? (method === 'DELETE' ? undefined : {}));
        expect([operationId, answer.status]).toEqual([operationId, 404]);
      }
      const elsewhere = await api.call(method, path.replace('{tailnet}', 'other').replace(/\{\w+\}/g, 'nobody'), {});
      expect([operationId, elsewhere.status]).toEqual([operationId, expect.toBeOneOf([400, 404, 415])]);
      const none = await api.call(method, real, '{"x', { headers: { 'content-type': 'application/json' } });
      expect([operationId, none.status]).toEqual([operationId, expect.toBeOneOf([400, 404, 415])]);
    }
    expect(await state()).toEqual(before);
  });

  it('is one group of events also where a worker has to answer, and asking for a sync is none', async () => {
    const hook = { name: 'pager', endpointUrl: 'https://hooks.example.com/in' };
    const { body } = await api.call('POST', '/api/v2/tailnet/-/webhooks', hook);
    const before = await state();
    const [refetch, test, sync] = await Promise.all([
      api.call('POST', '/api/v2/device/a/refetch?wait=0'),
      api.call('POST', `/api/v2/webhooks/${body.endpointId}/test`),
      api.call('POST', '/api/v2/posture/integrations/phq/sync'),
    ]);
    expect([refetch.status, test.status, sync.status]).toEqual([202, 202, 202]);
    const told = await eventsSince(before.revision);
    expect(told.map(({ event, cause, events }) => [event, cause, events]).sort()).toEqual([
      ['NODE.REFETCH.AGENT', 'device refetch', 1],
      ['WEBHOOK_ENDPOINT.TEST', 'webhook test', 1],
    ]);
    for (const { actor } of told) expect(actor).toMatchObject({ type: 'OAUTH_CLIENT', displayName: 'admin' });
    expect((await state()).revision).toBe(before.revision + 2);
    const { rows } = await world.db.query('select distinct revision from webhook_deliveries');
    expect(rows).toEqual([{ revision: told.find(({ event }) => event === 'WEBHOOK_ENDPOINT.TEST')?.revision }]);
  });
});
