// Posture attributes of many devices in one call.
import { z } from 'zod';
import { attributesOfDevices } from '../operations/device-list.ts';
import { type ApiParts, type ApiServer, answers, inTailnet } from './common.ts';
import { AttributeValues, Expiries } from './devices-schema.ts';

const read = { config: { scope: 'devices:posture_attributes:read' } } as const;
const tags = ['Device attributes'];
const mostAtOnce = 1_000;

const AttributesBody = z
  .object({ attributes: AttributeValues, expiries: Expiries })
  .meta({ id: 'AttributesAndExpiries' });

const Asked = z
  .strictObject({ nodes: z.array(z.string().max(512)).max(mostAtOnce).describe('Ids of devices.') })
  .meta({ id: 'DeviceAttributesQuery' });
const Found = z
  .object({
    nodes: z.record(z.string(), AttributesBody).describe('By id.'),
    unknown: z.array(z.string()).describe('Ids that no device has.'),
  })
  .meta({ id: 'AttributesOfDevices' });

export function addDeviceAttributes(server: ApiServer, parts: ApiParts): void {
  server.post(
    '/tailnet/:tailnet/device-attributes/query',
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get the attributes of many devices', operationId: 'queryDeviceAttributes' },
        params: inTailnet,
        body: Asked,
        response: answers(Found),
      },
    },
    async ({ body }) => {
      const { devices, unknown } = await attributesOfDevices(parts, body.nodes);
      return { nodes: Object.fromEntries(devices), unknown };
    },
  );
}
