// How the import of devices from a tailnet on schedule goes; a worker does it (docs/devices.md).
import { z } from 'zod';
import { scheduledImport } from '../operations/tailnet-import.ts';
import { type ApiParts, type ApiServer, answers, count, inTailnet, maybeTime, time } from './common.ts';
import { StoredError } from './integrations-schema.ts';

const ImportBody = z
  .object({
    url: z.string().describe('From where.'),
    lastAttempt: time,
    lastSuccess: maybeTime,
    failingSince: maybeTime.describe('null: the last one succeeded, or none was tried to its end.'),
    error: StoredError.nullable(),
    result: z
      .object({
        ...{ created: count, changed: count, unchanged: count, rejectedTotal: count },
        rejected: z
          .array(z.object({ line: z.int().describe('Of the list, from 1.'), message: z.string() }))
          .describe('The first 20.'),
      })
      .nullable()
      .describe('Of the last one that succeeded.'),
  })
  .meta({ id: 'DeviceImport' });

export function addDeviceImport(server: ApiServer, parts: ApiParts): void {
  server.get(
    '/tailnet/:tailnet/devices/import',
    {
      config: { scope: 'devices:core:read' },
      schema: {
        ...{ tags: ['Devices'], summary: 'Get how the import on schedule goes', operationId: 'getDeviceImport' },
        description: '404 while no devices are imported on schedule.',
        params: inTailnet,
        response: answers(ImportBody),
      },
    },
    async () => await scheduledImport(parts.db),
  );
}
