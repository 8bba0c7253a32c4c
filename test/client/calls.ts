// What a program does that uses the generated client, as client.test.ts runs it: node calls.js URL KEY STEP. It is compiled by itself,
// so whatever types the client has are tried here too: a line that must not compile is marked as such.
import assert from 'node:assert/strict';
import { type Client, createClient } from './.generated/client/index.js';
import * as api from './.generated/index.js';

const [, , baseUrl = '', key = '', wanted = ''] = process.argv;
const tailnet = '-';

/** @returns what was answered; fails where it was an error */
function good<T>({ data, error }: { data?: T; error?: unknown }): Exclude<T, undefined> {
  assert.equal(error, undefined);
  assert.notEqual(data, undefined);
  return data as Exclude<T, undefined>;
}

async function integrations(client: Client): Promise<void> {
  const path = { tailnet };
  assert.deepEqual(good(await api.listPostureIntegrations({ client, path })).integrations, []);
  const body = {
    provider: 'sentinelone',
    cloudId: 'acme.sentinelone.net',
    clientSecret: 'eyJ-a-token-of-nobody',
    name: 'hq',
  };
  const made = good(await api.createPostureIntegration({ client, path, body }));
  const state: 'active' | 'syncing' | 'failing' | 'paused' | 'held' | 'unsupported' = made.state;
  assert.deepEqual([made.cloudId, state, made.status?.lastSync], ['acme.sentinelone.net', 'active', undefined]);
  const one = { integrationId: made.id };
  assert.equal(good(await api.getPostureIntegration({ client, path: one })).id, made.id);
  const changes = { expireAfter: '3d' };
  assert.equal(good(await api.updatePostureIntegration({ client, path: one, body: changes })).expireAfter, '3d');
  assert.equal(good(await api.pausePostureIntegration({ client, path: one })).pauseReason, 'administrator');
  assert.deepEqual(good(await api.listSyncRuns({ client, path: one, query: { limit: 5 } })).runs, []);
  const again = await api.createPostureIntegration({ client, path, body: { ...body, name: 'other' } });
  assert.deepEqual([again.response?.status, typeof again.error?.message], [409, 'string']);
  const both = { client, path, body: { ...body, name: 'other' }, query: { allowMultiple: 'true' } } as const;
  assert.equal(good(await api.createPostureIntegration(both)).name, 'other');
  const deleted = await api.deletePostureIntegration({ client, path: one });
  assert.deepEqual([deleted.response?.status, deleted.error], [200, undefined]);
  const gone = await api.getPostureIntegration({ client, path: one });
  assert.deepEqual([gone.response?.status, gone.data], [404, undefined]);
  // @ts-expect-error: a provider is needed
  await api.createPostureIntegration({ client, path, body: {} });
  // @ts-expect-error: there is no such field
  await api.createPostureIntegration({ client, path, body: { provider: 'sentinelone', token: 'x' } });
}

