// What may be said of a posture integration as it stands, which Tailscale's operations lack: pause, resume, accept; and what is held
// until somebody accepts it.
import { z } from 'zod';
import { heldLosses } from '../operations/held.ts';
import { heldImpact } from '../operations/held-impact.ts';
import { acceptLosses, pauseEnd, pauseIntegration, resumeIntegration } from '../operations/integration-states.ts';
import { type ApiParts, type ApiServer, answers, count, cursorParam, nextCursor, requestOf } from './common.ts';
import { createTurns, watchReader } from './costly.ts';
import { bodyOf, foundIntegration } from './integrations.ts';
import { IntegrationBody } from './integrations-schema.ts';

const manage = { config: { scope: 'feature_settings' } } as const;
// It tells how devices are.
const readHeld = { config: { scope: 'feature_settings:read', alsoScope: 'devices:posture_attributes:read' } } as const;
const tags = ['Posture integrations'];
const single = '/posture/integrations/:integrationId';
const one = z.object({ integrationId: z.string() });

export function addIntegrationStates(server: ApiServer, parts: ApiParts): void {
  addPause(server, parts);
  addResume(server, parts);
  addAccept(server, parts);
  addHeld(server, parts);
}

function addPause(server: ApiServer, parts: ApiParts): void {
  server.post(
    `${single}/pause`,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Pause syncing', operationId: 'pausePostureIntegration', params: one },
        description: 'Until it is resumed, or until a time. Values stay until they expire.',
        body: z
          .strictObject({
            until: z.string().max(50).nullish().describe('`2026-12-31T08:00:00Z`, or a span such as `8h`.'),
          })
          .meta({ id: 'IntegrationPause' })
          .nullish(),
        response: answers(IntegrationBody, 409),
      },
    },
    async request => {
      const id = request.params.integrationId;
      const asked = requestOf(parts, request);
      await pauseIntegration(asked, { id }, pauseEnd(request.body?.until ?? null, asked.now()));
      return await bodyOf(parts, await foundIntegration(parts, id));
    },
  );
}

function addResume(server: ApiServer, parts: ApiParts): void {
  server.post(
    `${single}/resume`,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'End any pause and sync at once', operationId: 'resumePostureIntegration', params: one },
        response: answers(IntegrationBody, 409),
      },
    },
    async request => {
      const id = request.params.integrationId;
      await resumeIntegration(requestOf(parts, request), { id });
      return await bodyOf(parts, await foundIntegration(parts, id));
    },
  );
}

function addAccept(server: ApiServer, parts: ApiParts): void {
  server.post(
    `${single}/accept`,
    {
      ...manage,
      schema: {
        ...{ tags, operationId: 'acceptPostureIntegration', params: one },
        summary: 'Accept for 24 hours that as many devices lose values as are held',
        querystring: z.strictObject({
          confirm: z.coerce
            .number()
            .int()
            .min(0)
            .max(2_000_000_000)
            .optional()
            .describe('How many devices are held: refused with the right number where it is another one.'),
        }),
        response: answers(IntegrationBody, 409),
      },
    },
    async request => {
      const id = request.params.integrationId;
      await acceptLosses(requestOf(parts, request), { id }, request.query.confirm ?? null);
      return await bodyOf(parts, await foundIntegration(parts, id));
    },
  );
}

const most = 1_000;

const HeldDevice = z
  .object({
    device: z.string(),
    hostname: z.string().nullable(),
    user: z.string().nullable(),
    losses: z.array(
      z.object({
        integration: z.string().describe('Where the values came from.'),
        agent: z.string(),
        reason: z
          .string()
          .nullable()
          .describe('Why the agent speaks for it no more; null: it no longer tells these values.'),
        values: z.record(z.string(), z.unknown()).describe('What would go, by name.'),
      }),
    ),
  })
  .meta({ id: 'HeldDevice' });

const HeldImpact = z
  .object({
    policy: z.int().nullable().describe('Revision of the policy in force, by which they are judged; null: none is.'),
    isPolicyReadable: z
      .boolean()
      .describe(
        'False: this version cannot read the policy, so nobody passes anything, and who would stop passing is not known.',
      ),
    judged: count.describe('Devices that were judged, with and without what is held: the first by id, 10000 at most.'),
    isWhole: z
      .boolean()
      .describe(
        'Whether these are all that would lose values; else more may stop passing than are told. False where no policy can be judged by.',
      ),
    stopping: count.describe('Of the judged, devices that pass some posture now and would not any more.'),
    postures: z.array(
      z.object({
        posture: z.string(),
        devices: count,
        examples: z.array(z.object({ device: z.string(), hostname: z.string().nullable() })).describe('A few of them.'),
      }),
    ),
  })
  .meta({ id: 'HeldImpact', description: 'Who would stop passing what if the losses were accepted.' });

function addHeld(server: ApiServer, parts: ApiParts): void {
  const turns = createTurns('losses are being judged');
  server.get(
    `${single}/held`,
    {
      ...readHeld,
      schema: {
        ...{ tags, summary: 'List what is held', operationId: 'listHeldLosses', params: one },
        description: 'The devices whose losses are withheld, by id, with what each would lose and why.',
        querystring: z.strictObject({
          search: z.string().min(1).max(256).optional().describe('Part of an id or host name of a device.'),
          limit: z.coerce.number().int().min(1).max(most).default(100).describe(`1 to ${most}.`),
          cursor: cursorParam,
          impact: z.enum(['true', 'false']).default('false').describe('`true`: with `impact`, which takes longer.'),
        }),
        response: answers(
          z
            .object({ devices: z.array(HeldDevice), nextCursor, impact: HeldImpact.optional() })
            .meta({ id: 'HeldDevices' }),
        ),
      },
    },
    async ({ params, query }, reply) => {
      const integration = await foundIntegration(parts, params.integrationId);
      if (query.impact === 'false') return await heldLosses(parts.db, integration, query);
      const done = turns.take();
      try {
        const page = await heldLosses(parts.db, integration, query);
        return { ...page, impact: await heldImpact(parts, integration, { look: watchReader(reply) }) };
      } finally {
        done();
      }
    },
  );
}
