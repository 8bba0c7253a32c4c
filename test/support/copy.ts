// A copy of what the database feeds, kept as the gateway keeps it: everything once, then what changed. Compared with everything
// read anew, and its ages with what `explain` tells.
import { expect } from 'vitest';
import { takeChanges } from '../../src/gateway/slices.ts';
import {
  type FedDevice,
  type FedIntegration,
  type FedValues,
  type Portion,
  readEverything,
  readPortions,
  type Surroundings,
} from '../../src/store/feed.ts';
import type { TestDatabase } from './database.ts';

export class Copy {
  readonly devices = new Map<string, FedDevice>();
  readonly values = new Map<string, FedValues>();
  integrations = new Map<string, FedIntegration>();
  revision = 0;
  /** Revisions as they were come to. */
  readonly seen: number[] = [];
  private readonly database: TestDatabase;
  private readonly moving: readonly string[];

  /** @param moving names of the attributes that move at every check-in */
  constructor(database: TestDatabase, moving: readonly string[]) {
    this.database = database;
    this.moving = moving;
  }

  async load(): Promise<void> {
    this.devices.clear();
    this.values.clear();
    this.surround(await readEverything(this.database.url, this.moving, portion => this.take(portion)));
  }

  /** Takes what changed. @returns whether it had to load everything */
  async follow(): Promise<boolean> {
    const session = await this.database.pool.connect();
    try {
      const taker = { take: this.take.bind(this), remove: (id: string) => void this.devices.delete(id) };
      const around = await takeChanges(taker, readPortions(session, this.revision, this.moving));
      if (around === 'forgotten') {
        await this.load();
        return true;
      }
      this.surround(around);
      return false;
    } finally {
      session.release();
    }
  }

  /** Fails where it differs from the database as it is now. */
  async compare(): Promise<void> {
    const anew = new Copy(this.database, this.moving);
    await anew.load();
    expect(this.revision, 'revision').toBe(anew.revision);
    expect(inOrder(this.devices), 'devices').toEqual(inOrder(anew.devices));
    expect(inOrder(this.values), 'values').toEqual(inOrder(anew.values));
  }

  /** Values of a device with the time at which each was confirmed, by full name. */
  valuesOf(deviceId: string): Record<string, { value: unknown; confirmedAt: string | null }> {
    const found: Record<string, { value: unknown; confirmedAt: string | null }> = {};
    for (const entry of this.values.values()) {
      if (entry.deviceId !== deviceId) continue;
      const { values, moving, withheld, stated, integrationId, observedAt, frozenAt } = entry;
      const sweptAt = (integrationId === null ? null : this.integrations.get(integrationId)?.sweptAt) ?? 0;
      const confirmed = frozenAt ?? (observedAt === null ? null : Math.max(observedAt, sweptAt));
      for (const [name, value] of Object.entries({ ...JSON.parse(values ?? '{}'), ...moving })) {
        const own = withheld?.[name]?.confirmedAt ?? stated?.[name]?.at;
        const at = own === undefined ? confirmed : Date.parse(own);
        found[name] = { value, confirmedAt: at === null ? null : new Date(at).toISOString() };
      }
    }
    return found;
  }

  private surround({ revision, integrations }: Surroundings): void {
    this.revision = revision;
    this.seen.push(revision);
    this.integrations = new Map(integrations.map(it => [it.id, it]));
  }

  private take({ devices, values }: Portion): void {
    for (const device of devices) this.devices.set(device.id, device);
    for (const entry of values) {
      const key = `${entry.deviceId} ${entry.source}`;
      if (entry.values === null) this.values.delete(key);
      else this.values.set(key, entry);
    }
  }
}

const inOrder = <T>(map: ReadonlyMap<string, T>) => Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
