// Which agent belongs to which device, which of several speaks for it, and what an administrator may say against that. The
// agents are known already, so attributes follow at once and no console is asked.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bindAgent, removeDevice, setSerials } from '../../src/operations/devices.ts';
import { changePlaceholders } from '../../src/operations/placeholders.ts';
import type { Agent } from '../../src/providers/provider.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };
const serials = (...values: string[]) => values.map(value => ({ kind: 'serial' as const, value }));

let world: World;
let name: string;
let console: FakeConsole;
let count = 0;
beforeAll(async () => {
  world = await createWorld();
});
beforeEach(async () => {
  name = `n${count++}`;
  console = await world.integration(name, { hold_floor: 100 });
});

const request = () => ({ db: world.db, now: world.now, actor: tester });
/** Names are short in the tests and this test's own in the database. */
const device = (id: string, ...its: string[]) =>
  world.devices({ id: `${name}-${id}`, serialNumbers: its.map(serial => `${name}-${serial}`) });
const agent = (id: string, serial: string, change: Partial<Agent> = {}) => fakeAgent(id, `${name}-${serial}`, change);
const valuesOf = (id: string) => world.values(`${name}-${id}`);
const deviceReason = async (id: string) => (await world.explain(`${name}-${id}`)).match.reason;
const agentReasons = async () => {
  const { rows } = await world.db.query('select agent_id, reason from agents where integration_id = $1', [`p${name}`]);
  return Object.fromEntries(rows.map(row => [row.agent_id, row.reason]));
};
const refusals = async () =>
  (await world.events('NODE.REFUSE')).filter(e => e.target.id.startsWith(`${name}-`)).map(e => [e.target.id, e.new]);

describe('each unmatched agent and device has one reason', () => {
  it('of agents, in one sweep', async () => {
    await device('a', 'SER-A');
    await device('b', 'SER-B');
    await device('twin-1', 'SER-T');
    await device('twin-2', 'SER-T');
    console.set(
      agent('matched', 'SER-A', { registeredAt: new Date('2026-02-01T00:00:00Z') }),
      agent('older_duplicate', 'SER-A'),
      agent('decommissioned', 'SER-B'),
      agent('gone', 'SER-B'),
      fakeAgent('no_serial', null),
      fakeAgent('blank', '  '),
      fakeAgent('placeholder_serial', 'Default string'),
      fakeAgent('short', 'X-1'),
      fakeAgent('placeholders', null, { identifiers: serials('0000000', 'To be filled by O.E.M.') }),
      agent('serial_on_several_devices', 'SER-T'),
      fakeAgent('serials_of_several_devices', null, { identifiers: serials(`${name}-SER-A`, `${name}-SER-B`) }),
      agent('no_device', 'SER-NONE'),
    );
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', agents: 12 });
    console.set(agent('decommissioned', 'SER-B', { decommissioned: true }));
    console.agents.delete('gone');
    const result = await world.sync(name);
    expect(await agentReasons()).toEqual({
      matched: null,
      older_duplicate: 'older_duplicate',
      decommissioned: 'decommissioned',
      gone: 'gone',
      no_serial: 'no_serial',
      blank: 'no_serial',
      placeholder_serial: 'placeholder_serial',
      short: 'placeholder_serial',
      placeholders: 'placeholder_serial',
      serial_on_several_devices: 'serial_on_several_devices',
      serials_of_several_devices: 'serials_of_several_devices',
      no_device: 'no_device',
    });
    expect(result).toMatchObject({ matched: 1, unmatched: { no_serial: 2, placeholder_serial: 3, no_device: 1 } });
    await world.verify();
  });

  it('of devices', async () => {
    await world.devices(
      { id: `${name}-no_serial` },
      { id: `${name}-placeholder_serial`, serialNumbers: ['0000000', 'N/A'] },
      { id: `${name}-serial_on_several_devices`, serialNumbers: [`${name}-T`] },
      { id: `${name}-other`, serialNumbers: [`${name}-T`] },
      { id: `${name}-serial_set_on_other_device`, serialNumbers: [`${name}-M`] },
      { id: `${name}-holder` },
    );
    await device('no_agent', 'NONE');
    for (const reason of ['decommissioned', 'gone', 'expired']) {
      await device(reason, reason);
      console.set(agent(reason, reason));
    }
    await setSerials(request(), `${name}-holder`, [`${name}-M`]);
    await world.sync(name);
    console.set(agent('decommissioned', 'decommissioned', { decommissioned: true }));
    console.agents.delete('gone');
    console.unreadable.add('expired');
    await world.sync(name);
    world.pass(73 * hour);
    await world.sync(name);
    for (const reason of [
      'no_serial',
      'placeholder_serial',
      'serial_on_several_devices',
      'serial_set_on_other_device',
      'no_agent',
      'decommissioned',
      'gone',
      'expired',
    ]) {
      expect(await deviceReason(reason)).toBe(reason);
      expect(await valuesOf(reason)).toEqual({});
      expect((await world.explain(`${name}-${reason}`)).match.explanation).toMatch(/^[A-Z].*\.$/);
    }
    await world.verify();
  });

  it('a good serial beside a placeholder matches', async () => {
    await world.devices({ id: `${name}-a`, serialNumbers: ['N/A', `${name}-GOOD`] });
    console.set(fakeAgent('1', null, { identifiers: serials('Default string', `${name}-good`) }));
    await world.sync(name);
    expect(await valuesOf('a')).toEqual(healthy);
  });
});

