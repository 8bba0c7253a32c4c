// How integrations are shown: state, health, counts, and what is to be warned of.
import { rfc3339 } from '../posture/times.ts';
import { settingsFormOf } from '../providers/registry.ts';
import type { Now, Pool } from '../store/client.ts';
import {
  agentCounts,
  evidenceExpiry,
  type Integration,
  isRunning,
  listIntegrations,
  matchableDevices,
} from '../store/integrations.ts';
import { lastRuns, type SyncRun } from '../store/runs.ts';
import type { RunPhase, StoredError } from '../store/schema.ts';
import { readSettings } from '../store/settings.ts';
import { type WithheldDevice, withheldDevices } from '../store/withheld.ts';
import { type AdvisedError, advised } from './advice.ts';
import { counted } from './counted.ts';
import { limitsOf, theIntegration, toldLimits } from './integrations.ts';

export type IntegrationState = 'active' | 'syncing' | 'failing' | 'paused' | 'held' | 'unsupported';

/** An integration as it is shown. Times are RFC 3339 or null. */
export interface IntegrationView {
  name: string;
  provider: string;
  url: string;
  /** What asks for attention comes first: a run that is on shows as `syncing` only when nothing else is to be told. */
  state: IntegrationState;
  pauseReason: Integration['pauseReason'];
  pausedUntil: string | null;
  lastSync: string | null;
  configUpdated: string;
  lastSuccess: string | null;
  nextSync: string | null;
  /** When the values end if no sweep confirms them. */
  evidenceExpires: string | null;
  tokenExpires: string | null;
  scope: string[] | null;
  error: AdvisedError | null;
  /** Agents without a device, by reason. */
  unmatched: Record<string, number>;
  /** Null before the first sync. The names are Tailscale's. */
  status: { providerHostCount: number; matchedCount: number; possibleMatchedCount: number } | null;
  id: string;
  settings: Record<string, unknown>;
  expireAfter: string;
  holdFloor: number;
  holdShare: number;
  held: {
    devices: number;
    since: string;
    acceptedLosses: number | null;
    acceptedUntil: string | null;
    /** Some of the devices, and what they would lose. */
    examples: WithheldDevice[];
  } | null;
  failingSince: string | null;
  /** The run that is on. */
  run: {
    id: number;
    startedAt: string;
    worker: string;
    phase: RunPhase | null;
    pages: number;
    agents: number;
    /** How many the provider says there are. */
    claimedTotal: number | null;
  } | null;
  warnings: string[];
}

const mostExamples = 10;

/** @throws AppError not_found */
export async function showIntegration(db: Pool, now: Now, name: string): Promise<IntegrationView> {
  return await viewOf(db, now, await theIntegration(db, name));
}

/** @returns all of them, by name */
export async function viewIntegrations(db: Pool, now: Now): Promise<IntegrationView[]> {
  const service = await serviceFacts(db);
  const views: IntegrationView[] = [];
  for (const integration of await listIntegrations(db)) views.push(await viewOf(db, now, integration, service));
  return views;
}

/** What is the same for all integrations. */
interface ServiceFacts {
  isCollecting: boolean;
  /** Devices with a serial number that can match. */
  matchable: number;
}

async function serviceFacts(db: Pool): Promise<ServiceFacts> {
  const { postureIdentityCollectionOn: isCollecting } = await readSettings(db);
  return { isCollecting, matchable: await counted(db, 'matchable', () => matchableDevices(db)) };
}

const collectionOff = 'identity collection is switched off: no agent is matched to a device';

