// The simulated fleet is made from its seed alone, looks like the field, and has an inventory beside it.
import { describe, expect, test } from 'vitest';
import { isListed, type SimulatedAgent } from '../../src/simulator/agent.ts';
import { createFleet, type Fleet } from '../../src/simulator/fleet.ts';
import { inventory } from '../../src/simulator/inventory.ts';
import { renderRow } from '../../src/simulator/row.ts';
import { uuidOf } from '../../src/simulator/row-holes.ts';
import { junkSerials } from '../../src/simulator/serials.ts';
import { noon, type Row } from './support.ts';

const now = (): Date => noon;

function rows(fleet: Fleet): Row[] {
  return fleet.agents.map(agent => JSON.parse(renderRow(agent, fleet.at)) as Row);
}

const fleet = createFleet({ agents: 3_000, seed: 5, now });
const all = rows(fleet);

describe('a fleet', () => {
  test('is the same for the same seed, also after the same hours, and another for another', () => {
    const twin = createFleet({ agents: 500, seed: 3, now });
    const same = createFleet({ agents: 500, seed: 3, now });
    for (const each of [twin, same]) each.advance({ minutes: 600 });
    expect(rows(same)).toEqual(rows(twin));
    expect(rows(createFleet({ agents: 500, seed: 4, now }))).not.toEqual(
      rows(createFleet({ agents: 500, seed: 3, now })),
    );
  });

  test('lists exactly as many agents as asked for, with gone ones on top', () => {
    expect(fleet.listed()).toBe(3_000);
    const gone = fleet.agents.filter(agent => !isListed(agent)).length;
    expect(gone).toBeGreaterThan(60);
    expect(gone).toBeLessThan(200);
  });

  test('has ids of 19 digits that ascend and never repeat', () => {
    const found = fleet.agents.map(agent => agent.id);
    expect(found.every(id => /^\d{19}$/.test(id))).toBe(true);
    expect(found).toEqual([...new Set(found)].sort());
  });

  test('has an agent registered with the same id and time when made again on another day', () => {
    const later = createFleet({ agents: 100, seed: 3, now: () => new Date('2026-12-24T00:00:00Z') });
    const earlier = createFleet({ agents: 100, seed: 3, now });
    const facts = (each: Fleet): unknown => each.agents.map(agent => [agent.id, agent.registeredAt, agent.serial]);
    expect(facts(later)).toEqual(facts(earlier));
  });
});

describe('a row', () => {
  test('has the 88 fields of the reference, in alphabetical order, in about 3.4 KB', () => {
    const texts = fleet.agents.map(agent => renderRow(agent, fleet.at));
    for (const row of all) {
      const names = Object.keys(row);
      expect(names).toHaveLength('serialNumber' in row ? 88 : 87);
      expect(names).toEqual([...names].sort());
    }
    const average = texts.reduce((sum, text) => sum + text.length, 0) / texts.length;
    expect(average).toBeGreaterThan(3_200);
    expect(average).toBeLessThan(3_700);
  });

  test('says what the agent is', () => {
    for (const [i, agent] of fleet.agents.entries()) {
      const row = all[i];
      expect(row).toMatchObject({ id: agent.id, uuid: uuidOf(agent), computerName: agent.hostname });
      expect(row?.serialNumber).toBe(agent.serial);
      expect(Date.parse(String(row?.registeredAt))).toBe(agent.registeredAt);
      if (agent.quirk !== 'none') continue;
      expect(row).toMatchObject({
        isActive: agent.active,
        infected: agent.infected,
        activeThreats: agent.activeThreats,
        agentVersion: agent.version,
        firewallEnabled: agent.firewall,
        encryptedApplications: agent.encrypted,
        operationalState: agent.operationalState,
        networkStatus: agent.networkStatus,
        isUpToDate: agent.upToDate,
        threatRebootRequired: agent.rebootRequired,
        isDecommissioned: agent.decommissioned,
        siteName: agent.site.name,
      });
    }
  });

  test('is plain ASCII even for a name with an apostrophe of its own', () => {
    const mac = fleet.agents.find(agent => agent.hostname.includes('’'));
    const text = mac ? renderRow(mac, fleet.at) : '';
    expect(text).toMatch(/^[ -~]+$/);
    expect(JSON.parse(text).computerName).toBe(mac?.hostname);
  });

  test('strays from the promised types now and then: strings for booleans, and nulls', () => {
    expect(all.some(row => row.infected === 'False' && row.isActive === 'True')).toBe(true);
    expect(all.some(row => row.infected === null && row.networkInterfaces === null)).toBe(true);
    expect(all.some(row => row.operationalState === 'maintenance_v9')).toBe(true);
  });
});

