// What a sync run is given, what it counts on the way, and what it gives back.

import type { ProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { SweepFigures, SweepPlan } from '../operations/checks.ts';
import type { Egress } from '../providers/http.ts';
import type { AgentPage, Provider } from '../providers/provider.ts';
import type { Now } from '../store/client.ts';
import type { Integration } from '../store/integrations.ts';
import type { RunPhase } from '../store/schema.ts';

/** What every run needs of the process it runs in. */
export interface SyncContext {
  databaseUrl: string;
  egress: Egress;
  providerOf(id: string): Provider;
  /** The settings whole, secrets opened. */
  settingsOf(integration: Integration): Promise<Record<string, unknown>> | Record<string, unknown>;
  now: Now;
  log: Log;
  /** How this process names itself in sync_runs: host and pid. */
  worker: string;
  syncIntervalMs: number;
  authPauseMs: number;
  /** After so long without a word a worker counts as frozen: its session is ended. 60 s. */
  sessionIdleMs?: number;
}

export interface SyncProgress {
  pages: number;
  agents: number;
  claimedTotal: number | null;
}

export type SyncPoint = 'claimed' | 'page staged' | 'before head' | 'before times' | 'before commit' | 'after commit';

export interface SyncOptions {
  signal: AbortSignal;
  /** Plans the merge and undoes it; nothing is written, not even that it was tried. */
  dryRun?: boolean;
  /** With a dry run: plans as if the integration were set up so. */
  instead?: InsteadSettings;
  /** Does nothing when the integration is not due, or not any more: another worker was faster. */
  onlyIfDue?: boolean;
  onProgress?(progress: SyncProgress): void;
  /** Tests stop or kill the process at these points. */
  reached?(point: SyncPoint): Promise<void> | void;
}

/** Columns of an integration as a change would leave them. `settingsVersion` is that which it was reckoned from: another one is overtaken. */
export type InsteadSettings = Pick<
  Integration,
  'settings' | 'settingsVersion' | 'expireAfterMs' | 'holdFloor' | 'holdShare' | 'acceptedLosses'
>;

/** The plan comes with a dry run alone. */
export interface SyncResult extends SweepFigures, Partial<SweepPlan> {
  events: number;
  dryRun: boolean;
}

/** A run under way: what was found at its start, and what it counted since. */
export interface Run {
  integration: Integration;
  provider: Provider;
  runId: number | null;
  startedAt: Date;
  startedMs: number;
  dryRun: boolean;
  instead: InsteadSettings | null;
  pages: number;
  skipped: number;
  nameless: number;
  staged: number;
  claimedTotal: number | null;
  unset: Record<string, number>;
  /** Requests to the provider, each attempt, by outcome. */
  requests: Record<string, number>;
  account: AgentPage['account'] | undefined;
  /** Where it was when it told so last, and when that was, in ms of the monotonic clock; null: it has not yet. */
  told: { phase: RunPhase; atMs: number } | null;
  error: ProviderError | null;
}

/** After so long without a word a worker counts as frozen, if its context says nothing else. */
export const defaultSessionIdleMs = 60_000;
