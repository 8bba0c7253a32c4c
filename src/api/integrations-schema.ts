// What requests about posture integrations hold, and their answers. Fields above the line are Tailscale's, with their meaning.
import { z } from 'zod';
import { count, maybeTime, time } from './common.ts';

const Status = z
  .object({
    lastSync: time.optional().describe('The last attempt, also a failed one.'),
    error: z.string().optional().describe('Only where the last sync failed, or none is possible.'),
    providerHostCount: count.describe('Agents that the provider has.'),
    matchedCount: count.describe('Agents that are matched with a device.'),
    possibleMatchedCount: count.describe('Devices that have a serial number to match by.'),
  })
  .meta({ id: 'PostureIntegrationStatus', description: 'Absent before the first sync.' });

export const StoredError = z
  .object({
    kind: z.string(),
    message: z.string(),
    status: z.int().nullable().describe("The provider's HTTP status."),
    code: z.string().nullable().describe("The provider's own code."),
    requestId: z.string().nullable().describe('What its support finds the request by.'),
  })
  .meta({ id: 'SyncError' });

export const AdvisedError = StoredError.extend({ advice: z.string().describe('What to do about it.') }).meta({
  id: 'AdvisedError',
});

export const runPhase = z
  .enum(['reading', 'confirming', 'merging'])
  .nullable()
  .describe('What a run is at: reading pages, asking again for absent agents, writing. Null: it ended.');
export const claimedTotal = count.nullable().describe('How many agents the provider says there are.');

export const withheldExamples = z.array(
  z
    .object({ device: z.string(), hostname: z.string().nullable(), attributes: z.array(z.string()) })
    .meta({ id: 'WithheldLoss' }),
);

const Held = z
  .object({
    devices: count.describe('Devices that would lose values.'),
    since: time,
    acceptedLosses: count.nullable(),
    acceptedUntil: maybeTime,
    examples: withheldExamples,
  })
  .meta({ id: 'HeldLosses' });

export const IntegrationBody = z
  .object({
    id: z.string(),
    provider: z.string(),
    cloudId: z.string(),
    clientId: z.string(),
    tenantId: z.string().optional(),
    configUpdated: time,
    status: Status.optional(),
    // -- ours
    name: z.string(),
    state: z.enum(['active', 'syncing', 'failing', 'paused', 'held', 'unsupported']),
    pauseReason: z.enum(['auth', 'permission', 'administrator', 'unsupported']).nullable(),
    pausedUntil: maybeTime,
    lastSuccess: maybeTime,
    nextSync: maybeTime,
    tokenExpires: maybeTime,
    evidenceExpires: maybeTime.describe('When all values end unless a complete sync confirms them.'),
    scope: z.array(z.string()).nullable().describe('What the credentials can see.'),
    unmatched: z.record(z.string(), count).describe('Agents without a device, by reason.'),
    failingSince: maybeTime,
    error: AdvisedError.nullable(),
    held: Held.nullable(),
    run: z
      .object({
        ...{ id: z.int(), startedAt: time, worker: z.string(), phase: runPhase },
        ...{ pages: count, agents: count, claimedTotal },
      })
      .nullable()
      .describe('The run that is on.'),
    warnings: z.array(z.string()),
    settings: z
      .record(z.string(), z.unknown())
      .describe("The provider's settings by their own names, without secrets."),
    expireAfter: z.string().describe('`72h`, or `off`.'),
    holdFloor: count,
    holdShare: z.number(),
  })
  .meta({ id: 'PostureIntegration' });

const text = z.string().max(2_048).nullish();

const given = {
  cloudId: text.describe("The provider's address or region; for SentinelOne `mydomain.sentinelone.net`."),
  clientId: text,
  tenantId: text,
  clientSecret: z.string().max(8_192).nullish().describe('Token or secret. It is never given out again.'),
  // -- ours
  name: z.string().max(200).optional().describe('What it is called in the command line and in `explain`.'),
  settings: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("The provider's settings by their own names; null: back to the default."),
  expireAfter: z
    .string()
    .max(50)
    .optional()
    .describe('Values that no sync confirmed for so long end: `72h`, or `off`.'),
  holdFloor: z.number().optional().describe('A sweep may take values from so many devices.'),
  holdShare: z.number().optional().describe('Or from so large a share of them, 0 to 1.'),
};

export const NewIntegration = z
  .strictObject({ provider: z.string().max(100), ...given })
  .meta({ id: 'NewPostureIntegration' });
export const ChangedIntegration = z
  .strictObject({ provider: z.string().nullish(), ...given })
  .meta({ id: 'PostureIntegrationChanges' });

const told = Object.keys(IntegrationBody.shape).filter(name => !(name in ChangedIntegration.shape));

/**
 * Clients send back what they got, with a field changed. As with Tailscale, what is only told of an integration is ignored then.
 * @returns the body without it, also of what is no object
 */
export function withoutTold(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => !told.includes(name)));
}