/** @param known what is the same for all, where several are viewed */
export async function viewOf(
  db: Pool,
  now: Now,
  integration: Integration,
  known?: ServiceFacts,
): Promise<IntegrationView> {
  const service = known ?? (await serviceFacts(db));
  const counts = await counted(db, `agents ${integration.id}`, () => agentCounts(db, integration.id));
  const isOn = await isRunning(db, integration.id);
  const [run] = isOn ? await lastRuns(db, integration.id, 1) : [];
  const evidence = counts.agents > 0 ? evidenceExpiry(integration) : null;
  return {
    name: integration.name,
    provider: integration.provider,
    url: String(integration.settings.url ?? ''),
    state: stateOf(integration, isOn),
    pauseReason: integration.pauseReason,
    pausedUntil: rfc3339(integration.pausedUntil),
    lastSync: rfc3339(integration.attemptedAt),
    configUpdated: integration.configUpdatedAt.toISOString(),
    lastSuccess: rfc3339(integration.succeededAt),
    nextSync: rfc3339(integration.pauseReason === null ? integration.nextSyncAt : integration.pausedUntil),
    evidenceExpires: rfc3339(evidence),
    tokenExpires: rfc3339(integration.tokenExpiresAt),
    scope: integration.scope,
    error: advised(integration.pauseReason === 'unsupported' ? nothingSynced(integration.provider) : integration.error),
    status:
      integration.attemptedAt === null
        ? null
        : { providerHostCount: counts.agents, matchedCount: counts.matched, possibleMatchedCount: service.matchable },
    unmatched: counts.unmatched,
    id: integration.id,
    settings: integration.settings,
    ...toldLimits(limitsOf(integration)),
    held:
      integration.heldSince === null
        ? null
        : {
            devices: integration.heldDevices ?? 0,
            since: integration.heldSince.toISOString(),
            acceptedLosses: integration.acceptedLosses,
            acceptedUntil: rfc3339(integration.acceptedUntil),
            examples: await withheldDevices(db, integration.id, mostExamples),
          },
    failingSince: rfc3339(integration.failingSince),
    run: run && run.finishedAt === null ? runUnderWay(run) : null,
    warnings: [
      ...(service.isCollecting ? [] : [collectionOff]),
      ...((await isEmptied(db, integration)) ? [noAgents] : []),
      ...warningsOf(integration, evidence, now()),
    ],
  };
}

function runUnderWay(run: SyncRun): IntegrationView['run'] {
  const { id, startedAt, worker, phase, pages, agents, claimedTotal } = run;
  return { id, startedAt: startedAt.toISOString(), worker, phase, pages, agents, claimedTotal };
}

function nothingSynced(provider: string): StoredError {
  const message = `this version cannot read ${settingsFormOf(provider).title}: nothing is synced, and no device gets attributes from it`;
  return { kind: 'settings', message, status: null, code: null, requestId: null };
}

/** What asks for an administrator comes before what passes by itself. */
export function stateOf(
  integration: Pick<Integration, 'pauseReason' | 'heldSince' | 'failingSince'>,
  isOn: boolean,
): IntegrationState {
  if (integration.pauseReason === 'unsupported') return 'unsupported';
  if (integration.pauseReason !== null) return 'paused';
  if (integration.heldSince !== null) return 'held';
  if (integration.failingSince !== null) return 'failing';
  return isOn ? 'syncing' : 'active';
}

const hour = 3_600_000;

/** What may be the cause where a provider lists nothing. */
export const noAgents =
  'no agent was seen: the scope of the token, or the sites and accounts in the settings, may hold none of your devices';

/** Whether the last sync is held because no agent was listed at all: then it is of no device in particular. */
export async function isEmptied(db: Pool, { id, heldSince }: Integration): Promise<boolean> {
  if (heldSince === null) return false;
  const last = (await lastRuns(db, id, 2)).find(({ finishedAt }) => finishedAt !== null);
  return last?.outcome === 'held' && last.agents === 0;
}

/** @returns what is to be said of a token that has ended or ends within 30 days */
export function tokenWarning(expiresAt: Date | null, at: Date): string | null {
  if (expiresAt === null || expiresAt.getTime() - at.getTime() > 30 * 24 * hour) return null;
  const days = Math.floor((expiresAt.getTime() - at.getTime()) / (24 * hour));
  return days < 0 ? 'the token has expired' : `the token expires in ${days} days`;
}

/** @returns what is to be said of values that have ended or soon end together, or null */
export function evidenceWarning(
  { expireAfterMs }: Pick<Integration, 'expireAfterMs'>,
  evidence: Date | null,
  at: Date,
): string | null {
  const lifetime = expireAfterMs ?? 0;
  // A lifetime shorter than the warning's would warn at every moment.
  if (evidence === null || evidence.getTime() - at.getTime() > Math.min(48 * hour, lifetime * 0.7)) return null;
  const hours = Math.floor((evidence.getTime() - at.getTime()) / hour);
  return hours < 0
    ? 'the evidence for all values has expired'
    : `all values end in ${hours} hours unless a complete sync confirms them`;
}

function warningsOf(integration: Integration, evidence: Date | null, at: Date): string[] {
  const warnings = [tokenWarning(integration.tokenExpiresAt, at), evidenceWarning(integration, evidence, at)];
  return warnings.filter(warning => warning !== null);
}
