// How the attributes of a device came to be what they are: their changes, in pages, and their values over a time, for charts. Ours.
import { z } from 'zod';
import { attributeHistory, attributeSeriesOf } from '../operations/attribute-history.ts';
import { Actor, type ApiParts, type ApiServer, answers, cursorParam, nextCursor, several, time } from './common.ts';
import { oneDevice } from './devices.ts';

const read = { config: { scope: 'devices:posture_attributes:read' } } as const;
const tags = ['Device attributes'];
const path = '/device/:deviceId/attributes/history';
const value = z.union([z.string(), z.number(), z.boolean()]).nullable();

const Change = z
  .object({
    at: time,
    key: z.string(),
    old: value.describe('Null: it was not set.'),
    new: value.describe('Null: it is not set any more.'),
    expiresAt: z.string().nullable().describe('When the new value ends by itself.'),
    source: z.string().nullable().describe('The provider that the attribute is of, or `custom`.'),
    integration: z.string().nullable().describe('Whose sync found it, where one did.'),
    run: z.int().nullable().describe('The sync run, while it is remembered.'),
    cause: z.string().nullable().describe('What was being done: `sync`, `refetch`, `attribute set`.'),
    comment: z.string().nullable().describe('Of whoever asked for it; `expired` where time did.'),
    origin: z.string(),
    event: z.string(),
    actor: Actor,
    eventGroupID: z.string().describe('As in the audit log.'),
    revision: z.int(),
  })
  .meta({ id: 'AttributeChange', description: 'A value that became another one, or ends at another time.' });

const Series = z
  .object({
    start: value.describe('At `since`; null: it was not set.'),
    changes: z.array(z.object({ at: time, value })).describe('Oldest first.'),
  })
  .meta({ id: 'AttributeSeries' });

const SeriesOfDevice = z
  .object({ since: time, until: time, series: z.record(z.string(), Series).describe('By full name.') })
  .meta({ id: 'DeviceAttributeSeries' });

const range = {
  key: several.describe('Full names; without any all.'),
  since: z.string().optional().describe('RFC 3339, or how long ago: `24h`. Inclusive.'),
  until: z.string().optional().describe('In the same forms. Inclusive.'),
};

export function addAttributeHistory(server: ApiServer, parts: ApiParts): void {
  server.get(
    path,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List the changes of attributes of a device', operationId: 'listAttributeChanges' },
        description: 'Newest first, as far back as the audit log goes; also of a device that is gone.',
        params: oneDevice,
        querystring: z.strictObject({
          ...range,
          limit: z.coerce.number().int().min(1).max(1_000).default(100).describe('1 to 1000.'),
          cursor: cursorParam,
        }),
        response: answers(z.object({ changes: z.array(Change), nextCursor }).meta({ id: 'AttributeChanges' })),
      },
    },
    async ({ params, query }) => {
      const { key: keys, since, until, cursor = null, limit } = query;
      const page = await attributeHistory(parts, params.deviceId, { keys, since, until }, cursor, limit);
      return {
        changes: page.changes.map(change => ({ ...change, at: change.at.toISOString() })),
        nextCursor: page.nextCursor,
      };
    },
  );
  server.get(
    `${path}/series`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get the values of attributes of a device over a time', operationId: 'getAttributeSeries' },
        description:
          'Of each attribute that was set then: what held at the beginning, and what followed. Without `since` 30 days. Where the log has more than 5,000 entries of that time, `since` in the answer is later than what was asked for.',
        params: oneDevice,
        querystring: z.strictObject(range),
        response: answers(SeriesOfDevice),
      },
    },
    async ({ params, query }) => {
      const { key: keys, since, until } = query;
      const found = await attributeSeriesOf(parts, params.deviceId, { keys, since, until });
      const series = Object.entries(found.series).map(([name, { start, changes }]) => {
        return [name, { start, changes: changes.map(each => ({ at: each.at.toISOString(), value: each.value })) }];
      });
      return {
        since: found.since.toISOString(),
        until: found.until.toISOString(),
        series: Object.fromEntries(series),
      };
    },
  );
}
