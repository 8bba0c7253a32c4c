// Time passes for the simulated fleet: what moves by itself, what happens by chance, and exact shares for the bench.
import { expect, test } from 'vitest';
import { isListed } from '../../src/simulator/agent.ts';
import { churnAtPace, eventNames, noChurn } from '../../src/simulator/churn.ts';
import { createFleet, type Fleet } from '../../src/simulator/fleet.ts';
import { renderRow } from '../../src/simulator/row.ts';
import { noon, type Row } from './support.ts';

const now = (): Date => noon;
const moving = ['lastActiveDate', 'updatedAt'];

function snapshot(fleet: Fleet): Map<string, Row> {
  return new Map(fleet.agents.filter(isListed).map(agent => [agent.id, JSON.parse(renderRow(agent, fleet.at)) as Row]));
}

/** Names of the fields by which two rows of one agent differ. */
function differing(before: Row | undefined, after: Row | undefined): string[] {
  return Object.keys({ ...before, ...after }).filter(
    key => JSON.stringify(before?.[key]) !== JSON.stringify(after?.[key]),
  );
}

test.each([{ changePercent: 0 }, { rates: noChurn }])(
  'without churn (%o) only last contact and update time move, on every active agent',
  still => {
    const fleet = createFleet({ agents: 1_000, seed: 2, now });
    const before = snapshot(fleet);
    fleet.advance({ minutes: 15, ...still });
    const after = snapshot(fleet);
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [id, row] of before) {
      const agent = fleet.find(id);
      const expected = agent?.active ? (agent.quirk === 'nulls' ? ['updatedAt'] : moving) : [];
      expect(differing(row, after.get(id))).toEqual(expected);
    }
  },
);

test.each([0.1, 1, 7, 50])('exactly %s percent of the agents change one posture value when asked for', percent => {
  const fleet = createFleet({ agents: 1_000, seed: 2, now });
  const before = snapshot(fleet);
  const { changed } = fleet.advance({ minutes: 15, changePercent: percent });
  const after = snapshot(fleet);
  const found = [...before].filter(([id, row]) => differing(row, after.get(id)).some(key => !moving.includes(key)));
  expect(found.map(([id]) => id).sort()).toEqual([...changed].sort());
  expect(changed.length).toBe(percent * 10);
  const posture = ['firewallEnabled', 'encryptedApplications', 'agentVersion'];
  for (const [id, row] of found) {
    expect(differing(row, after.get(id)).filter(key => posture.includes(key))).toHaveLength(1);
  }
});

test('the next exact share is another one', () => {
  const fleet = createFleet({ agents: 1_000, seed: 2, now });
  const first = fleet.advance({ minutes: 15, changePercent: 5 }).changed;
  expect(fleet.advance({ minutes: 15, changePercent: 5 }).changed).not.toEqual(first);
});

test('in some days everything happens that can happen to an agent', () => {
  const fleet = createFleet({ agents: 2_000, seed: 2, now });
  const { events } = fleet.advance({ minutes: 3 * 24 * 60 });
  for (const name of eventNames) expect([name, events[name] > 0]).toEqual([name, true]);
  const found = fleet.agents.map(agent => agent.id);
  expect(found).toEqual([...new Set(found)].sort());
});

test('a faster pace makes more happen, and pace 0 nothing', () => {
  const sum = (pace: number): number => {
    const fleet = createFleet({ agents: 2_000, seed: 2, now, churn: churnAtPace(pace) });
    return Object.values(fleet.advance({ minutes: 60 }).events).reduce((a, b) => a + b, 0);
  };
  expect(sum(0)).toBe(0);
  expect(sum(4)).toBeGreaterThan(2 * sum(1));
});

test('a reinstalled agent has the same serial and name, another id and uuid, and the old one falls silent', () => {
  const fleet = createFleet({ agents: 50, seed: 2, now });
  const old = fleet.agents.find(agent => agent.active && agent.serial && isListed(agent));
  const young = fleet.reinstall(old?.id ?? '');
  expect(young).toMatchObject({
    serial: old?.serial,
    hostname: old?.hostname,
    active: true,
    registeredAt: noon.getTime(),
  });
  expect(old?.active).toBe(false);
  expect(fleet.agents.at(-1)).toBe(young);
});

test('an agent can be changed, purged and enrolled by hand', () => {
  const fleet = createFleet({ agents: 50, seed: 2, now });
  const id = fleet.agents[0]?.id ?? '';
  expect(fleet.change(id, { infected: true, activeThreats: 2 })).toMatchObject({ infected: true, changedAt: fleet.at });
  fleet.purge(id);
  expect(fleet.find(id)).toBeUndefined();
  expect(() => fleet.change(id, {})).toThrow(`the fleet has no agent ${id}`);
  expect(fleet.enrol({ serial: 'TEST1234' }).serial).toBe('TEST1234');
  expect(fleet.listed()).toBe(50);
});

test('time does not go back', () => {
  const fleet = createFleet({ agents: 5, seed: 2, now });
  expect(() => fleet.advance({ minutes: -1 })).toThrow(RangeError);
  fleet.advanceTo(new Date(noon.getTime() - 1_000));
  expect(fleet.at).toBe(noon.getTime());
});