describe('of several agents of a device', () => {
  const early = new Date('2026-01-01T00:00:00Z');
  const late = new Date('2026-01-02T00:00:00Z');
  it.each<[string, Partial<Agent> & { id: string }, Partial<Agent> & { id: string }]>([
    [
      'the active one speaks, though registered earlier',
      { id: '1', registeredAt: early },
      { id: '2', active: false, registeredAt: late },
    ],
    [
      'one that is not known to be active does not',
      { id: '1', registeredAt: early },
      { id: '2', active: null, registeredAt: late },
    ],
    [
      'of active ones that which was registered last',
      { id: '1', registeredAt: late },
      { id: '2', registeredAt: early },
    ],
    [
      'of inactive ones that which was registered last',
      { id: '1', registeredAt: late, active: false },
      { id: '2', registeredAt: early, active: null },
    ],
    ['one without that time is the last', { id: '1', registeredAt: early }, { id: '2', registeredAt: null }],
    ['else the highest id, as a number', { id: '10' }, { id: '9' }],
    ['else the highest id, as text', { id: '19' }, { id: '18' }],
    [
      'a decommissioned one never does',
      { id: '1', active: null, registeredAt: null },
      { id: '2', decommissioned: true },
    ],
  ])('%s', async (_, speaker, other) => {
    await device('a', 'SER');
    const first = agent(other.id, 'SER', { values: { 'fake:state': 'other' }, ...other, decommissioned: false });
    // The other one is there first, so that being first does not count.
    console.set(first);
    await world.sync(name);
    console.set(agent(speaker.id, 'SER', speaker), { ...first, decommissioned: other.decommissioned ?? false });
    await world.sync(name);
    expect(await valuesOf('a')).toEqual(healthy);
    expect(await agentReasons()).toEqual({
      [speaker.id]: null,
      [other.id]: other.decommissioned ? 'decommissioned' : 'older_duplicate',
    });
    await world.verify();
  });

  it('the last contact does not count, so that clones do not swap', async () => {
    await device('a', 'SER');
    console.set(agent('1', 'SER', { lastActiveAt: early }), agent('2', 'SER', { lastActiveAt: early }));
    await world.sync(name);
    for (const id of ['1', '2', '1']) {
      console.set(agent(id, 'SER', { lastActiveAt: world.now() }));
      expect(await world.sync(name)).toMatchObject({ events: 0 });
    }
    expect(await agentReasons()).toEqual({ 1: 'older_duplicate', 2: null });
  });

  it('across integrations of a provider the same order decides, and the values name theirs', async () => {
    const second = await world.integration(`${name}-b`);
    await device('a', 'SER');
    console.set(agent('5', 'SER', { registeredAt: late }));
    second.set(agent('5', 'SER', { registeredAt: early, values: { 'fake:state': 'second' } }));
    await world.sync(`${name}-b`);
    expect(await valuesOf('a')).toEqual({ state: 'second' });
    await world.sync(name);
    expect(await valuesOf('a')).toEqual(healthy);
    expect((await world.explain(`${name}-a`)).attributes['fake:state']).toMatchObject({ integration: name });
    second.set(agent('5', 'SER', { registeredAt: late, values: { 'fake:state': 'second' } }));
    await world.sync(`${name}-b`);
    // Same id, same time: the integration's own id decides, so that both see it alike.
    expect(await valuesOf('a')).toEqual({ state: 'second' });
    await world.verify();
  });

  it('the next one takes over when the speaker goes, in the same revision', async () => {
    await device('a', 'SER');
    console.set(agent('1', 'SER', { values: { 'fake:threats': 4 } }), agent('2', 'SER'));
    await world.sync(name);
    console.agents.delete('2');
    expect(await world.sync(name)).toMatchObject({ events: 1, attributes: { changed: 1, removed: 2 } });
    expect(await valuesOf('a')).toEqual({ threats: 4 });
    await world.verify();
  });
});

