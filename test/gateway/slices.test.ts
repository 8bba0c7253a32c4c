// Large changes in parts: each row once, a device never without its values, and decisions in between.
import { expect, it } from 'vitest';
import { devicesASlice, inSlices } from '../../src/gateway/slices.ts';
import type { FedDevice, FedValues, Portion } from '../../src/store/feed.ts';
import { type Random, seeded } from '../support/random.ts';

const device = (id: string): FedDevice => ({ id, hostname: null, user: null, tags: [], identifiers: [] });
const said = (deviceId: string, source: string): FedValues => ({
  ...{ deviceId, source, values: '{}', moving: {}, integrationId: null, observedAt: null, frozenAt: null },
  withheld: null,
});

it('gives each row once, a device together with its values, and others a turn in between', () => seeded(7, check));

async function check(random: Random): Promise<void> {
  const ids = Array.from({ length: 3_000 }, (_, n) => `d${n}`);
  const some = (share: number) => ids.filter(() => random.next() < share);
  for (const [ofDevices, ofValues] of [
    [1, 1],
    [0.5, 0.5],
    [0, 1],
    [1, 0],
    [0.01, 0.01],
  ] as const) {
    const devices = some(ofDevices).map(device);
    const values = [...some(ofValues).map(id => said(id, 'fake')), ...some(ofValues).map(id => said(id, 'other'))];
    const taken: Portion[] = [];
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await inSlices({ devices, values }, slice => void taken.push(slice));
    isDone = true;
    expect(taken.flatMap(slice => slice.devices).sort(by)).toEqual([...devices].sort(by));
    expect(taken.flatMap(slice => slice.values)).toHaveLength(values.length);
    const left = new Set(values);
    for (const entry of taken.flatMap(slice => slice.values)) expect(left.delete(entry)).toBe(true);
    for (const slice of taken) {
      expect(slice.devices.length).toBeLessThanOrEqual(devicesASlice);
      const inIt = new Set(slice.devices.map(({ id }) => id));
      const elsewhere = taken.filter(other => other !== slice).flatMap(other => other.values);
      expect(elsewhere.some(({ deviceId }) => inIt.has(deviceId))).toBe(false);
    }
    if (taken.length > 1) expect(turns).toBeGreaterThanOrEqual(taken.length - 1);
  }
}

const by = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
