// Posture attributes of devices over HTTP, as Tailscale's clients read and write them.
import { beforeEach, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/operations/audit.ts';
import type { AuditEntry } from '../../src/posture/events.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, minute, type World } from '../support/world.ts';

const of = (device: string, key = '') => `/api/v2/device/${device}/attributes${key === '' ? '' : `/${key}`}`;
const batch = '/api/v2/tailnet/-/device-attributes';

describe('posture attributes', () => {
  let world: World;
  let api: TestApi;
  const events = async (): Promise<AuditEntry[]> => {
    const found: AuditEntry[] = [];
    for await (const entry of readAudit(world.db, {}))
      if (entry.event.endsWith('.ATTRIBUTES') && entry.actor.displayName === 'admin') found.push(entry);
    return found;
  };

  beforeEach(async () => {
    world = await createWorld();
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true } }));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] }, { id: 'b' });
    await world.sync('hq');
    api = await startApi({ database: world.database, now: world.now });
  });

  it('are set as the Go client does it, with its zero time for no expiry, and read flat', async () => {
    const zero = { expiry: '0001-01-01T00:00:00Z', comment: '' };
    const set = await api.call('POST', of('a', 'custom%3Atier'), { value: 'gold_1.0', ...zero });
    expect(set.status).toBe(200);
    const read = await api.call('GET', of('a'));
    expect([read.status, read.body]).toEqual([200, set.body]);
    expect(read.body).toEqual({
      attributes: { 'custom:tier': 'gold_1.0', 'fake:isActive': true },
      expiries: {},
      details: {
        'custom:tier': { type: 'string', integration: null, confirmedAt: world.now().toISOString() },
        'fake:isActive': { type: 'boolean', integration: 'hq', confirmedAt: expect.any(String) },
      },
    });
    const removed = await api.call('DELETE', of('a', 'custom:tier'));
    expect([removed.status, removed.body]).toEqual([200, '']);
    expect((await api.call('GET', of('a'))).body.attributes).toEqual({ 'fake:isActive': true });
    expect((await api.call('DELETE', of('a', 'custom:tier'))).status).toBe(200);
    expect((await events()).map(({ event }) => event)).toEqual(['NODE.CREATE.ATTRIBUTES', 'NODE.DELETE.ATTRIBUTES']);
  });

  it('end by themselves, and say when', async () => {
    const expiry = new Date(world.now().getTime() + 5 * minute).toISOString();
    await api.call('POST', of('a', 'custom:visit'), { value: true, expiry, comment: 'for the audit' });
    expect((await api.call('GET', of('a'))).body.expiries).toEqual({ 'custom:visit': expiry });
    expect(JSON.stringify(await events())).toContain('for the audit');
    world.pass(5 * minute);
    expect((await api.call('GET', of('a'))).body).toMatchObject({
      attributes: { 'fake:isActive': true },
      expiries: {},
    });
  });

  it('of many devices are changed in one event group, or none of them', async () => {
    const nodes = { a: { 'custom:n': { value: 1 } }, b: { 'custom:n': { value: 2 }, 'custom:x': { value: 'y' } } };
    const changed = await api.call('PATCH', batch, { nodes, comment: 'moved' });
    expect([changed.status, changed.body]).toEqual([200, null]);
    expect(new Set((await events()).map(({ eventGroupID }) => eventGroupID)).size).toBe(1);
    const wrong = { a: { 'custom:n': null }, b: { 'custom:n': { value: 'two' } } };
    const refused = await api.call('PATCH', batch, { nodes: wrong });
    expect([refused.status, refused.body.message]).toEqual([
      400,
      expect.stringMatching(/^custom:n of b: it is a number/),
    ]);
    const unknown = await api.call('PATCH', batch, { nodes: { nobody: { 'custom:n': { value: 1 } } } });
    expect([unknown.status, unknown.body.message]).toEqual([404, expect.stringContaining('nobody')]);
    expect((await api.call('GET', of('a'))).body.attributes).toMatchObject({ 'custom:n': 1 });
    await api.call('PATCH', batch, { nodes: { a: { 'custom:n': null } } });
    expect((await api.call('GET', of('a'))).body.attributes).toEqual({ 'fake:isActive': true });
  });

  it('of as many devices as may be changed at once fit in one request', async () => {
    const ids = Array.from({ length: 10_000 }, (_, i) => `nobody-${i}-${'x'.repeat(60)}`);
    const values = { 'custom:a': { value: 1 }, 'custom:b': { value: 'x'.repeat(50) }, 'custom:c': { value: true } };
    const nodes = Object.fromEntries(ids.map(id => [id, values]));
    const unknown = await api.call('PATCH', batch, { nodes });
    expect([unknown.status, unknown.body.message]).toEqual([404, expect.stringContaining('; and 9980 more')]);
    const more = await api.call('PATCH', batch, { nodes: { ...nodes, a: {} } });
    expect([more.status, more.body.message]).toEqual([400, 'nodes: at most 10000 devices can be changed at once']);
    expect((await api.call('PATCH', batch, ' '.repeat(16 * 1024 * 1024 + 1))).status).toBe(413);
  });

  it('of administrators stay when identity collection is switched off, and are not counted with what goes', async () => {
    await api.call('POST', of('b', 'custom:tier'), { value: 'gold' });
    const off = { postureIdentityCollectionOn: false };
    expect((await api.call('PATCH', '/api/v2/tailnet/-/settings?confirm=1', off)).status).toBe(200);
    expect((await api.call('GET', of('b'))).body.attributes).toEqual({ 'custom:tier': 'gold' });
    await world.verify();
  });

  it.each<[string, string, unknown, string]>([
    ["a provider's key", 'fake:isActive', { value: true }, 'key: '],
    ['a key with a hyphen', 'custom:a-b', { value: true }, 'key: '],
    ['no value', 'custom:a', {}, 'value: '],
    ['a value of another kind', 'custom:a', { value: ['x'] }, 'value: '],
    ['a text with a space', 'custom:a', { value: 'a b' }, 'value: '],
    ['too long a text', 'custom:a', { value: 'x'.repeat(51) }, 'value: '],
    ['a fraction', 'custom:a', { value: 1.5 }, 'value: '],
    ['a time that is none', 'custom:a', { value: true, expiry: 'soon' }, 'expiry: '],
    ['too long a comment', 'custom:a', { value: true, comment: 'x'.repeat(201) }, 'comment: '],
    ['an unknown field', 'custom:a', { value: true, colour: 'red' }, 'colour: '],
  ])('are not set with %s', async (_, key, body, message) => {
    const answer = await api.call('POST', of('a', key), body);
    expect([answer.status, answer.body.message]).toEqual([400, expect.stringContaining(message)]);
    expect(await events()).toEqual([]);
  });

  it('of nobody are not there', async () => {
    for (const [method, path, body] of [
      ['GET', of('nobody'), undefined],
      ['POST', of('nobody', 'custom:a'), { value: 1 }],
      ['DELETE', of('nobody', 'custom:a'), undefined],
    ] as const)
      expect([method, (await api.call(method, path, body)).status]).toEqual([method, 404]);
  });
});