describe('without any call to the console', () => {
  async function quietly(work: () => Promise<unknown>): Promise<void> {
    const asked = console.queries.length;
    await work();
    expect(console.queries).toHaveLength(asked);
    await world.verify();
  }

  it('a new device has its attributes at once', async () => {
    console.set(agent('1', 'SER'));
    await world.sync(name);
    await quietly(() => device('a', 'ser'));
    expect(await valuesOf('a')).toEqual(healthy);
    expect(await agentReasons()).toEqual({ 1: null });
  });

  it('a changed serial takes the attributes along', async () => {
    console.set(agent('1', 'OLD'), agent('2', 'NEW', { values: { 'fake:threats': 2 } }));
    await device('a', 'OLD');
    await world.sync(name);
    await quietly(() => device('a', 'NEW'));
    expect(await valuesOf('a')).toEqual({ threats: 2 });
    expect(await agentReasons()).toEqual({ 1: 'no_device', 2: null });
    await quietly(() => device('a'));
    expect(await valuesOf('a')).toEqual({});
  });

  it('a removed device leaves its agents unmatched, and bound ones free', async () => {
    console.set(agent('1', 'SER'), fakeAgent('2', null));
    await device('a', 'SER');
    await world.sync(name);
    await bindAgent(request(), `${name}-a`, '2', name);
    await quietly(() => removeDevice(request(), `${name}-a`));
    expect(await agentReasons()).toEqual({ 1: 'no_device', 2: 'no_serial' });
    const gone = (await world.events('NODE.DELETE')).filter(e => e.target.id === `${name}-a`).map(e => e.event);
    expect(gone).toEqual(['NODE.DELETE.ATTRIBUTES', 'NODE.DELETE']);
  });

  it('a serial on two devices matches neither, until one of them loses it', async () => {
    console.set(agent('1', 'SER'));
    await device('a', 'SER');
    await world.sync(name);
    await quietly(() => device('b', 'SER'));
    expect([await valuesOf('a'), await valuesOf('b')]).toEqual([{}, {}]);
    expect([await deviceReason('a'), await deviceReason('b')]).toEqual(Array(2).fill('serial_on_several_devices'));
    expect(await agentReasons()).toEqual({ 1: 'serial_on_several_devices' });
    await quietly(() => device('a', 'OTHER'));
    expect(await valuesOf('b')).toEqual(healthy);
  });

  it('a serial set by hand ends such a conflict, and newcomers are refused with an event that names both', async () => {
    console.set(agent('1', 'SER'));
    await device('a', 'SER');
    await device('b', 'SER');
    await world.sync(name);
    await quietly(() => setSerials(request(), `${name}-b`, [`${name}-ser`]));
    expect([await valuesOf('a'), await valuesOf('b')]).toEqual([{}, healthy]);
    expect(await deviceReason('a')).toBe('serial_set_on_other_device');
    expect(await refusals()).toEqual([]);
    await quietly(() => device('c', 'SER'));
    const refused = (id: string) => [
      `${name}-${id}`,
      { device: `${name}-${id}`, heldBy: `${name}-b`, serialNumber: expect.stringMatching(/-ser$/i) },
    ];
    expect(await refusals()).toEqual([refused('c')]);
    await expect(setSerials(request(), `${name}-a`, [`${name}-SER`])).rejects.toThrow(`by hand on device "${name}-b"`);
    expect(await refusals()).toEqual([refused('c'), refused('a')]);
    expect(await valuesOf('b')).toEqual(healthy);
    await quietly(() => setSerials(request(), `${name}-b`, []));
    expect(await deviceReason('b')).toBe('serial_on_several_devices');
  });

  it('serials set by hand replace those reported, and going back brings them back', async () => {
    console.set(agent('1', 'REPORTED'), agent('2', 'BY-HAND', { values: { 'fake:threats': 2 } }));
    await device('a', 'REPORTED');
    await world.sync(name);
    await quietly(() => setSerials(request(), `${name}-a`, [`${name}-BY-HAND`]));
    expect(await valuesOf('a')).toEqual({ threats: 2 });
    await quietly(() => setSerials(request(), `${name}-a`, []));
    expect(await valuesOf('a')).toEqual(healthy);
  });

  it('a placeholder cannot be set by hand', async () => {
    await device('a');
    await expect(setSerials(request(), `${name}-a`, ['Default string'])).rejects.toThrow('placeholder');
  });

  it('an agent bound by hand belongs to its device, whatever their serials are', async () => {
    console.set(fakeAgent('1', null), agent('2', 'SER', { values: { 'fake:threats': 2 }, active: false }));
    await device('a', 'SER');
    await device('b', 'OTHER');
    await world.sync(name);
    await quietly(() => bindAgent(request(), `${name}-a`, '1', name));
    expect(await valuesOf('a')).toEqual(healthy);
    await quietly(() => bindAgent(request(), `${name}-b`, '2', name));
    expect(await valuesOf('b')).toEqual({ threats: 2 });
    await world.sync(name);
    expect(await valuesOf('b')).toEqual({ threats: 2 });
    await quietly(() => bindAgent(request(), null, '2', name));
    await quietly(() => bindAgent(request(), null, '1', name));
    expect([await valuesOf('a'), await valuesOf('b')]).toEqual([{ threats: 2 }, {}]);
    await expect(bindAgent(request(), `${name}-a`, 'nobody')).rejects.toThrow('there is no agent "nobody"');
  });

  it("an administrator's placeholder takes effect and ends at once", async () => {
    console.set(agent('1', 'JUNK'));
    await device('a', 'JUNK');
    await world.sync(name);
    await quietly(() => changePlaceholders(request(), { add: [`${name}-junk `] }));
    expect(await valuesOf('a')).toEqual({});
    expect(await deviceReason('a')).toBe('placeholder_serial');
    expect(await agentReasons()).toEqual({ 1: 'placeholder_serial' });
    const before = (await world.db.query('select revision from head')).rows;
    await changePlaceholders(request(), { add: [`${name}-JUNK`] });
    expect((await world.db.query('select revision from head')).rows).toEqual(before);
    await quietly(() => changePlaceholders(request(), { remove: [`${name}-Junk`] }));
    expect(await valuesOf('a')).toEqual(healthy);
    const listed = (await world.events('TAILNET.UPDATE.PLACEHOLDER')).map(e => [e.old, e.new]);
    expect(listed.slice(-2)).toEqual([
      [[], [`${name}-junk `]],
      [[`${name}-junk `], []],
    ]);
    await expect(changePlaceholders(request(), { remove: ['Default string'] })).rejects.toThrow(
      'the shipped list stays',
    );
  });

  it('all of it stands in a log that tells everything', async () => {
    await world.verify();
    await expectWholeLog(world.db);
  });
});
