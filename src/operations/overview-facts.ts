// What the overview is made of beside the counts over all devices: a few rows of each table, read whenever somebody asks.
import type { Now, Pool } from '../store/client.ts';
import { type Integration, listIntegrations, runningIntegrations } from '../store/integrations.ts';
import { lastRevisionBeside, type RunFigures, readPauses, readRunPairs } from '../store/overview.ts';
import { readSettings } from '../store/settings.ts';
import { inSnapshot } from '../store/standing-reports.ts';
import { lookAround, readProgress } from '../store/standings.ts';
import { readTailnetImport, type TailnetImport } from '../store/tailnet-import.ts';
import { listWebhooks, type Webhook } from '../store/webhooks.ts';
import { freshWithinInUse, type KeptCounts, type OverviewCounts } from './overview-counts.ts';
import { type AsOf, readAsOf } from './postures.ts';

/** What decisions are made from in this process: how long ago it was what the database had, and how long it may be. */
export interface ViewAge {
  ageMs: number;
  maxAgeMs: number;
}

/** How an integration's agents matched at a time. */
export interface MatchRate {
  at: Date;
  agents: number;
  matched: number;
  /** 0 to 1; null: there was no agent. */
  rate: number | null;
}

export interface IntegrationFacts {
  integration: Integration;
  /** The run that is on. */
  run: { startedAt: Date; pages: number; agents: number } | null;
  pausedAt: Date | null;
  last: MatchRate | null;
  /** A week before, or at the first complete sync. */
  before: MatchRate | null;
}

export interface OverviewFacts {
  at: Date;
  counts: OverviewCounts;
  integrations: IntegrationFacts[];
  isCollecting: boolean;
  asOf: AsOf;
  hasWorker: boolean;
  /** Null: not asked for. */
  webhooks: Webhook[] | null;
  tailnetImport: TailnetImport | null;
  /** Null: who asks makes no decisions. */
  view: ViewAge | null;
}

export interface OverviewAsked {
  db: Pool;
  now: Now;
  counts: KeptCounts;
  /** Of this process. */
  syncIntervalMs: number;
  view: ViewAge | null;
  withWebhooks: boolean;
}

/** Writes that change nothing of what is counted, and come whenever somebody looks: after them it is not counted anew. */
const ofCallers = ['sign in', 'sign out', 'sign-in link', 'requests refused', 'key create', 'key revoke'];

const week = 7 * 24 * 3_600_000;
/** Agents that the provider does not have, or calls out of use. */
const absent = new Set(['gone', 'decommissioned']);

/** @returns how many agents a provider had, as a run counted them */
export function agentsOf({ matched, unmatched }: Pick<RunFigures, 'matched' | 'unmatched'>): number {
  const present = Object.entries(unmatched).filter(([reason]) => !absent.has(reason));
  return present.reduce((sum, [, n]) => sum + n, matched);
}

function matchRateOf(run: RunFigures): MatchRate {
  const agents = agentsOf(run);
  return { at: run.startedAt, agents, matched: run.matched, rate: agents === 0 ? null : run.matched / agents };
}

export async function readFacts(asked: OverviewAsked): Promise<OverviewFacts> {
  const { db, now } = asked;
  const at = now();
  const light = await readLight(asked, at);
  const { key, ...facts } = light;
  const freshWithinMs = await freshWithinInUse(db, at, asked.syncIntervalMs);
  const counts = await asked.counts.read(db, now, freshWithinMs, `${key} ${freshWithinMs}`);
  return {
    ...facts,
    ...{ at, counts, view: asked.view },
    isCollecting: (await readSettings(db)).postureIdentityCollectionOn,
    tailnetImport: await readTailnetImport(db),
  };
}

async function readLight({ db, withWebhooks }: OverviewAsked, at: Date) {
  return await inSnapshot(db, async client => {
    const look = await lookAround(client, at);
    const progress = await readProgress(client);
    const pairs = new Map((await readRunPairs(client, new Date(at.getTime() - week))).map(pair => [pair.id, pair]));
    const counted = await lastRevisionBeside(client, ofCallers);
    const running = await runningIntegrations(client);
    const pauses = await readPauses(client);
    const integrations = (await listIntegrations(client)).map((integration): IntegrationFacts => {
      const { last = null, before = null, current = null } = pairs.get(integration.id) ?? {};
      return {
        integration,
        run: running.has(integration.id) ? current : null,
        pausedAt: pauses.get(integration.id) ?? null,
        last: last && matchRateOf(last),
        before: before && matchRateOf(before),
      };
    });
    const asOf = await readAsOf(client, at);
    return {
      integrations,
      asOf,
      hasWorker: asOf.hasWorker,
      webhooks: withWebhooks ? await listWebhooks(client) : null,
      // What the counts hang on: each write of theirs, each complete sweep, how far devices are judged.
      key: JSON.stringify([
        ...[counted, look.swept, look.policyRevision],
        ...[Math.min(progress?.revision ?? 0, counted), progress?.policyRevision, progress?.waiting],
      ]),
    };
  });
}
