// How one row of SentinelOne's agents becomes an agent: what is unusable is unknown, and costs nothing else.
import { describe, expect, test } from 'vitest';
import { attributeFields } from '../../src/providers/sentinelone/attributes.ts';
import { answerAgents, ask, page, read, row } from './console.ts';

test('a whole agent has all eleven attributes, its serial number and its times', async () => {
  const { agent, page: first } = await read({});
  expect(agent).toEqual({
    id: '1000000000000000001',
    hostname: 'Ada’s MacBook',
    identifiers: [{ kind: 'serial', value: 'C02XL0GYJGH5' }],
    decommissioned: false,
    active: true,
    registeredAt: new Date('2025-01-02T03:04:05.678Z'),
    lastActiveAt: new Date('2026-11-20T09:48:48.123Z'),
    values: {
      'sentinelOne:isActive': true,
      'sentinelOne:agentVersion': '24.1.2.6',
      'sentinelOne:activeThreats': 0,
      'sentinelOne:infected': false,
      'sentinelOne:firewallEnabled': true,
      'sentinelOne:encryptedApplications': true,
      'sentinelOne:operationalState': 'na',
      'sentinelOne:networkStatus': 'connected',
      'sentinelOne:isUpToDate': true,
      'sentinelOne:threatRebootRequired': false,
      'sentinelOne:lastActiveDate': '2026-11-20T09:48:48.123Z',
    },
  });
  expect(first.unset).toEqual({});
  expect(first.skipped).toEqual([]);
});

describe.each(attributeFields)('$field', ({ field, name, type }) => {
  const wrong = { boolean: 1, number: '3', string: 7, version: 24, time: 1_700_000_000 }[type];
  test.each([
    ['null', null],
    ['absent', undefined],
    ['of a wrong type', wrong],
    ['an object', { value: true }],
    ['an empty text', ''],
  ])('is unset and counted when it is %s, never false or 0', async (_, value) => {
    const { agent, page: first } = await read({ [field]: value });
    expect(agent?.values).not.toHaveProperty(name);
    expect(Object.keys(agent?.values ?? {})).toHaveLength(attributeFields.length - 1);
    expect(first.unset).toEqual({ [field]: 1 });
  });
});

test.each([
  ['True', true],
  ['False', false],
  ['true', true],
  ['yes', undefined],
])('the text "%s" is read as the flag %s', async (text, flag) => {
  expect((await read({ infected: text })).agent?.values['sentinelOne:infected']).toBe(flag);
});

test.each([-1, 1.5, Number.MAX_VALUE])('%s active threats are no count', async activeThreats => {
  expect((await read({ activeThreats })).agent?.values).not.toHaveProperty('sentinelOne:activeThreats');
});

test('an operational state that nobody has heard of passes through', async () => {
  const { agent } = await read({ operationalState: 'brand_new_state' });
  expect(agent?.values['sentinelOne:operationalState']).toBe('brand_new_state');
});

test.each([
  ['2022-08-10T08:01:58.651000', '2022-08-10T08:01:58.651Z'],
  ['2022-08-10T08:01:58Z', '2022-08-10T08:01:58.000Z'],
  ['2022-08-10T08:01:58.651999Z', '2022-08-10T08:01:58.651Z'],
  ['2022-08-10T10:01:58.651+02:00', '2022-08-10T08:01:58.651Z'],
  ['2022-13-10T08:01:58Z', undefined],
  ['2024-02-29T23:30:00-01:00', '2024-03-01T00:30:00.000Z'],
  ['2026-02-29T08:01:58Z', undefined],
  ['2026-02-30T08:01:58Z', undefined],
  ['2026-04-31T08:01:58+02:00', undefined],
  ['2026-01-32T08:01:58Z', undefined],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['0001-01-01T00:00:00+00:01', undefined],
  ['0000-12-31T23:59:59Z', undefined],
  ['0000-12-31T23:59:59-00:01', '0001-01-01T00:00:59.000Z'],
  ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ['9999-12-31T23:59:59-23:59', undefined],
  ['yesterday', undefined],
  ['2022-08-10', undefined],
])('the time %s is read as %s', async (text, expected) => {
  const { agent, page: first } = await read({ lastActiveDate: text, registeredAt: text });
  expect(agent?.values['sentinelOne:lastActiveDate']).toBe(expected);
  expect(agent?.lastActiveAt?.toISOString()).toBe(expected);
  expect(agent?.registeredAt?.toISOString()).toBe(expected);
  expect(first.unset).toEqual(expected === undefined ? { lastActiveDate: 1 } : {});
});

