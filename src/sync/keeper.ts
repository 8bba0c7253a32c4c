// What time alone changes, looked after once a minute: warnings before a token or the evidence ends, expiry of custom attributes
// and, where a pause by hand keeps syncs from being tried, of values; agents that are gone for long, audit months past their
// retention; and a sample for charts every few minutes.
import cron from 'node-cron';
import { endOverdueChecks } from '../operations/checks.ts';
import { sampleOverview } from '../operations/overview-history.ts';
import { worker } from '../posture/events.ts';
import { goneKeptMs, noticesKept, requestsKept } from '../posture/retention.ts';
import { dropAuditMonths, prepareAuditMonths } from '../store/audit.ts';
import { hasExpiredValues, removeExpiredValues } from '../store/custom-attributes.ts';
import { purgeDeliveries } from '../store/deliveries.ts';
import { derive } from '../store/derive.ts';
import {
  evidenceExpiry,
  type Integration,
  listIntegrations,
  lockIntegration,
  updateIntegration,
} from '../store/integrations.ts';
import { purgeLongGone } from '../store/purge.ts';
import { purgeRequests } from '../store/requests.ts';
import { purgeSessions } from '../store/sessions.ts';
import { evidenceWouldTurn, moveEvidence } from '../store/sweep.ts';
import { forgetOldSecrets } from '../store/webhooks.ts';
import { undo, write } from '../store/write.ts';
import type { SchedulerContext } from './scheduler.ts';
import { cronLogger } from './turns.ts';

const hour = 3_600_000;
const day = 24 * hour;
const tokenWarnings = { unit: day, name: 'days', thresholds: [30, 7, 1] };
const evidenceWarnings = { unit: hour, name: 'hours', thresholds: [48, 24, 12] };
/** Failures that last so long are told once more: shorter ones often mend themselves. */
const escalatedAfterMs = hour;

type KeeperContext = Pick<SchedulerContext, 'pool' | 'now' | 'log' | 'auditRetentionMs'>;

export function startKeeper(context: KeeperContext & Pick<SchedulerContext, 'syncIntervalMs'>): {
  stop(): Promise<void>;
} {
  let isStopped = false;
  let current: Promise<void> = Promise.resolve();
  const tick = () => {
    if (isStopped) return;
    current = round(context).catch(error => {
      if (!isStopped) context.log.error({ err: error }, 'keeping failed; trying again in a minute');
    });
    return current;
  };
  const task = cron.schedule('* * * * *', tick, { noOverlap: true, logger: cronLogger(context.log) });
  void tick();
  return {
    async stop() {
      isStopped = true;
      await task.destroy();
      await current;
    },
  };
}

async function round(context: Parameters<typeof startKeeper>[0]): Promise<void> {
  await keep(context);
  await sampleOverview({ db: context.pool, now: context.now }, context.syncIntervalMs);
}

/** One round. Any number of workers may do it at once: each change is made under a lock and only where it is due. */
export async function keep(context: KeeperContext): Promise<void> {
  for (const integration of await listIntegrations(context.pool)) {
    await warn(context, integration);
    await escalate(context, integration);
    await expireWhilePaused(context, integration);
  }
  await expireCustomValues(context);
  const at = context.now();
  await prepareAuditMonths(context.pool, at);
  const dropped = await dropAuditMonths(context.pool, new Date(at.getTime() - context.auditRetentionMs));
  if (dropped.length > 0) context.log.info({ dropped }, 'audit months dropped after their retention');
  const ago = (ms: number) => new Date(at.getTime() - ms);
  await purgeLongGone(context.pool, ago(goneKeptMs));
  await endOverdueChecks({ db: context.pool, now: context.now });
  await purgeRequests(context.pool, ago(requestsKept.ms), ago(requestsKept.withLossesMs));
  await forgetOldSecrets(context.pool, at);
  await purgeSessions(context.pool, at);
  const lost = await purgeDeliveries(context.pool, ago(noticesKept.ms), ago(noticesKept.undeliveredMs));
  if (lost > 0)
    context.log.warn({ notices: lost }, 'notices dropped that had waited for disabled webhooks for 30 days');
}

/** The smallest threshold that is reached, or null: 20 days left of [30, 7, 1] -> 30. Nothing after the end. */
function reached(deadline: Date | null, at: Date, warnings: { unit: number; thresholds: number[] }): number | null {
  if (deadline === null || deadline <= at) return null;
  const left = (deadline.getTime() - at.getTime()) / warnings.unit;
  return warnings.thresholds.filter(threshold => left <= threshold).at(-1) ?? null;
}

