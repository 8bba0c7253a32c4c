// Large changes in parts: each row once, a device never without its values, and decisions in between.
import { describe, expect, it } from 'vitest';
import { devicesASlice, inSlices, takeChanges } from '../../src/gateway/slices.ts';
import type { Everything, FedDevice, FedValues, Portion, RevisedPortion } from '../../src/store/feed.ts';
import { type Random, seeded } from '../support/random.ts';
import { tester } from '../support/world.ts';

const device = (id: string): FedDevice => ({ id, hostname: null, user: null, tags: [], identifiers: [] });
const said = (deviceId: string, source: string): FedValues => ({
  ...{ deviceId, source, values: '{}', moving: {}, integrationId: null, observedAt: null, frozenAt: null },
  withheld: null,
  stated: null,
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

describe('changes that are taken while they are read', () => {
  const around: Everything = { revision: 9, integrations: [], policy: null };
  const applied: Everything = {
    ...around,
    policy: { revision: 9, hash: 'h', text: '{}', actor: tester, appliedAt: new Date(0) },
  };

  async function* fed(first: Everything, parts: Partial<RevisedPortion>[]) {
    yield first;
    for (const part of parts) yield { removed: [], devices: [], values: [], ...part };
    return undefined;
  }

  it('are each taken once, and all of a device at one time', async () => {
    await seeded(11, async random => {
      const ids = Array.from({ length: 2_000 }, (_, n) => `d${n}`);
      const devices = ids.filter(() => random.next() < 0.1).map(device);
      const values = ids.flatMap(id => ['a', 'b', 'c'].filter(() => random.next() < 0.4).map(from => said(id, from)));
      const parts: Partial<RevisedPortion>[] = [
        { removed: [{ id: 'gone', revision: 8 }] },
        { devices: devices.map(each => ({ ...each, revision: 9 })) },
      ];
      for (let from = 0, size = 0; from < values.length; from += size) {
        size = 1 + Math.floor(random.next() * 400);
        parts.push({ values: values.slice(from, from + size).map(each => ({ ...each, revision: 9 })) });
      }
      const taken: Portion[] = [];
      const removed: string[] = [];
      const taker = { take: (part: Portion) => void taken.push(part), remove: (id: string) => void removed.push(id) };
      expect(await takeChanges(taker, fed(around, parts))).toBe(around);
      expect(removed).toEqual(['gone']);
      expect(taken.length).toBeGreaterThan(10);
      const sources = taken.flatMap(part => part.values.map(({ deviceId, source }) => `${deviceId} ${source}`));
      expect(sources.sort()).toEqual(values.map(({ deviceId, source }) => `${deviceId} ${source}`).sort());
      expect(taken.flatMap(part => part.devices.map(({ id }) => id)).sort()).toEqual(
        devices.map(({ id }) => id).sort(),
      );
      const when = new Map<string, number>();
      for (const [n, part] of taken.entries())
        for (const id of [...part.devices.map(each => each.id), ...part.values.map(each => each.deviceId)]) {
          expect(when.get(id) ?? n).toBe(n);
          when.set(id, n);
        }
    });
  });

  it('are taken at once under another policy', async () => {
    const parts = Array.from({ length: 3 }, (_, n) => ({ values: [{ ...said(`d${n}`, 'a'), revision: 9 }] }));
    const taken: Portion[] = [];
    await takeChanges({ take: part => void taken.push(part), remove: () => {} }, fed(applied, parts));
    expect(taken.map(({ values }) => values.length)).toEqual([3]);
  });

  it('are not taken where they are forgotten', async () => {
    // biome-ignore lint/correctness/useYield: as the database says it
    const forgotten = (async function* (): AsyncGenerator<Everything, 'forgotten'> {
      return 'forgotten';
    })();
    expect(await takeChanges({ take: () => expect.unreachable(), remove: () => expect.unreachable() }, forgotten)).toBe(
      'forgotten',
    );
  });
});

const by = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