test.each([
  ['decommissioned', { isDecommissioned: true }, true],
  ['decommissioned, as text', { isDecommissioned: 'True' }, true],
  ['uninstalled', { isUninstalled: true }, true],
  ['of unknown state', { isDecommissioned: null, isUninstalled: undefined }, false],
])('an agent that is %s counts as gone only by its own word', async (_, changes, gone) => {
  expect((await read(changes)).agent?.decommissioned).toBe(gone);
});

test.each([
  ['null', null],
  ['absent', undefined],
  ['empty', ''],
  ['blank', '  '],
])('an agent whose serial number is %s has no identifier, and is kept', async (_, serialNumber) => {
  const { agent, page: first } = await read({ serialNumber });
  expect(agent?.identifiers).toEqual([]);
  expect(first.unset).toEqual({ serialNumber: 1 });
});

test('texts that PostgreSQL cannot store are mended', async () => {
  const { agent } = await read({ computerName: 'a\u0000b', operationalState: 'x\ud800y' });
  expect(agent?.hostname).toBe('a\uFFFDb');
  expect(agent?.values['sentinelOne:operationalState']).toBe('x\uFFFDy');
});

test('an endless text is no value', async () => {
  const { agent } = await read({ operationalState: 'x'.repeat(2000), computerName: 'y'.repeat(2000) });
  expect(agent?.hostname).toBeNull();
  expect(agent?.values).not.toHaveProperty('sentinelOne:operationalState');
});

test('rows that cannot be read are skipped, with their id where they have one, and cost no other', async () => {
  const bad = [
    null,
    'text',
    7,
    [],
    { computerName: 'x' },
    row({ id: 1e18 }),
    row({ id: undefined }),
    row({ id: '' }),
    row({ id: 'a b' }),
  ];
  const named = [{ id: '1000000000000000002' }, row({ id: '1000000000000000003', serialNumber: { a: 1 } })];
  answerAgents(page([...bad, ...named, row({})], null, 1));
  const { pages, ids, error } = await ask({ kind: 'changed', since: new Date(0) });
  expect(error).toBeNull();
  expect(ids).toEqual(['1000000000000000001']);
  expect(pages[0]?.skipped.map(({ id }) => id)).toEqual([
    ...bad.map(() => null),
    '1000000000000000002',
    '1000000000000000003',
  ]);
  expect(pages[0]?.skipped.slice(-2).map(({ reason }) => reason)).toEqual([
    'the row holds nothing but an id',
    'serialNumber cannot be read',
  ]);
  expect(pages[0]?.unset).toEqual({});
});

test('rows that hold nothing at all are no agents, readable or not', async () => {
  answerAgents(page([row(), {}], 'a', 3), page([{}, {}]), page([], null, 3));
  const { pages, ids, claimedTotal } = await ask();
  expect(ids).toEqual(['1000000000000000001']);
  expect(pages.map(({ skipped, unset }) => [skipped, unset])).toEqual([
    [[], {}],
    [[], {}],
  ]);
  expect(claimedTotal).toBe(3);
});

test('fields that are not wanted may be anything', async () => {
  const { agent } = await read({ networkInterfaces: null, proxyStates: { console: null }, activeDirectory: 'x' });
  expect(agent?.values).toHaveProperty('sentinelOne:isActive', true);
});