async function warn(context: KeeperContext, found: Integration): Promise<void> {
  const at = context.now();
  const due = (integration: Integration) => {
    // An evidence lifetime of 12 hours is always below 48: what a successful sync cannot change is no news.
    const lifetime = integration.expireAfterMs ?? 0;
    const evidence = {
      ...evidenceWarnings,
      thresholds: evidenceWarnings.thresholds.filter(hours => hours * hour < lifetime),
    };
    return [
      {
        what: 'token',
        column: 'tokenWarned',
        deadline: integration.tokenExpiresAt,
        before: integration.tokenWarned,
        ...tokenWarnings,
      },
      {
        what: 'evidence',
        column: 'evidenceWarned',
        deadline: evidenceExpiry(integration),
        before: integration.evidenceWarned,
        ...evidence,
      },
    ].flatMap(warning => {
      const threshold = reached(warning.deadline, at, warning);
      return threshold !== null && (warning.before === null || threshold < warning.before)
        ? [{ ...warning, threshold }]
        : [];
    });
  };
  if (due(found).length === 0) return;
  await write(context.pool, context.now, { actor: worker, origin: 'CONTROL', cause: 'warning' }, async w => {
    const integration = await lockIntegration(w.client, found.id);
    const warnings = integration ? due(integration) : [];
    if (!integration || warnings.length === 0) return undo(null);
    for (const { what, column, deadline, threshold, name } of warnings) {
      await updateIntegration(w.client, integration.id, { [column]: threshold });
      await w.event({
        event: 'TAILNET.WARN.POSTURE_INTEGRATION',
        targetId: integration.id,
        targetName: integration.name,
        new: { expires: what, at: deadline, within: `${threshold} ${name}` },
      });
      context.log.info({ integration: integration.name, what, at: deadline }, 'expires soon');
    }
    return null;
  });
}

/** So many devices share a write: others wait for the head no longer than this takes. */
const expiredAtOnce = 2_000;

/** Decisions have judged them as not set since they expired; now they go, and the log says so. */
async function expireCustomValues({ pool, now, log }: KeeperContext): Promise<void> {
  const by = { actor: worker, origin: 'CONTROL', cause: 'expiry' } as const;
  let devices = 0;
  while (await hasExpiredValues(pool, now())) {
    const { value } = await write(pool, now, by, async w => (await removeExpiredValues(w, expiredAtOnce)) || undo(0));
    devices += value;
    if (value === 0) break;
  }
  if (devices > 0) log.info({ devices }, 'custom attributes expired');
}

/** Tells of failures that have lasted for an hour. A pause was told when it began. */
async function escalate(context: KeeperContext, found: Integration): Promise<void> {
  const at = context.now();
  const isDue = ({ failingSince, escalatedAt, pauseReason }: Integration) =>
    failingSince !== null &&
    escalatedAt === null &&
    pauseReason === null &&
    at.getTime() - failingSince.getTime() >= escalatedAfterMs;
  if (!isDue(found)) return;
  await write(context.pool, context.now, { actor: worker, origin: 'CONTROL', cause: 'warning' }, async w => {
    const integration = await lockIntegration(w.client, found.id);
    if (integration === null || !isDue(integration)) return undo(null);
    const { id, name, failingSince, error } = integration;
    await updateIntegration(w.client, id, { escalatedAt: w.at });
    await w.event({
      event: 'TAILNET.ESCALATE.POSTURE_INTEGRATION',
      targetId: id,
      targetName: name,
      new: { failingSince, error },
    });
    return null;
  });
}

/**
 * Expiry waits for a sync that was tried after the deadline. While a pause by hand lets none be tried, the clock alone must
 * do, or values would be trusted for ever.
 */
async function expireWhilePaused(context: KeeperContext, found: Integration): Promise<void> {
  const at = context.now();
  if (found.pauseReason !== 'administrator') return;
  const { turns } = await evidenceWouldTurn(context.pool, found.id, found.sweptAt, at);
  if (!turns) return;
  await write(context.pool, context.now, { actor: worker, origin: 'CONTROL', cause: 'expiry' }, async w => {
    const integration = await lockIntegration(w.client, found.id);
    if (integration?.pauseReason !== 'administrator') return undo(null);
    await moveEvidence(w, integration.id, integration.sweptAt, at);
    await derive(w);
    return null;
  });
}
