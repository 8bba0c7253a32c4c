// Devices: Tailscale's list, get and delete; and what they lack: filters by values and standing, pages, create, replace.
import { Readable } from 'node:stream';
import { z } from 'zod';
import { callerOf } from '../http/guard.ts';
import { IdPlace, readCursor } from '../operations/cursors.ts';
import { attributesOfDevice, pageOfDevices, pagesOfDevices, readDeviceQuery } from '../operations/device-list.ts';
import { addDevice, removeDevice, replaceDevice, theDevice } from '../operations/devices.ts';
import type { DeviceFilters } from '../store/device-filters.ts';
import { type ApiParts, type ApiServer, answers, inTailnet, Nothing, nextCursor, requestOf } from './common.ts';
import {
  DeviceBody,
  DeviceListQuery,
  deviceBody,
  fieldsParam,
  NewDevice,
  ReplacedDevice,
  withAttributes,
} from './devices-schema.ts';

const manage = { config: { scope: 'devices:core' } } as const;
const read = { config: { scope: 'devices:core:read' } } as const;
const tags = ['Devices'];

const all = '/tailnet/:tailnet/devices';
const single = '/device/:deviceId';
export const oneDevice = z.object({ deviceId: z.string().describe('`id` or `nodeId`.') });

export function addDevices(server: ApiServer, parts: ApiParts): void {
  addList(server, parts);
  addGet(server, parts);
  addChanging(server, parts);
}

const List = z
  .object({
    devices: z.array(DeviceBody),
    nextCursor: nextCursor.optional(),
  })
  .meta({ id: 'Devices' });

function addList(server: ApiServer, parts: ApiParts): void {
  server.get(
    all,
    {
      ...read,
      schema: {
        ...{
          tags,
          summary: 'List devices',
          operationId: 'listTailnetDevices',
          params: inTailnet,
          querystring: DeviceListQuery,
        },
        description: 'In the order of ids. Without `limit` and `cursor` all come, as they are read.',
        response: answers(List),
      },
    },
    async (request, reply) => {
      const { fields, attributes, limit, cursor, nodeId, id, ...given } = request.query;
      const isWhole = fields === 'all';
      const isWithAttributes = attributes === 'true';
      if (isWithAttributes || given.attribute !== undefined || given.posture !== undefined)
        server.mustHold(request, 'devices:posture_attributes:read');
      const ids = [...(id ?? []), ...(nodeId ?? [])];
      const searchesValues = callerOf(request).granted.has('devices:posture_attributes:read');
      const filters = await readDeviceQuery(parts, {
        ...set(given),
        searchesValues,
        ...(ids.length > 0 ? { id: ids } : {}),
      });
      if (limit === undefined && cursor === undefined) {
        const text = Readable.from(listText(parts, filters, isWhole, isWithAttributes));
        // Never by the schema, which would need all of it at once.
        return await reply.type('application/json; charset=utf-8').send(text as never);
      }
      const after = cursor === undefined ? null : readCursor(cursor, IdPlace)[0];
      const wanted = { after, limit: limit ?? 100, withAttributes: isWithAttributes };
      const { devices, nextCursor: next } = await pageOfDevices(parts, filters, wanted);
      return { devices: devices.map(device => deviceBody(device, isWhole)), nextCursor: next };
    },
  );
}

/** Without what is undefined. */
export function set<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}

/** A list of any length, page by page, so that it is never in memory as a whole. */
async function* listText(
  parts: ApiParts,
  filters: DeviceFilters,
  isWhole: boolean,
  isWithAttributes: boolean,
): AsyncGenerator<string> {
  let before = '{"devices":[';
  for await (const page of pagesOfDevices(parts, filters, isWithAttributes)) {
    yield before + page.map(device => JSON.stringify(deviceBody(device, isWhole))).join(',');
    before = ',';
  }
  yield `${before === ',' ? '' : before}]}`;
}

function addGet(server: ApiServer, parts: ApiParts): void {
  server.get(
    single,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get a device', operationId: 'getDevice', params: oneDevice },
        querystring: z.strictObject({ fields: fieldsParam, attributes: withAttributes }),
        response: answers(DeviceBody),
      },
    },
    async request => {
      const { deviceId } = request.params;
      const isWithAttributes = request.query.attributes === 'true';
      if (isWithAttributes) server.mustHold(request, 'devices:posture_attributes:read');
      const device = await theDevice(parts.db, deviceId);
      const values = isWithAttributes ? await attributesOfDevice(parts, deviceId) : {};
      return deviceBody({ ...device, ...values }, request.query.fields === 'all');
    },
  );
}

function addChanging(server: ApiServer, parts: ApiParts): void {
  server.post(
    all,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Create a device', operationId: 'createDevice', params: inTailnet, body: NewDevice },
        description: 'It has the values of its agents at once, where these are known.',
        response: answers(DeviceBody, 409),
      },
    },
    async request => deviceBody(await addDevice(requestOf(parts, request), request.body), true),
  );
  server.put(
    single,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Replace a device', operationId: 'replaceDevice', params: oneDevice, body: ReplacedDevice },
        description: 'What is absent is cleared; serial numbers set by hand stay.',
        response: answers(DeviceBody),
      },
    },
    async request => {
      const { deviceId } = request.params;
      return deviceBody(await replaceDevice(requestOf(parts, request), deviceId, request.body), true);
    },
  );
  server.delete(
    single,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Delete a device', operationId: 'deleteDevice', params: oneDevice },
        description: 'With its values; agents bound to it are free again.',
        response: answers(Nothing),
      },
    },
    async (request, reply) => {
      await removeDevice(requestOf(parts, request), request.params.deviceId);
      return await reply.send(undefined);
    },
  );
}