describe('serial numbers', () => {
  const listed = fleet.agents.filter(isListed);
  const count = (wanted: (agent: SimulatedAgent) => boolean): number => listed.filter(wanted).length;

  test('are null, absent and empty, mostly on Linux', () => {
    for (const missing of [null, undefined, '']) expect(count(agent => agent.serial === missing)).toBeGreaterThan(0);
    const linux = count(agent => !agent.serial && agent.model.osType === 'linux');
    expect(linux).toBeGreaterThan(count(agent => !agent.serial) / 2);
  });

  test('are placeholders on some machines', () => {
    const junk = count(agent => junkSerials.includes(agent.serial ?? ''));
    expect(junk / listed.length).toBeGreaterThan(0.01);
    expect(junk / listed.length).toBeLessThan(0.06);
  });

  test('come in spellings: lower case, spaces, VMware with and without', () => {
    expect(
      count(agent => /^[a-z0-9]{7,12}$/.test(agent.serial ?? '') && /[a-z]/.test(agent.serial ?? '')),
    ).toBeGreaterThan(0);
    expect(count(agent => /^ .* $/.test(agent.serial ?? ''))).toBeGreaterThan(0);
    expect(
      count(agent => /^VMware-56 4d( [0-9a-f]{2}){6}-([0-9a-f]{2} ?){8}$/.test(agent.serial ?? '')),
    ).toBeGreaterThan(0);
    expect(count(agent => /^VMware-564d[0-9a-f]{12}-[0-9a-f]{16}$/.test(agent.serial ?? ''))).toBeGreaterThan(0);
    expect(count(agent => /^ec2[0-9a-f]{5}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(agent.serial ?? ''))).toBeGreaterThan(
      0,
    );
  });

  test('are shared by reinstalled agents of one machine and by clones, and else by nobody', () => {
    const bySerial = Map.groupBy(
      listed.filter(agent => agent.serial && !junkSerials.includes(agent.serial)),
      agent => agent.serial?.trim().toUpperCase().replaceAll(' ', ''),
    );
    const shared = [...bySerial.values()].filter(group => group.length > 1);
    const machines = (group: readonly SimulatedAgent[]): number => new Set(group.map(agent => agent.machine)).size;
    const reinstalled = shared.filter(group => machines(group) === 1);
    expect(reinstalled.length).toBeGreaterThan(30);
    for (const group of reinstalled) {
      expect(new Set(group.map(agent => agent.hostname)).size).toBe(1);
      expect(new Set(group.map(uuidOf)).size).toBe(group.length);
      // All but the last registered fell silent.
      expect(group.slice(0, -1).every(agent => !agent.active)).toBe(true);
    }
    expect(shared.filter(group => machines(group) > 1).length).toBeGreaterThan(5);
  });
});

describe('the inventory', () => {
  const small = createFleet({ agents: 500, seed: 1, now });
  const devices = inventory(small);
  const numbers = devices.flatMap(device => [...new Set(device.serialNumbers)]);

  test('has about 450 devices for 500 agents, each with its own id, the same ones each time', () => {
    expect(devices.length).toBeGreaterThan(430);
    expect(devices.length).toBeLessThan(470);
    expect(new Set(devices.map(device => device.id)).size).toBe(devices.length);
    expect(inventory(createFleet({ agents: 500, seed: 1, now }))).toEqual(devices);
  });

  test('has devices with several serials, with junk, with none reported, and without an agent', () => {
    expect(devices.some(device => device.serialNumbers.length > 1)).toBe(true);
    expect(numbers.some(number => junkSerials.includes(number))).toBe(true);
    expect(devices.some(device => device.tags.includes('spare'))).toBe(true);
  });

  test('has serials that two devices claim', () => {
    const real = numbers.filter(number => !junkSerials.includes(number));
    expect(new Set(real).size).toBeLessThan(real.length);
  });

  test('leaves out about a tenth of the agents', () => {
    const machines = new Set(
      small.agents.filter(isListed).map(agent => `dev-${String(agent.machine + 1).padStart(6, '0')}`),
    );
    const known = devices.filter(device => machines.has(device.id)).length;
    expect(known / machines.size).toBeGreaterThan(0.86);
    expect(known / machines.size).toBeLessThan(0.94);
  });
});
