// Reports of devices' identity, for a key that may do nothing else: a reporter on each device says which device it is. How
// often one may report is counted here; what a report may do is the operation's.
import { z } from 'zod';
import { callerOf, tooMany } from '../http/guard.ts';
import { createReportLimits } from '../http/limits.ts';
import { isKnownDevice, reportDevice, reportedDeviceId } from '../operations/reports.ts';
import { type ApiParts, type ApiServer, answers, inTailnet, requestOf } from './common.ts';

const ReportBody = z
  .strictObject({
    reporterSecret: z
      .string()
      .regex(/^[A-Za-z0-9_-]{32,128}$/, 'it must be 32 to 128 of A-Z a-z 0-9 _ -, made at random on the device')
      .describe('Made by the reporter at its first start, and kept: who has it may report for this device.'),
    serialNumbers: z
      .array(z.string().max(256))
      .max(16)
      .describe('All that the device has. Where none of them is usable those that were reported before stay.'),
    hostname: z.string().min(1).max(255).optional(),
    os: z.string().min(1).max(255).optional(),
  })
  .meta({ id: 'DeviceReport' });

const ReportedBody = z
  .object({
    device: z.string().describe('The id that it has here.'),
    outcome: z.enum(['created', 'changed', 'unchanged']),
    refusedSerialNumbers: z.array(z.string()).describe('Those that another device has: they were not taken.'),
  })
  .meta({ id: 'ReportedDevice' });

export function addReports(server: ApiServer, parts: ApiParts): void {
  const limits = createReportLimits();
  server.post(
    '/tailnet/:tailnet/devices/report',
    {
      config: { scope: 'devices:report' },
      schema: {
        ...{ tags: ['Devices'], summary: 'Report the identity of a device', operationId: 'reportDevice' },
        description:
          'For a reporter that runs on the device. It reaches the device of its own secret alone, and gets no serial number that another device has: 409 where it would have none of its own, or while identity collection is off.',
        ...{ params: inTailnet, body: ReportBody },
        response: answers(ReportedBody, 409),
      },
    },
    async (request, reply) => {
      const id = reportedDeviceId(request.body.reporterSecret);
      const seconds = limits.take(callerOf(request).id, id, !(await isKnownDevice(parts.db, id)));
      if (seconds > 0) return tooMany(reply, seconds) as never;
      return await reportDevice(requestOf(parts, request), request.body);
    },
  );
}
