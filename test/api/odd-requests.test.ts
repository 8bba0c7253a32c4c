// Requests as clients, browsers and people by hand send them all the same: every answer is JSON that says what is wrong.
import { beforeEach, describe, expect, it } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const devices = '/api/v2/tailnet/-/devices';
const batch = '/api/v2/tailnet/-/device-attributes';

let database: TestDatabase;
let api: TestApi;
const revision = async () => (await database.pool.query('select revision from head')).rows[0].revision;

beforeEach(async () => {
  database = await freshDatabase();
  api = await startApi({ database });
  await api.call('POST', devices, { id: 'lt-1' });
});

describe('a request', () => {
  it('is read under every name that JSON has, as of a merge patch', async () => {
    for (const type of ['application/merge-patch+json', 'Application/JSON; charset=utf-8', 'application/json']) {
      const nodes = { 'lt-1': { 'custom:type': { value: type.length } } };
      const { status, body } = await api.call('PATCH', batch, { nodes }, { headers: { 'content-type': type } });
      expect([type, status, body]).toEqual([type, 200, null]);
    }
    const { attributes } = (await api.call('GET', '/api/v2/device/lt-1/attributes')).body;
    expect(attributes).toEqual({ 'custom:type': 'application/json'.length });
  });

  it.each<[string, string, string, number, string]>([
    ['of another type', 'POST', devices, 415, 'application/json'],
    ['by a method that there is not', 'PUT', devices, 405, 'PUT is not possible here; GET, HEAD, POST is'],
    ['by OPTIONS', 'OPTIONS', devices, 405, 'OPTIONS is not possible here'],
    // DELETE is of each key, and a list of scopes is none.
    ['by OPTIONS of what also looks like a key', 'OPTIONS', '/api/v2/tailnet/-/keys/scopes', 405, 'here; GET, HEAD is'],
    ['to nowhere', 'GET', '/api/v2/nothing', 404, 'there is nothing here'],
    ['with a slash at its end', 'GET', `${devices}/`, 404, 'there is nothing here'],
    [
      'to a tailnet in capitals',
      'GET',
      '/api/v2/tailnet/EXAMPLE.COM/devices',
      404,
      'there is no tailnet "EXAMPLE.COM"',
    ],
    ['to a tailnet with a slash', 'GET', '/api/v2/tailnet/a%2Fb/devices', 404, 'there is no tailnet "a/b"'],
    ['with a broken escape', 'GET', '/api/v2/device/%zz', 400, 'is not a valid url'],
    ['with what is no UTF-8', 'GET', '/api/v2/device/%ff', 400, 'is not a valid url'],
    ['with too long a path', 'GET', `/api/v2/device/${'x'.repeat(600)}`, 414, ''],
    ['for a device with a slash', 'GET', '/api/v2/device/lt-1%2F..', 404, 'there is no device "lt-1/.."'],
  ])('%s is refused in JSON', async (_, method, path, status, message) => {
    const before = await revision();
    const body = method === 'POST' ? 'id=lt-2' : undefined;
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await api.call(method, path, body, body === undefined ? {} : { headers: type });
    expect([answer.status, answer.body]).toEqual([status, { message: expect.stringContaining(message) }]);
    expect(await revision()).toBe(before);
  });

  it('finds its device and its tailnet also where their names are escaped', async () => {
    await api.call('POST', devices, { id: 'Büro/1 %2F' });
    for (const id of ['B%C3%BCro%2F1%20%252F', encodeURIComponent('Büro/1 %2F')])
      expect((await api.call('GET', `/api/v2/device/${id}`)).body.id).toBe('Büro/1 %2F');
    expect((await api.call('GET', '/api/v2/device/%6C%74-1')).body.id).toBe('lt-1');
    for (const tailnet of ['%2D', 'example%2Ecom'])
      expect((await api.call('GET', `/api/v2/tailnet/${tailnet}/devices`)).status).toBe(200);
  });

  it('that changes something is refused where a browser says that a page of another site sent it', async () => {
    const sent = (site: string, method: string, path: string, body?: object) =>
      api.call(method, path, body, { headers: { 'sec-fetch-site': site } });
    const before = await revision();
    for (const site of ['cross-site', 'same-site']) {
      for (const [method, path] of [
        ['POST', '/api/v2/webhooks/x/disable'],
        ['POST', '/api/v2/tailnet/-/acl'],
        ['DELETE', '/api/v2/device/lt-1'],
      ] as const) {
        const { status, body } = await sent(site, method, path);
        expect([status, body.message]).toEqual([403, expect.stringContaining('a page of another site')]);
      }
      expect((await sent(site, 'GET', devices)).status).toBe(200);
    }
    expect(await revision()).toBe(before);
    for (const site of ['same-origin', 'none'])
      expect((await sent(site, 'POST', devices, { id: `by-${site}` })).status).toBe(200);
  });
});
