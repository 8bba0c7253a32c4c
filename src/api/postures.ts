// The postures of the policy in force, as they are kept for all devices: how many pass each, what keeps the others from it, and which
// devices these are. Ours.
import { z } from 'zod';
import { listPostures, pageByState, viewPosture, viewStanding } from '../operations/postures.ts';
import {
  type ApiParts,
  type ApiServer,
  answers,
  count,
  cursorParam,
  inTailnet,
  nextCursor,
  requestOf,
} from './common.ts';

const read = { config: { scope: 'devices:posture_attributes:read' } } as const;
const tags = ['Postures'];
const all = '/tailnet/:tailnet/postures';
const one = inTailnet.extend({ posture: z.string().describe('Its name, with or without `posture:` in front.') });

const time = z.date().describe('RFC 3339.');
const value = z.union([z.boolean(), z.number(), z.string()]).nullable();

export const AsOf = z
  .object({
    revision: z.int().nullable().describe('Every change up to here is judged; null: nothing is yet.'),
    policyRevision: z.int().nullable(),
    at: time.nullable().describe('When a worker looked last.'),
    hasWorker: z.boolean().describe('False: no worker judges now, and what is told is of `at`.'),
    isCurrent: z.boolean(),
    waiting: count.describe('Devices still to be judged.'),
  })
  .meta({ id: 'AsOf', description: 'As of what the answer is true.' });

export const Counts = z
  .object({
    posture: z.string(),
    description: z.string().nullable(),
    passing: count,
    failing: count,
    unknown: count,
    devices: count.describe('All there are.'),
  })
  .meta({ id: 'PostureCounts' });

const reason = {
  posture: z.string().describe('That the condition is written in.'),
  condition: z.string(),
  attribute: z.string().nullable(),
  found: value.describe('Null: it is not set, or it is a time.'),
  unknown: z.string().nullable().describe('Why it is not known; null: it is false.'),
};

const PostureBody = Counts.extend({
  resolution: z.string().nullable(),
  tags: z.array(z.string()).describe('The devices that it is for; none: all.'),
  conditions: z.array(z.string()).nullable(),
  causes: z
    .array(z.object({ ...reason, devices: count, examples: z.array(z.string()) }))
    .describe('What keeps most devices from passing comes first.'),
  causesTotal: count,
  asOf: AsOf,
}).meta({ id: 'Posture' });

const Standing = z
  .object({
    device: z.string(),
    hostname: z.string().nullable(),
    posture: z.string(),
    state: z.enum(['passing', 'failing', 'unknown']),
    since: time,
    validUntil: time.nullable().describe('When time alone may change it.'),
    reasons: z.array(z.object({ ...reason, integration: z.string().nullable() })),
  })
  .meta({ id: 'PostureStanding' });

/** As many devices are named as examples of a cause. */
const examples = 5;

export function addPostures(server: ApiServer, parts: ApiParts): void {
  server.get(
    all,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List postures with their counts', operationId: 'listPostures', params: inTailnet },
        response: answers(z.object({ postures: z.array(Counts), asOf: AsOf }).meta({ id: 'Postures' })),
      },
    },
    async request => await listPostures(requestOf(parts, request)),
  );
  server.get(
    `${all}/:posture`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get a posture, and what keeps devices from passing it', operationId: 'getPosture' },
        params: one,
        querystring: z.strictObject({ limit: limitOf(10_000, 20).describe('So many causes at most.') }),
        response: answers(PostureBody),
      },
    },
    async request => {
      const { limit } = request.query;
      const view = await viewPosture(requestOf(parts, request), request.params.posture, { causes: limit, examples });
      return { ...view, tags: [...view.tags], conditions: view.conditions === null ? null : [...view.conditions] };
    },
  );
  addDevices(server, parts);
}

function addDevices(server: ApiServer, parts: ApiParts): void {
  server.get(
    `${all}/:posture/devices`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List the devices in a state', operationId: 'listPostureDevices', params: one },
        querystring: z.strictObject({
          state: z.enum(['passing', 'failing', 'unknown']).default('failing'),
          condition: z
            .string()
            .optional()
            .describe('Only those that it keeps from passing: a `condition` of the causes.'),
          limit: limitOf(1_000, 100),
          cursor: cursorParam,
        }),
        response: answers(z.object({ devices: z.array(Standing), nextCursor }).meta({ id: 'PostureStandings' })),
      },
    },
    async request => {
      const { state, condition = null, limit, cursor = null } = request.query;
      const filter = { state, condition };
      return await pageByState(requestOf(parts, request), request.params.posture, filter, cursor, limit);
    },
  );
  server.get(
    `${all}/:posture/devices/:deviceId`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get the standing of a device', operationId: 'getPostureDevice' },
        params: one.extend({ deviceId: z.string() }),
        response: answers(Standing.extend({ asOf: AsOf }).meta({ id: 'DeviceStanding' })),
      },
    },
    async request => {
      const { posture, deviceId } = request.params;
      return await viewStanding(requestOf(parts, request), posture, deviceId);
    },
  );
}

function limitOf(most: number, usual: number) {
  return z.coerce.number().int().min(1).max(most).default(usual);
}
