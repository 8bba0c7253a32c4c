// The audit log as the pages show it, ours as a whole: a group for each write, newest first, the entries of one, and what can be filtered by.
import { z } from 'zod';
import { auditFilter } from '../operations/audit.ts';
import { auditCatalogue, listAuditGroups, showAuditGroup } from '../operations/audit-groups.ts';
import { rfc3339 } from '../posture/times.ts';
import type { AuditGroup } from '../store/audit-groups.ts';
import { askedBy, askedTime, Entry, severalTexts } from './audit-log.ts';
import {
  Actor,
  type ApiParts,
  type ApiServer,
  answers,
  count,
  cursorParam,
  inTailnet,
  maybeTime,
  nextCursor,
  requestOf,
  time,
} from './common.ts';

const tags = ['Logging'];
const path = '/tailnet/:tailnet/logging/configuration';
const read = { config: { scope: 'logs:configuration:read' } } as const;

const Group = z
  .object({
    eventGroupID: z.string().describe('The revision of the write.'),
    eventTime: time,
    actor: Actor,
    cause: z.string().describe('What was done, in a word or two: `sync`, `device import`.'),
    runId: z.int().nullable().describe('Of a sync: its run.'),
    entries: count.describe('All entries of the write, whatever is filtered by.'),
    logs: z.array(Entry).describe('The first three of those that are asked for.'),
  })
  .meta({ id: 'AuditGroup', description: 'A write, with the first entries that it made.' });

const filters = {
  start: askedTime.optional().describe('Inclusive. Absent: from the oldest entry on.'),
  end: askedTime.optional().describe('Inclusive. Absent: up to now.'),
  actor: severalTexts.describe(
    'An id, or `~` with a part of a login or display name. May come several times, as those below.',
  ),
  target: severalTexts.describe('A part of the id or name of a target.'),
  targetId: severalTexts.describe('The id of a target, as it is.'),
  event: severalTexts.describe(
    '`NODE.UPDATE.ATTRIBUTES`, or the beginning of codes: `NODE.UPDATE`. Ours: `=NODE.UPDATE` is that code alone.',
  ),
};
const limit = (usual: number, most: number) =>
  z.coerce.number().int().min(1).max(most).default(usual).describe(`1 to ${most}.`);

export function addAuditGroups(server: ApiServer, parts: ApiParts): void {
  server.get(
    `${path}/groups`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List writes in the audit log, newest first', operationId: 'listAuditGroups' },
        description:
          'Ours. What is rare is searched for piece by piece: a page may have few groups, or none, and a `nextCursor`.',
        params: inTailnet,
        querystring: z.strictObject({ ...filters, limit: limit(50, 200), cursor: cursorParam }),
        response: answers(
          z
            .object({
              groups: z.array(Group),
              searchedTo: maybeTime.describe('The search came so far; null: to the end.'),
              nextCursor,
            })
            .meta({ id: 'AuditGroups' }),
        ),
      },
    },
    async request => {
      const { limit: most, cursor = null, ...asked } = request.query;
      const by = requestOf(parts, request);
      const found = await listAuditGroups(by, auditFilter(askedBy(asked), by.now), cursor, most);
      const { groups, searchedTo, ...rest } = found;
      return { groups: groups.map(bodyOf), searchedTo: rfc3339(searchedTo), ...rest };
    },
  );
  server.get(
    `${path}/groups/:groupId`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get the entries of a write', operationId: 'getAuditGroup' },
        description: 'Ours: in their order, those that the filters find.',
        params: inTailnet.extend({ groupId: z.string() }),
        querystring: z.strictObject({
          ...{ actor: filters.actor, target: filters.target, targetId: filters.targetId, event: filters.event },
          ...{ limit: limit(100, 1_000), cursor: cursorParam },
        }),
        response: answers(
          z.object({ group: Group, logs: z.array(Entry), nextCursor }).meta({ id: 'AuditGroupEntries' }),
        ),
      },
    },
    async request => {
      const { limit: most, cursor = null, ...asked } = request.query;
      const by = requestOf(parts, request);
      const filter = auditFilter(askedBy(asked), by.now);
      const found = await showAuditGroup(by, request.params.groupId, filter, cursor, most);
      return {
        group: bodyOf(found.group),
        logs: found.entries as z.infer<typeof Entry>[],
        nextCursor: found.nextCursor,
      };
    },
  );
  addCatalogue(server, parts);
}

function addCatalogue(server: ApiServer, parts: ApiParts): void {
  const Event = z.object({
    event: z.string(),
    about: z.string(),
    tailscale: z.boolean().describe('The code is theirs.'),
  });
  const Seen = Actor.extend({ lastAt: time.describe('When they did something last.') }).meta({ id: 'SeenActor' });
  server.get(
    `${path}/catalogue`,
    {
      ...read,
      schema: {
        ...{
          tags,
          summary: 'List events and actors to filter by',
          operationId: 'getAuditCatalogue',
          params: inTailnet,
        },
        description: 'Ours: every event that an entry can have (docs/events.md), and everybody who stands in the log.',
        response: answers(
          z
            .object({
              events: z.array(Event.meta({ id: 'AuditEvent' })),
              actors: z.array(Seen),
              oldest: maybeTime.describe('When the oldest entry was written that is kept; null: there is none.'),
            })
            .meta({ id: 'AuditCatalogue' }),
        ),
      },
    },
    async () => {
      const { events, actors, oldest } = await auditCatalogue(parts.db);
      return {
        events,
        actors: actors.map(({ actor, lastAt }) => ({ ...actor, lastAt: lastAt.toISOString() })),
        oldest: rfc3339(oldest),
      };
    },
  );
}

function bodyOf({ revision, at, actor, cause, runId, entries, first }: AuditGroup): z.infer<typeof Group> {
  const logs = first as z.infer<typeof Entry>[];
  return { eventGroupID: String(revision), eventTime: at.toISOString(), actor, cause, runId, entries, logs };
}
