// The API's description beside what gateways, applications and evaluators are really answered: nothing is missing, nothing more comes.
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { addAuthZen } from '../../src/gateway/authzen.ts';
import { createDecider } from '../../src/gateway/decisions.ts';
import * as described from '../../src/gateway/described.ts';
import { addDevices } from '../../src/gateway/devices.ts';
import { startFollowing } from '../../src/gateway/follow.ts';
import { addForwardAuth } from '../../src/gateway/forward-auth.ts';
import type { Description } from '../../src/http/described.ts';
import { createLog } from '../../src/log.ts';
import { setAttribute } from '../../src/operations/attributes.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { fakeAgent, fakeAttributes } from '../support/fake-provider.ts';
import { startService } from '../support/http.ts';
import '../support/registered.ts';
import { createWorld, minute, tester } from '../support/world.ts';

const policy = {
  tagOwners: { 'tag:laptop': [] },
  postures: {
    'posture:healthy': { conditions: ['fake:isActive == true', 'fake:threats IN [0]'], resolution: 'Clean it.' },
    'posture:laptop': { conditions: ['fake:isActive IS SET'], tags: ['tag:laptop'] },
  },
  acls: [{ action: 'accept', src: ['*'], dst: ['*:443'], srcPosture: ['posture:healthy'] }],
};

async function place() {
  const world = await createWorld();
  const console = await world.integration('hq');
  console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true, 'fake:threats': 0 } }));
  console.set(fakeAgent('2', 'SER-2', { values: { 'fake:isActive': true, 'fake:threats': 2 } }));
  await world.devices({ id: 'a', serialNumbers: ['SER-1'], addresses: ['10.0.0.1'] });
  await world.devices({ id: 'b', hostname: 'lt-2', user: 'bob@example.com', serialNumbers: ['SER-2'] });
  await world.sync('hq');
  const request = { db: world.db, now: world.now, actor: tester };
  const expiry = new Date(world.now().getTime() + 60 * minute).toISOString();
  await setAttribute(request, 'a', 'custom:tier', { value: 'gold', expiry });
  const applied = await applyPolicy(request, { text: JSON.stringify(policy), ifRevision: null });
  expect(applied.check.errors).toEqual([]);
  const catalogue = createCatalogue(fakeAttributes, null);
  const log = createLog('silent');
  const follower = startFollowing({ databaseUrl: world.database.url, catalogue, moving: [], log });
  onTestFinished(() => follower.stop());
  const { rows } = await world.db.query('select revision from head');
  await expect.poll(() => follower.known()?.revision).toBe(rows[0].revision);
  const refresher = {
    consider: () => ({ state: 'under_way', requestedAt: world.now().toISOString() }),
  };
  const known = { follower, catalogue, viewMaxAgeMs: 15 * minute, now: world.now, log };
  const decider = createDecider({ ...known, refresher });
  const service = await startService({
    database: world.database,
    routes: server => {
      addDevices(server, known);
      addAuthZen(server, { decider, publicUrl: 'https://posture.example.com' });
      const identifyBy = [{ kind: 'id', header: 'x-device-id' }] as const;
      addForwardAuth(server, { decider, identifyBy, trustedProxies: ['127.0.0.1'], log });
    },
  });
  return { service, key: await service.key('gateway', ['gateway:decide']) };
}

/** @returns what the description says of an answer in JSON */
function saidOf({ response }: Description, status: number): z.ZodType {
  const said = response[status] ?? response[`${String(status)[0]}xx`];
  if (said instanceof z.ZodType) return said;
  return said?.content['application/json']?.schema ?? expect.fail(`nothing is said of ${status}`);
}

it('every answer of the gateway is as it is described, to the last field', async () => {
  const { service, key } = await place();
  // biome-ignore lint/suspicious/noExplicitAny: the test knows what it asked for
  const ask = async (about: Description, method: string, path: string, body?: unknown, headers = {}): Promise<any> => {
    const answer = await fetch(`${service.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const given = await answer.json();
    // What is not described would be left out.
    expect([path, answer.status, saidOf(about, answer.status).parse(given)]).toEqual([path, answer.status, given]);
    if (body !== undefined) expect(about.body?.safeParse(body).success).toBe(answer.status === 200);
    return given;
  };
  const asked = (id: string, resource: object) => {
    return { subject: { type: 'device', id }, action: { name: 'connect' }, resource };
  };
  const wiki = { type: 'host', id: 'wiki', properties: { port: 443 } };
  const { evaluation, evaluations, oneDevice, deviceBySerial, manyDevices } = described;
  await ask(described.whoami, 'GET', '/gateway/whoami');
  await ask(described.authZenMetadata, 'GET', '/.well-known/authzen-configuration');
  await ask(oneDevice, 'GET', '/gateway/devices/a');
  await ask(oneDevice, 'GET', '/gateway/devices/nope');
  await ask(deviceBySerial, 'GET', '/gateway/devices?serial=ser-2');
  await ask(deviceBySerial, 'GET', '/gateway/devices');
  await ask(manyDevices, 'POST', '/gateway/devices', { ids: ['a', 'x'], serials: ['SER-2', 'y'] });
  await ask(manyDevices, 'POST', '/gateway/devices', { ids: 'a' });
  for (const id of ['a', 'b', 'nobody']) await ask(evaluation, 'POST', '/access/v1/evaluation', asked(id, wiki));
  await ask(evaluation, 'POST', '/access/v1/evaluation', asked('b', { type: 'posture', id: 'laptop' }));
  await ask(evaluation, 'POST', '/access/v1/evaluation', { subject: 1 });
  const items = [{}, { subject: { type: 'device', id: 'a' } }, { resource: { ...wiki, properties: { port: 'x' } } }];
  const several = await ask(evaluations, 'POST', '/access/v1/evaluations', {
    ...asked('b', wiki),
    evaluations: items,
  });
  expect(several.evaluations.map(({ decision }: { decision: boolean }) => decision)).toEqual([false, true, false]);
  await ask(evaluations, 'POST', '/access/v1/evaluations', asked('a', wiki));
  for (const [path, about] of [
    ['/gateway/check/policy', described.forwardAuth('check', 'policy')],
    ['/gateway/check?posture=healthy', described.forwardAuth('check', 'query')],
    ['/gateway/check/posture/healthy,laptop/x', described.forwardAuth('check', 'posture', true)],
    ['/gateway/refusal/policy', described.forwardAuth('refusal', 'policy')],
  ] as const) {
    await ask(about, 'GET', path, undefined, { 'x-device-id': 'b' });
    await ask(about, 'GET', path, undefined, { 'x-device-id': 'nobody' });
    await ask(about, 'GET', path, undefined, { authorization: 'Bearer none' });
  }
});
