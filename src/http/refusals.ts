// Refused requests as audit events: one a key and scope a minute, with a count, so that an attack fills no log. Whoever
// has no known key is told by the network it came from; beyond some networks a minute the rest is counted together.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { unknownClient } from '../posture/events.ts';
import type { Scope } from '../posture/scopes.ts';
import type { Now, Pool } from '../store/client.ts';
import { type AuditEvent, write } from '../store/write.ts';
import type { Caller } from './key-ring.ts';
import { networkOf } from './networks.ts';

export interface Refused {
  /** Null: the key is not known, or there was none. */
  caller: Pick<Caller, 'id' | 'name' | 'actor'> | null;
  /** The scope that was missing; null: the key does not hold. */
  scope: Scope | null;
  /** Why, to the audit log only. */
  reason: 'missing' | 'malformed' | 'unknown' | 'revoked' | 'expired' | 'scope';
  address: string;
}

export interface Refusals {
  note(refused: Refused): void;
  /** How many there were since the start, by reason. */
  counts(): Readonly<Record<Refused['reason'], number>>;
  /** Writes what was noted. It does so by itself once a minute. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

interface Noted {
  caller: Refused['caller'];
  scope: Scope | null;
  network: string;
  count: number;
  since: Date;
  until: Date;
  reasons: Record<string, number>;
  /** The first few. */
  networks: Set<string>;
}

const flushEveryMs = 60_000;
const lastFlushMs = 2_000;
const mostUnknownNetworks = 20;
const mostNetworksTold = 5;
const otherNetworks = 'other networks';

export function createRefusals({ db, now, log }: { db: Pool; now: Now; log: Log }): Refusals {
  const counts = { missing: 0, malformed: 0, unknown: 0, revoked: 0, expired: 0, scope: 0 };
  let noted = new Map<string, Noted>();
  let unknownNetworks = 0;
  /** @returns the entry that it belongs to */
  const entryFor = ({ caller, scope, address }: Refused): Noted => {
    let network = networkOf(address);
    const nameOf = () => `${caller === null ? network : `key ${caller.id}`} ${scope}`;
    if (caller === null && !noted.has(nameOf()) && unknownNetworks >= mostUnknownNetworks) network = otherNetworks;
    const known = noted.get(nameOf());
    if (known) return known;
    if (caller === null) unknownNetworks++;
    const at = now();
    const entry = { caller, scope, network, count: 0, since: at, until: at, reasons: {}, networks: new Set<string>() };
    noted.set(nameOf(), entry);
    return entry;
  };
  const flush = async () => {
    const open = noted;
    noted = new Map();
    unknownNetworks = 0;
    const groups = Map.groupBy(open.values(), entry => entry.caller?.id ?? null);
    for (const entries of groups.values()) {
      // What cannot be written now is lost; it must not grow while the database is away, and the log has its count.
      await writeRefusals(db, now, entries).catch(error => {
        log.warn({ err: error, refused: entries.map(toldOf) }, 'refused requests were not audited');
      });
    }
  };
  let flushing = Promise.resolve();
  const flushInTurn = () => {
    flushing = flushing.then(flush);
    return flushing;
  };
  const timer = setInterval(flushInTurn, flushEveryMs);
  return {
    counts: () => ({ ...counts }),
    note(refused) {
      counts[refused.reason]++;
      const entry = entryFor(refused);
      entry.count++;
      entry.until = now();
      entry.reasons[refused.reason] = (entry.reasons[refused.reason] ?? 0) + 1;
      if (entry.networks.size < mostNetworksTold) entry.networks.add(networkOf(refused.address));
    },
    flush: flushInTurn,
    async stop() {
      clearInterval(timer);
      await Promise.race([flushInTurn(), sleep(lastFlushMs, undefined, { ref: false })]);
    },
  };
}

/** All of one key, or all without one, in one write: its actor is whoever was refused. */
async function writeRefusals(db: Pool, now: Now, entries: readonly Noted[]): Promise<void> {
  const caller = entries[0]?.caller ?? null;
  const actor = caller?.actor ?? unknownClient;
  await write(db, now, { actor, origin: 'CONFIG_API', cause: 'requests refused' }, async w => {
    for (const entry of entries) await w.event(eventOf(entry));
  });
}

function eventOf(entry: Noted): AuditEvent {
  const { caller, scope, network } = entry;
  return {
    event: scope === null ? 'FAILED_REQUEST.AUTHENTICATE' : 'FAILED_REQUEST.UPDATE',
    targetId: caller?.id ?? network,
    targetName: caller?.name ?? 'unknown key',
    new: toldOf(entry),
    error: scope === null ? 'no API key that holds' : `the key lacks the scope ${scope}`,
  };
}

function toldOf({ scope, count, since, until, reasons, networks }: Noted): Record<string, unknown> {
  return { ...(scope === null ? { reasons } : { scope }), count, since, until, networks: [...networks] };
}
