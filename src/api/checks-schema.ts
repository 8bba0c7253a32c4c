// What tests and previews of posture integrations answer.
import { z } from 'zod';
import { count, maybeTime, time } from './common.ts';
import { AdvisedError, StoredError, withheldExamples } from './integrations-schema.ts';

const TestResult = z
  .object({
    integration: z.string().nullable().describe('Its name; null for settings that belong to none.'),
    ok: z.boolean(),
    tokenAccepted: z.boolean().nullable().describe('Null: it came to no answer that tells.'),
    agents: count.describe('Agents on the first page.'),
    skipped: count.describe('Agents on it that could not be read.'),
    sample: z
      .array(
        z.object({
          ...{ id: z.string(), hostname: z.string().nullable(), serials: z.array(z.string()), lastActiveAt: maybeTime },
        }),
      )
      .describe('The first of them, five at most.'),
    claimedTotal: count.nullable().describe('How many the provider says there are.'),
    scope: z.array(z.string()).nullable().describe('Accounts and sites that were seen.'),
    tokenExpires: maybeTime,
    warnings: z.array(z.string()).describe('What is odd although it works.'),
    error: AdvisedError.nullable(),
    durationMs: count,
  })
  .meta({ id: 'IntegrationTestResult' });

const values = z.record(z.string(), z.unknown()).nullable();

const PreviewResult = z
  .object({
    integration: z.string(),
    outcome: z.enum(['succeeded', 'partial', 'held', 'failed', 'abandoned']).describe('What the sync would come to.'),
    complete: z.boolean().describe('Every agent was read.'),
    pages: count,
    agents: count,
    skipped: count.describe('Agents that could not be read.'),
    matched: count,
    unmatched: z.record(z.string(), count).describe('By reason.'),
    attributes: z.object({ set: count, changed: count, removed: count, withheld: count }),
    changesTotal: count.describe('Devices of which any value would differ.'),
    effects: z
      .object({ loses: count, changes: count, gains: count })
      .describe('Of these: how many lose a value, or else get another one, or else only gain some.'),
    changes: z
      .array(z.object({ device: z.string(), hostname: z.string().nullable(), old: values, new: values }))
      .describe('The first `limit`: those that lose something first. Only values that differ; null: none.'),
    withheld: z
      .object({ devices: count, examples: withheldExamples })
      .describe('Losses that would be withheld from devices, since they are more than the limit or not all was read.'),
    error: StoredError.nullable(),
    durationMs: count,
  })
  .meta({ id: 'PreviewResult' });

const common = {
  id: z.int().describe('By which it is asked for again.'),
  state: z.enum(['waiting', 'under_way', 'done', 'failed']),
  requestedAt: time,
  finishedAt: maybeTime,
  error: z
    .object({ kind: z.string(), message: z.string() })
    .nullable()
    .describe('Why nothing came of it. What the provider refused stands in `result`.'),
};

export const TestBody = z.object({ ...common, result: TestResult.nullable() }).meta({ id: 'IntegrationTest' });
export const PreviewBody = z.object({ ...common, result: PreviewResult.nullable() }).meta({ id: 'Preview' });
