// What is asked of one device at a time: how it stands in each posture right now, and what was done with it and became of it. Ours.
import { z } from 'zod';
import { eventsOfDevice } from '../operations/device-events.ts';
import { posturesOfDevice } from '../operations/device-postures.ts';
import { standingStates } from '../posture/standings.ts';
import { Entry } from './audit-log.ts';
import { type ApiParts, type ApiServer, answers, count, cursorParam, nextCursor } from './common.ts';
import { oneDevice } from './devices.ts';
import { RestsOn } from './devices-schema.ts';

const maybeText = z.string().nullable();
const time = z.date().describe('RFC 3339.');
const plain = z.union([z.boolean(), z.number(), z.string()]);

/** A comparison that is not true, with what it expects and what was found. */
export const UnmetCondition = z
  .object({
    posture: z.string().describe('That the condition is written in.'),
    condition: z.string(),
    attribute: maybeText,
    operator: z.string(),
    expected: z
      .union([plain, z.array(plain)])
      .nullable()
      .describe('A list for `IN` and `NOT IN`.'),
    withinMs: z.number().nullable(),
    found: plain.nullable().describe('Null: it is not set.'),
    unknown: maybeText.describe('Why it is not known; null: it is false.'),
    integration: maybeText.describe('Where the value comes from.'),
    confirmedAt: maybeText,
    ageMs: z.number().nullable(),
    message: z.string().describe('The whole as a sentence.'),
  })
  .meta({ id: 'UnmetCondition', description: 'A condition that is not true.' });

const Postures = z
  .object({
    postures: z.array(
      z.object({
        posture: z.string(),
        state: z.enum(standingStates),
        description: maybeText,
        resolution: maybeText,
        tags: z.array(z.string()).describe('The devices that it is for; none: all.'),
        isForDevice: z.boolean(),
        conditions: z.array(z.string()),
        since: time
          .nullable()
          .describe('Since when it is known to be in that state; null: it was not judged by a worker yet.'),
        validUntil: maybeText.describe('When time alone may change it.'),
        restsOn: RestsOn,
        reasons: z.array(UnmetCondition).describe('Empty where it passes.'),
      }),
    ),
    policyRevision: z.int().nullable().describe('Null: no policy is in force, so there are no postures.'),
    isPolicyReadable: z.boolean().describe('False: this version cannot read the policy, so nobody passes anything.'),
    freshWithinMs: count,
    at: time,
  })
  .meta({ id: 'DevicePostures' });

export function addDevicePage(server: ApiServer, parts: ApiParts): void {
  server.get(
    '/device/:deviceId/postures',
    {
      config: { scope: 'devices:posture_attributes:read' },
      schema: {
        ...{
          tags: ['Postures'],
          summary: 'Get how a device stands in every posture',
          operationId: 'getDevicePostures',
        },
        description: 'Reckoned now, by the policy in force, with what keeps it from each.',
        params: oneDevice,
        response: answers(Postures),
      },
    },
    async ({ params }) => {
      const found = await posturesOfDevice(parts, params.deviceId);
      return {
        ...found,
        postures: found.postures.map(({ conditions, reasons, ...posture }) => ({
          ...posture,
          conditions: [...conditions],
          reasons: reasons.map(({ expected, ...reason }) => ({
            ...reason,
            expected: Array.isArray(expected) ? [...expected] : (expected as z.infer<typeof plain> | null),
          })),
        })),
      };
    },
  );
  server.get(
    '/device/:deviceId/events',
    {
      config: { scope: 'logs:configuration:read' },
      schema: {
        ...{ tags: ['Logging'], summary: 'List audit entries of a device', operationId: 'listDeviceEvents' },
        description: 'Newest first, as far back as the audit log goes; also of a device that is gone.',
        params: oneDevice,
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(1_000).default(100).describe('1 to 1000.'),
          cursor: cursorParam,
        }),
        response: answers(z.object({ events: z.array(Entry), nextCursor }).meta({ id: 'DeviceEvents' })),
      },
    },
    async ({ params, query }) => {
      const { events, ...rest } = await eventsOfDevice(parts, params.deviceId, query.cursor ?? null, query.limit);
      return { events: events as z.infer<typeof Entry>[], ...rest };
    },
  );
}
