// Posture attributes of devices as Tailscale has them: read, set and removed one by one, and of many devices at once. Only custom ones
// can be written. Beside Tailscale's flat values stands where each comes from and how old it is.
import { z } from 'zod';
import { refusals } from '../http/described.ts';
import {
  deleteAttribute,
  patchAttributes,
  type ReadAttribute,
  readAttributes,
  setAttribute,
} from '../operations/attributes.ts';
import { customKeySchema } from '../posture/custom-attributes.ts';
import { rfc3339 } from '../posture/times.ts';
import type { ChangesHere } from './changes-here.ts';
import { type ApiParts, type ApiServer, answers, inTailnet, Nothing, requestOf, time } from './common.ts';

const tags = ['Device attributes'];
const manage = { config: { scope: 'devices:posture_attributes' } } as const;
const one = z.object({ deviceId: z.string() });
const keyed = one.extend({
  attributeKey: z.string().meta({ description: '`custom:` and a name.', ...customKeySchema }),
});
const value = z.union([z.string(), z.number(), z.boolean()], 'a string, a number, or true or false');

const Attributes = z
  .object({
    attributes: z.record(z.string(), value),
    expiries: z.record(z.string(), time).describe('Of those that end by themselves.'),
    // -- ours
    details: z.record(
      z.string(),
      z.object({
        type: z.string(),
        integration: z.string().nullable().describe('Null: an administrator stated it.'),
        confirmedAt: time.nullable().describe('When it was last confirmed, or stated.'),
      }),
    ),
  })
  .meta({ id: 'DeviceAttributes' });

const expiry = z.string().nullable().optional().describe('RFC 3339. Null and `0001-01-01T00:00:00Z`: it does not end.');
const comment = z.string().nullable().optional().describe('For the audit log, up to 200 characters.');
const entry = z.strictObject({ value, expiry });

export function addAttributes(server: ApiServer, parts: ApiParts, changes: ChangesHere): void {
  server.get(
    '/device/:deviceId/attributes',
    {
      config: { scope: 'devices:posture_attributes:read' },
      schema: {
        ...{ tags, summary: 'Get the posture attributes of a device', operationId: 'getDeviceAttributes', params: one },
        response: answers(Attributes),
      },
    },
    async ({ params: { deviceId } }, reply) => {
      const found = viewed(parts, changes, deviceId) ?? Object.entries(await readAttributes(parts, deviceId));
      // As text: to check it by the schema once more takes longer than all the rest, and this is asked thousands of times a second.
      return await reply.type('application/json; charset=utf-8').send(JSON.stringify(told(found)) as never);
    },
  );
  server.post(
    '/device/:deviceId/attributes/:attributeKey',
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Set a custom attribute', operationId: 'setDeviceAttribute', params: keyed },
        body: z.strictObject({ value, expiry, comment }).meta({ id: 'NewAttributeValue' }),
        response: answers(Attributes, 409),
      },
    },
    async request => {
      const { deviceId, attributeKey } = request.params;
      await setAttribute(requestOf(parts, request), deviceId, attributeKey, request.body);
      return told(Object.entries(await readAttributes(parts, deviceId)));
    },
  );
  server.delete(
    '/device/:deviceId/attributes/:attributeKey',
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Remove a custom attribute', operationId: 'deleteDeviceAttribute', params: keyed },
        querystring: z.strictObject({ comment: z.string().optional().describe('Ours: for the audit log.') }),
        response: answers(Nothing),
      },
    },
    async (request, reply) => {
      const { deviceId, attributeKey } = request.params;
      await deleteAttribute(requestOf(parts, request), deviceId, attributeKey, request.query);
      return await reply.send(undefined);
    },
  );
  addBatch(server, parts);
}

/** So that as many values fit as may be changed at once. */
const batchLimit = 16 * 1024 * 1024;

function addBatch(server: ApiServer, parts: ApiParts): void {
  server.patch(
    '/tailnet/:tailnet/device-attributes',
    {
      ...manage,
      bodyLimit: batchLimit,
      schema: {
        ...{ tags, summary: 'Change custom attributes of many devices', operationId: 'patchDeviceAttributes' },
        description: 'All of it or nothing; null removes.',
        params: inTailnet,
        body: z
          .strictObject({
            nodes: z.record(z.string(), z.record(z.string(), entry.nullable())).describe('By device and key.'),
            comment,
          })
          .meta({ id: 'DeviceAttributesChanges' }),
        response: {
          200: { description: 'All of it is written.', content: { 'application/json': { schema: z.null() } } },
          ...refusals(),
        },
      },
    },
    async request => {
      await patchAttributes(requestOf(parts, request), request.body);
      return null;
    },
  );
}

/** Older than that it is not asked: the database is. Taking all that a sweep changed may take some seconds. */
const viewWithinMs = 10_000;

/** @returns what the view has, where that is all that was changed through this process; clients read what they have written */
function viewed({ viewed }: ApiParts, changes: ChangesHere, deviceId: string): [string, ReadAttribute][] | null {
  if (viewed === null || viewed.ageMs() >= Math.min(viewWithinMs, changes.agoMs())) return null;
  return viewed.attributesOf(deviceId);
}

function told(attributes: readonly [string, ReadAttribute][]): z.infer<typeof Attributes> {
  const body: z.infer<typeof Attributes> = { attributes: {}, expiries: {}, details: {} };
  for (const [name, { value, type, integration, confirmedAt, expiresAt }] of attributes) {
    body.attributes[name] = value;
    if (expiresAt !== null) body.expiries[name] = expiresAt.toISOString();
    body.details[name] = { type, integration, confirmedAt: rfc3339(confirmedAt) };
  }
  return body;
}
