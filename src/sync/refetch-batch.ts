// One question to one integration about some devices: read their agents, then merge what came as a sweep that saw a part. It
// sets and changes; it removes what an agent had that the provider calls decommissioned, and nothing because of absence.
import { ProviderError } from '../errors.ts';
import { worker } from '../posture/events.ts';
import { serialSpellings } from '../posture/serials.ts';
import type { Provider } from '../providers/provider.ts';
import { countInto, openProvider } from '../providers/settings.ts';
import type { Session } from '../store/client.ts';
import { type Integration, inMergeTurn, integrationById, lockIntegration } from '../store/integrations.ts';
import { noteLosses, type RefetchTarget } from '../store/requests.ts';
import { recentLosses } from '../store/runs.ts';
import { compareStage, createStage, mergeStage, type StagedAgent, settleStage, stageAgents } from '../store/sweep.ts';
import { addTotals } from '../store/totals.ts';
import { type PlannedChange, planChanges } from '../store/withheld.ts';
import { undo, write } from '../store/write.ts';
import type { SyncContext } from './context.ts';
import { limitOf } from './merge.ts';
import { openSession } from './run.ts';
import { movingAttributes, stagePage } from './staging.ts';

/** Longer than this nobody waits for a few agents; the next sweep comes anyway. */
const readWithinMs = 30_000;
/** A sweep that begins while we ask knows better. It begins once in minutes. */
const mostTries = 3;
const day = 24 * 3_600_000;

export interface BatchEntry {
  /** The request's id. */
  id: number;
  target: RefetchTarget;
}

/** What came of one device. */
export interface BatchAnswer {
  agents: number;
  change: PlannedChange | null;
}

export type RefetchPoint = 'read' | 'before commit';

export interface BatchOptions {
  signal: AbortSignal;
  /** Tests look at what happens meanwhile. */
  reached?(point: RefetchPoint): Promise<void> | void;
}

/** @returns whether an integration can be asked about a device at all: by an agent's id or by a serial number */
export function canAskFor(target: RefetchTarget, integrationId: string): boolean {
  return target.serials.length > 0 || target.agents.some(agent => agent.integrationId === integrationId);
}

/** @returns how many ids and serial numbers a device adds to a query */
export function sizeOf(target: RefetchTarget, integrationId: string): number {
  return idsOf(target, integrationId).length + serialsOf(target).length;
}

const idsOf = ({ agents }: RefetchTarget, integrationId: string) =>
  agents.filter(agent => agent.integrationId === integrationId).map(agent => agent.agentId);

/** As the inventory has them, and in every form that a provider may have: it searches by text. */
function serialsOf({ serials }: RefetchTarget): string[] {
  const all = serials.flatMap(({ identifier, raw }) => [raw.trim(), ...serialSpellings(identifier.slice(7))]);
  const distinct = new Map(all.map(serial => [serial.toUpperCase(), serial]));
  return [...distinct.values()];
}

/**
 * Reads the agents of some devices from an integration and merges them.
 * @returns what came, by device
 * @throws ProviderError; the signal's reason; whatever else is ours
 */
export async function refetchBatch(
  context: SyncContext,
  integration: Integration,
  batch: readonly BatchEntry[],
  options: BatchOptions,
): Promise<Map<string, BatchAnswer>> {
  const session = await openSession(context, 'posture-sync refetch');
  const did: Did = { requests: {}, attributes: { set: 0, changed: 0, removed: 0, withheld: 0 } };
  try {
    await createStage(session);
    let current: Integration | null = integration;
    for (let tries = 0; current !== null && tries < mostTries; tries++) {
      const reading = await read(context, current, batch, options.signal, did);
      await options.reached?.('read');
      const changes = await mergeReading(context, session, current, batch, reading, options, did);
      if (changes !== 'overtaken') return answers(current.id, batch, reading.agents, changes);
      current = await integrationById(session, integration.id);
    }
  } finally {
    // A count that cannot be written is no reason to fail.
    await addTotals(session, integration.id, did).catch(() => {});
    await session.end().catch(() => {});
  }
  throw new ProviderError('unavailable', 'the integration was changed, removed or synced meanwhile');
}

/** What the totals of the integration are to have. */
interface Did {
  requests: Record<string, number>;
  attributes: Record<'set' | 'changed' | 'removed' | 'withheld', number>;
}

interface Reading {
  startedAt: Date;
  provider: Provider;
  agents: StagedAgent[];
}