async function devices(client: Client): Promise<void> {
  const path = { tailnet };
  const body = {
    id: 'lt-1',
    hostname: 'anna-mac',
    user: 'anna@example.com',
    tags: ['laptop'],
    serialNumbers: ['C02X'],
  };
  const made = good(await api.createDevice({ client, path, body }));
  assert.deepEqual([made.id, made.tags, made.match?.state], ['lt-1', ['tag:laptop'], 'unmatched']);
  assert.equal((await api.createDevice({ client, path, body })).response?.status, 409);
  const one = { deviceId: 'lt-1' };
  const got = good(await api.getDevice({ client, path: one, query: { fields: 'all' } }));
  assert.deepEqual(
    got.serials?.map(({ serial, source }) => [serial, source]),
    [['C02X', 'reported']],
  );
  const replaced = good(await api.replaceDevice({ client, path: one, body: { hostname: 'other' } }));
  assert.deepEqual([replaced.hostname, replaced.user, replaced.tags], ['other', '', []]);
  const byHand = { serialNumbers: ['C02Y'] };
  const { postureIdentity } = good(await api.setDeviceSerials({ client, path: one, body: byHand }));
  assert.deepEqual(postureIdentity, byHand);
  for (const id of ['lt-2', 'lt-3', 'lt-4']) good(await api.createDevice({ client, path, body: { id, user: 'bob' } }));
  const ids: string[] = [];
  for (let cursor: string | null | undefined = ''; cursor !== null && cursor !== undefined; ) {
    const query = { limit: 1, user: ['bob'], ...(cursor === '' ? {} : { cursor }) };
    const page: api.Devices = good(await api.listTailnetDevices({ client, path, query }));
    ids.push(...page.devices.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  assert.deepEqual(ids, ['lt-2', 'lt-3', 'lt-4']);
  const explained = good(await api.explainDevice({ client, path: one }));
  assert.equal(explained.match.reason, made.match?.reason);
  for (const id of ids)
    assert.equal((await api.deleteDevice({ client, path: { deviceId: id } })).response?.status, 200);
  assert.equal(good(await api.listTailnetDevices({ client, path })).devices.length, 1);
}

async function attributes(client: Client): Promise<void> {
  good(await api.createDevice({ client, path: { tailnet }, body: { id: 'lt-9' } }));
  const path = { deviceId: 'lt-9', attributeKey: 'custom:score' };
  const expiry = new Date(Date.now() + 3_600_000).toISOString();
  const set = good(await api.setDeviceAttribute({ client, path, body: { value: 87, expiry, comment: 'by hand' } }));
  assert.deepEqual([set.attributes['custom:score'], set.details['custom:score']?.type], [87, 'number']);
  const body = { nodes: { 'lt-9': { 'custom:tier': { value: 'gold' }, 'custom:score': null } } };
  assert.equal((await api.patchDeviceAttributes({ client, path: { tailnet }, body })).response?.status, 200);
  const got = good(await api.getDeviceAttributes({ client, path: { deviceId: 'lt-9' } }));
  assert.equal(got.attributes['custom:tier'], 'gold');
  assert.equal('custom:score' in got.attributes, false);
  const asked = { nodes: ['lt-9', 'nobody'] };
  const { nodes, unknown } = good(await api.queryDeviceAttributes({ client, path: { tailnet }, body: asked }));
  assert.deepEqual([nodes['lt-9']?.attributes['custom:tier'], unknown], ['gold', ['nobody']]);
  const query = { start: '2000-01-01T00:00:00Z', end: new Date(Date.now() + 60_000).toISOString(), limit: 100 };
  const { logs } = good(await api.listConfigurationAuditLogs({ client, path: { tailnet }, query }));
  const events = logs.filter(({ target }) => target.id === 'lt-9');
  assert.deepEqual(
    events.map(({ event, actor }) => [event, actor.displayName]),
    ['NODE.CREATE', 'NODE.CREATE.ATTRIBUTES', 'NODE.UPDATE.ATTRIBUTES'].map(event => [event, 'BOOTSTRAP_API_KEY']),
  );
}

async function policy(client: Client): Promise<void> {
  const path = { tailnet };
  const json = { Accept: 'application/json' };
  const before = await api.getPolicyFile({ client, path, headers: json });
  assert.deepEqual(good(before), {});
  const body = { acls: [{ action: 'accept', src: ['*'], dst: ['10.0.0.5:443'] }] };
  const headers = { ...json, 'if-match': '"ts-default"' };
  const applied = await api.setPolicyFile({ client, path, body, headers });
  assert.deepEqual(good(applied), body);
  const tag = applied.response?.headers.get('etag') ?? '';
  assert.match(tag, /^"[0-9a-f]{64}"$/);
  const late = await api.setPolicyFile({ client, path, body: { acls: [] }, headers });
  assert.deepEqual([late.response?.status, typeof late.error?.message], [412, 'string']);
  const wrong = await api.setPolicyFile({ client, path, body: { acls: [{ action: 'deny' }] } });
  const problem: api.PolicyProblem | undefined = wrong.response?.status === 400 ? wrong.error : undefined;
  assert.ok((problem?.errors?.length ?? 0) > 0);
  assert.deepEqual(good(await api.validatePolicyFile({ client, path, body })), {});
  assert.equal((await api.setPolicyFile({ client, path, body, headers: { 'if-match': tag } })).response?.status, 200);
  const { revisions } = good(await api.listPolicyRevisions({ client, path }));
  assert.deepEqual(
    revisions.map(({ inForce }) => inForce),
    [true],
  );
  const asked = { user: 'anna@example.com', destination: { host: '10.0.0.5', port: 443 } };
  const decided = good(await api.simulateDecision({ client, path, body: asked }));
  assert.deepEqual([decided.allowed, decided.rule], [true, 'acls[0]']);
}

async function errors(client: Client): Promise<void> {
  const path = { tailnet };
  const stranger = createClient({ baseUrl, auth: 'pskey-nobody' });
  const refused = await api.listTailnetDevices({ client: stranger, path });
  const told: api.Error | undefined = refused.error;
  assert.deepEqual([refused.response?.status, typeof told?.message], [401, 'string']);
  const elsewhere = await api.listTailnetDevices({ client, path: { tailnet: 'other' } });
  assert.deepEqual([elsewhere.response?.status, typeof elsewhere.error?.message], [404, 'string']);
  const zero = await api.listTailnetDevices({ client, path, query: { limit: 0 } });
  assert.match(zero.error?.message ?? '', /^limit: /);
  await assert.rejects(api.getDevice({ client, path: { deviceId: 'nobody' }, throwOnError: true }), error => {
    return typeof (error as api.Error).message === 'string';
  });
  const basic = createClient({ baseUrl, headers: { Authorization: `Basic ${btoa(`${key}:`)}` } });
  assert.equal(typeof good(await api.getSettings({ client: basic, path })).postureIdentityCollectionOn, 'boolean');
}

const steps: Record<string, (client: Client) => Promise<void>> = { integrations, devices, attributes, policy, errors };
const step = steps[wanted];
if (step === undefined) throw new Error(`there is no step "${wanted}"`);
await step(createClient({ baseUrl, auth: key }));
