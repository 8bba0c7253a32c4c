// What a device is known by and who speaks for it: serial numbers set by hand, agents bound to it, why it has the posture that it
// has, and its agents read again at once.
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { callerOf } from '../http/guard.ts';
import { bindAgent, setSerials, theDevice } from '../operations/devices.ts';
import { explain } from '../operations/explain.ts';
import { askForRefetch, type Refetch, refetchResult, waitForRefetch } from '../operations/refetch.ts';
import { rfc3339 } from '../posture/times.ts';
import type { ChangesHere } from './changes-here.ts';
import { type ApiParts, type ApiServer, answers, requestOf } from './common.ts';
import { oneDevice } from './devices.ts';
import { DeviceBody, deviceBody, ExplanationBody, RefetchBody, SerialsByHand } from './devices-schema.ts';

const manage = { config: { scope: 'devices:core' } } as const;
const read = { config: { scope: 'devices:core:read' } } as const;
const tags = ['Devices'];
const single = '/device/:deviceId';

export function addDeviceAgents(server: ApiServer, parts: ApiParts, changes: ChangesHere): void {
  addIdentity(server, parts);
  addExplain(server, parts);
  addRefetch(server, parts, changes);
}

function addIdentity(server: ApiServer, parts: ApiParts): void {
  server.put(
    `${single}/serials`,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Set serial numbers by hand', operationId: 'setDeviceSerials' },
        description: 'They win over reported ones: it is matched by them alone, and no other device by them.',
        ...{ params: oneDevice, body: SerialsByHand },
        response: answers(DeviceBody, 409),
      },
    },
    async request => {
      const { deviceId } = request.params;
      return deviceBody(await setSerials(requestOf(parts, request), deviceId, request.body.serialNumbers), true);
    },
  );
  const binding = `${single}/agents/:agentId`;
  const both = oneDevice.extend({ agentId: z.string().describe("The provider's id of it.") });
  const which = z.strictObject({
    integration: z.string().max(200).optional().describe('Its name; where several have an agent of that id.'),
  });
  server.put(
    binding,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Bind an agent to a device', operationId: 'bindDeviceAgent', params: both },
        description: 'It wins over every serial number, and over an earlier binding.',
        querystring: which,
        response: answers(DeviceBody, 409),
      },
    },
    async request => {
      const { deviceId, agentId } = request.params;
      await bindAgent(requestOf(parts, request), deviceId, agentId, request.query.integration);
      return deviceBody(await theDevice(parts.db, deviceId), true);
    },
  );
  server.delete(
    binding,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Take a binding away', operationId: 'unbindDeviceAgent', params: both },
        querystring: which,
        response: answers(DeviceBody, 409),
      },
    },
    async request => {
      const { deviceId, agentId } = request.params;
      await bindAgent(requestOf(parts, request), null, agentId, request.query.integration, deviceId);
      return deviceBody(await theDevice(parts.db, deviceId), true);
    },
  );
}

function addExplain(server: ApiServer, parts: ApiParts): void {
  server.get(
    `${single}/explain`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Say why a device has its posture, or none', operationId: 'explainDevice' },
        description:
          'Also by a serial number, an address, a certificate fingerprint or an agent in the place of the id. Needs `devices:posture_attributes:read` too.',
        params: oneDevice,
        response: answers(ExplanationBody, 409),
      },
    },
    async request => {
      server.mustHold(request, 'devices:posture_attributes:read');
      return await explain(parts.db, request.params.deviceId);
    },
  );
}

const mostWaitMs = 25_000;

function addRefetch(server: ApiServer, parts: ApiParts, changes: ChangesHere): void {
  const given = { 202: RefetchBody.describe('It goes on; ask for it by its id.'), ...answers(RefetchBody, 409) };
  server.post(
    `${single}/refetch`,
    {
      ...manage,
      schema: {
        ...{ tags, summary: "Read a device's agents again at once", operationId: 'refetchDevice', params: oneDevice },
        querystring: z.strictObject({
          wait: z.coerce
            .number()
            .min(0)
            .max(mostWaitMs / 1_000)
            .optional()
            .describe('Seconds that an end is waited for; 5 if not given.'),
        }),
        response: given,
      },
    },
    async (request, reply) => {
      const id = await askForRefetch(requestOf(parts, request), request.params.deviceId);
      const refetch = await waited(server, parts, id, (request.query.wait ?? 5) * 1_000);
      const isEnded = refetch.finishedAt !== null;
      const body = refetchBody(id, refetch, callerOf(request).granted.has('devices:posture_attributes:read'));
      if (isEnded) return await reply.code(200).send(body);
      const where = `/api/v2/device/${encodeURIComponent(request.params.deviceId)}/refetch/${id}`;
      return await reply.code(202).header('location', where).send(body);
    },
  );
  server.get(
    `${single}/refetch/:refetchId`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get what came of a refetch', operationId: 'getDeviceRefetch' },
        description: 'It is forgotten an hour after its end.',
        params: oneDevice.extend({ refetchId: z.coerce.number().int().min(1) }),
        response: answers(RefetchBody),
      },
    },
    async request => {
      const { deviceId, refetchId } = request.params;
      const refetch = await refetchResult(parts.db, refetchId);
      if (refetch === null || refetch.device !== deviceId)
        throw new AppError('not_found', `device "${deviceId}" has no refetch ${refetchId}; they are kept for an hour`);
      changes.tell(refetch.finishedAt, parts.now());
      return refetchBody(refetchId, refetch, callerOf(request).granted.has('devices:posture_attributes:read'));
    },
  );
}

/** A stop ends the waiting, not the refetch. */
async function waited({ stopping }: ApiServer, parts: ApiParts, id: number, withinMs: number): Promise<Refetch> {
  const refetch = await waitForRefetch(parts, id, withinMs, stopping).catch(async error => {
    if (stopping.aborted) return await refetchResult(parts.db, id);
    throw error;
  });
  if (refetch === null) throw new Error('a refetch was forgotten while it was awaited');
  return refetch;
}

function refetchBody(id: number, { error, ...refetch }: Refetch, isWithValues: boolean): z.infer<typeof RefetchBody> {
  return {
    id,
    ...refetch,
    requestedAt: refetch.requestedAt.toISOString(),
    finishedAt: rfc3339(refetch.finishedAt),
    integrations: refetch.integrations.map(answer => ({
      ...answer,
      ...(isWithValues ? {} : { old: null, new: null }),
    })),
    error: error && { kind: error.kind, message: error.message },
  };
}