async function read(
  context: SyncContext,
  integration: Integration,
  batch: readonly BatchEntry[],
  stop: AbortSignal,
  did: Did,
): Promise<Reading> {
  const provider = context.providerOf(integration.provider);
  const startedAt = context.now();
  const ids = new Set(batch.flatMap(({ target }) => idsOf(target, integration.id)));
  const identifiers = new Set(batch.flatMap(({ target }) => target.serials.map(serial => serial.identifier)));
  const serials = [...new Set(batch.flatMap(({ target }) => serialsOf(target)))];
  const moving = new Set(movingAttributes(provider.attributes).map(({ name }) => name));
  // Serial numbers are searched as parts of others. One that was seen and could not be read is no news: sweeps tell of that.
  const isMeant = (row: StagedAgent) =>
    row.readable &&
    (ids.has(row.agentId) || (!row.decommissioned && row.identifiers.some(identifier => identifiers.has(identifier))));
  const deadline = AbortSignal.timeout(readWithinMs);
  const signal = AbortSignal.any([stop, deadline]);
  const agents: StagedAgent[] = [];
  try {
    const settings = await context.settingsOf(integration);
    const http = openProvider(context.egress, provider, settings, countInto(did.requests));
    const query = { kind: 'some', ids: [...ids], serials } as const;
    for await (const page of provider.agents(settings, query, { http, signal, now: context.now })) {
      signal.throwIfAborted();
      agents.push(...stagePage(page, moving).rows.filter(isMeant));
    }
  } catch (error) {
    stop.throwIfAborted();
    if (deadline.aborted)
      throw new ProviderError('unavailable', `the provider did not answer within ${readWithinMs / 1_000} s`);
    throw error;
  }
  return { startedAt, provider, agents };
}

/** @returns what changed; 'overtaken' where the integration was changed, or a whole sweep began after we had asked */
async function mergeReading(
  context: SyncContext,
  session: Session,
  integration: Integration,
  batch: readonly BatchEntry[],
  { startedAt, provider, agents }: Reading,
  options: BatchOptions,
  did: Did,
): Promise<PlannedChange[] | 'overtaken'> {
  if (agents.length === 0) return [];
  await session.query('drop table if exists changed, gone');
  await session.query('truncate stage');
  await stageAgents(session, agents);
  await settleStage(session);
  return await inMergeTurn(session, integration.id, async () => {
    const moving = movingAttributes(provider.attributes);
    const seen = { integrationId: integration.id, startedAt, moving, complete: false, confirmsAll: true };
    const { changed } = await compareStage(session, seen, false);
    if (changed === 0) return [];
    const recent = await recentLosses(session, integration.id, new Date(startedAt.getTime() - day));
    const by = { actor: worker, origin: 'CONTROL', cause: 'refetch' } as const;
    let attributes = did.attributes;
    const { value } = await write<PlannedChange[] | 'overtaken'>(session, context.now, by, async w => {
      const current = await lockIntegration(session, integration.id);
      if (current?.settingsVersion !== integration.settingsVersion) return undo('overtaken');
      // All that it saw and did not change counts as confirmed then: older knowledge must not be written into that.
      if (current.sweptAt !== null && current.sweptAt > startedAt) return undo('overtaken');
      const { lostDevices, attributes: written } = await mergeStage(w, seen, null, {
        ...limitOf(current),
        complete: false,
        admitsDecommissioned: true,
        recentLosses: recent,
        accepted: null,
      });
      const [first] = batch;
      if (lostDevices > 0 && first !== undefined) await noteLosses(session, first.id, integration.id, lostDevices);
      const { changes } = await planChanges(session);
      attributes = written;
      await options.reached?.('before commit');
      return changes;
    });
    if (value !== 'overtaken') did.attributes = attributes;
    return value;
  });
}

function answers(
  integrationId: string,
  batch: readonly BatchEntry[],
  agents: readonly StagedAgent[],
  changes: readonly PlannedChange[],
): Map<string, BatchAnswer> {
  const byDevice = new Map(changes.map(change => [change.device, change]));
  const having = new Map<string, Set<string>>();
  const note = (key: string, agentId: string) => having.set(key, (having.get(key) ?? new Set()).add(agentId));
  for (const { agentId, identifiers } of agents) {
    note(`id ${agentId}`, agentId);
    for (const identifier of identifiers) note(identifier, agentId);
  }
  const entries = batch.map(({ target }) => {
    const keys = [
      ...idsOf(target, integrationId).map(id => `id ${id}`),
      ...target.serials.map(({ identifier }) => identifier),
    ];
    const its = new Set(keys.flatMap(key => [...(having.get(key) ?? [])]));
    return [target.device, { agents: its.size, change: byDevice.get(target.device) ?? null }] as const;
  });
  return new Map(entries);
}
