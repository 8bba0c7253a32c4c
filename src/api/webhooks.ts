// Webhooks: managed by the paths and field names of Tailscale's, with notices of ours, their delivery log, and what disables them.
import { z } from 'zod';
import type { DeliveryView, WebhookView } from '../operations/webhook-view.ts';
import {
  createWebhook,
  disableWebhook,
  enableWebhook,
  removeWebhook,
  rotateWebhookSecret,
  testWebhook,
  updateWebhook,
  viewDeliveries,
  viewWebhook,
  viewWebhooks,
  waitForTest,
} from '../operations/webhooks.ts';
import { noticeKinds } from '../posture/notices.ts';
import { rfc3339 } from '../posture/times.ts';
import { deliveryStates } from '../store/deliveries.ts';
import {
  type ApiParts,
  type ApiServer,
  accepted,
  answers,
  count,
  cursorParam,
  inTailnet,
  maybeTime,
  Nothing,
  nextCursor,
  requestOf,
  settingsRequestOf,
  time,
  toldBy,
} from './common.ts';

const manage = { config: { scope: 'webhooks' } } as const;
const read = { config: { scope: 'webhooks:read' } } as const;
const tags = ['Webhooks'];
const all = '/tailnet/:tailnet/webhooks';
const single = '/webhooks/:endpointId';
const one = z.object({ endpointId: z.string() });

const Webhook = z
  .object({
    endpointId: z.string(),
    endpointUrl: z.string(),
    created: time,
    lastModified: time.describe('When its address, name, notices or secret were changed last.'),
    subscriptions: z.array(z.string()),
    providerType: z.literal('').describe('Always empty: notices have one form.'),
    creatorLoginName: z.string().describe('Always empty: the audit log has it.'),
    secret: z.string().optional().describe('Only where it was just made: it cannot be seen again.'),
    // -- ours
    name: z.string(),
    state: z.enum(['active', 'failing', 'disabled']),
    disabledAt: maybeTime,
    disabledReason: z.string().nullable(),
    failingSince: maybeTime,
    nextAttempt: maybeTime.describe('While it is failing: nothing is sent before.'),
    error: z.string().nullable().describe('Of the last attempt, while it is failing.'),
    oldSecretEnds: maybeTime.describe('Until then notices are signed with the secret before, too.'),
    waiting: count,
    waitingSince: maybeTime,
    delivered: count.describe('Of the last days.'),
    givenUp: count,
  })
  .meta({ id: 'Webhook' });

const Delivery = z
  .object({
    id: z.string().describe('As receivers see it, in the header `webhook-id`.'),
    notice: z.string(),
    target: z.string(),
    revision: z.int(),
    at: time,
    state: z.enum(deliveryStates),
    attempts: count,
    lastAttempt: maybeTime,
    nextAttempt: maybeTime,
    status: z.int().nullable().describe('HTTP status of the last answer.'),
    error: z.string().nullable(),
  })
  .meta({ id: 'WebhookDelivery' });

const kinds = z
  .array(z.string().max(100))
  .max(100)
  .describe(`Of: ${noticeKinds.join(', ')}. Absent: all of them.`);
const name = z.string().max(200);
const endpointUrl = z.string().max(2_100);
const providerType = z
  .literal('', 'notices have one form of their own (docs/webhooks.md), and none for chats: it can only be empty')
  .optional()
  .describe('Clients send it empty.');

const NewWebhook = z
  .strictObject({ endpointUrl, subscriptions: kinds.optional(), providerType, name: name.optional() })
  .meta({ id: 'NewWebhook' });
const ChangedWebhook = z
  .strictObject({ endpointUrl, subscriptions: kinds, providerType, name })
  .partial()
  .meta({ id: 'WebhookChanges' });

export function addWebhooks(server: ApiServer, parts: ApiParts): void {
  addReading(server, parts);
  addWriting(server, parts);
  addVerbs(server, parts);
  addTest(server, parts);
}

function addReading(server: ApiServer, parts: ApiParts): void {
  server.get(
    all,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List webhooks', operationId: 'listWebhooks', params: inTailnet },
        response: answers(z.object({ webhooks: z.array(Webhook) }).meta({ id: 'Webhooks' })),
      },
    },
    async request => ({ webhooks: (await viewWebhooks(requestOf(parts, request))).map(view => bodyOf(view)) }),
  );
  server.get(
    single,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get a webhook', operationId: 'getWebhook', params: one },
        response: answers(Webhook),
      },
    },
    async request => bodyOf(await viewWebhook(requestOf(parts, request), request.params.endpointId)),
  );
  const limit = z.coerce.number().int().min(1).max(1_000).default(100).describe('1 to 1000.');
  server.get(
    `${single}/deliveries`,
    {
      ...read,
      schema: {
        ...{
          tags,
          summary: 'List notices to a webhook, newest first',
          operationId: 'listWebhookDeliveries',
          params: one,
        },
        querystring: z.strictObject({
          limit,
          cursor: cursorParam,
          state: z.enum(deliveryStates).optional().describe('Only those. Absent: all.'),
        }),
        response: answers(z.object({ deliveries: z.array(Delivery), nextCursor }).meta({ id: 'WebhookDeliveries' })),
      },
    },
    async request => {
      const { params, query } = request;
      const { limit: most, cursor = null, state = null } = query;
      const found = await viewDeliveries(requestOf(parts, request), params.endpointId, most, cursor, state);
      return { deliveries: found.deliveries.map(deliveryOf), nextCursor: found.nextCursor };
    },
  );
}

function addWriting(server: ApiServer, parts: ApiParts): void {
  server.post(
    all,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Create a webhook', operationId: 'createWebhook', params: inTailnet },
        body: NewWebhook,
        response: answers(Webhook, 409),
      },
    },
    async request => {
      const { endpointUrl: url, subscriptions: notices, name: called } = request.body;
      const making = createWebhook(await settingsRequestOf(parts, request), { name: called, url, notices });
      const made = await making.catch(inTheirWords);
      return bodyOf(made.view, made.secret);
    },
  );
  server.patch(
    single,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Change a webhook', operationId: 'updateWebhook', params: one },
        body: ChangedWebhook,
        response: answers(Webhook, 409),
      },
    },
    async request => {
      const { endpointUrl: url, subscriptions: notices, name: called } = request.body;
      const by = { ...requestOf(parts, request), allowedHosts: parts.allowedHosts };
      const changing = updateWebhook(by, request.params.endpointId, { url, notices, name: called });
      return bodyOf((await changing.catch(inTheirWords)).view);
    },
  );
  server.delete(
    single,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Delete a webhook', operationId: 'deleteWebhook', params: one },
        description: 'What waits to be sent goes with it.',
        response: answers(Nothing),
      },
    },
    async (request, reply) => {
      await removeWebhook(requestOf(parts, request), request.params.endpointId);
      return await reply.send(undefined);
    },
  );
}

function addVerbs(server: ApiServer, parts: ApiParts): void {
  for (const [verb, summary, act] of [
    ['enable', 'Enable a webhook, and send what waits', enableWebhook],
    ['disable', 'Disable a webhook', disableWebhook],
  ] as const)
    server.post(
      `${single}/${verb}`,
      {
        ...manage,
        schema: { tags, summary, operationId: `${verb}Webhook`, params: one, response: answers(Webhook) },
      },
      async request => {
        const by = requestOf(parts, request);
        await act(by, request.params.endpointId);
        return bodyOf(await viewWebhook(by, request.params.endpointId));
      },
    );
  server.post(
    `${single}/rotate`,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Give a webhook another secret', operationId: 'rotateWebhookSecret', params: one },
        description: 'For 24 hours notices are signed with both.',
        querystring: z.strictObject({
          atOnce: z.enum(['true', 'false']).optional().describe('`true`: the secret before signs no more.'),
        }),
        response: answers(Webhook),
      },
    },
    async request => {
      const by = await settingsRequestOf(parts, request);
      const atOnce = request.query.atOnce === 'true';
      const { secret, view } = await rotateWebhookSecret(by, request.params.endpointId, { atOnce });
      return bodyOf(view, secret);
    },
  );
}

const answersWithinMs = 5_000;

function addTest(server: ApiServer, parts: ApiParts): void {
  server.post(
    `${single}/test`,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Send a test notice', operationId: 'testWebhook', params: one },
        description:
          'Queued, as with Tailscale; the answer waits up to 5 s for what becomes of it, and has that in `delivery`.',
        response: accepted(z.object({ delivery: Delivery.nullable() }).meta({ id: 'WebhookTest' }), 409),
      },
    },
    async (request, reply) => {
      const by = requestOf(parts, request);
      const sent = await testWebhook(by, request.params.endpointId);
      const view = await waitForTest(by, sent, answersWithinMs, server.stopping);
      return await reply.code(202).send({ delivery: view && deliveryOf(view) });
    },
  );
}

/** As they are sent. */
const inTheirWords = toldBy({ url: 'endpointUrl', notices: 'subscriptions' });

function bodyOf(view: WebhookView, secret?: string): z.infer<typeof Webhook> {
  const {
    id,
    url,
    notices,
    createdAt,
    modifiedAt,
    disabledAt,
    failingSince,
    nextAttempt,
    oldSecretEnds,
    waitingSince,
    ...rest
  } = view;
  return {
    ...rest,
    endpointId: id,
    endpointUrl: url,
    created: createdAt.toISOString(),
    lastModified: modifiedAt.toISOString(),
    providerType: '',
    creatorLoginName: '',
    subscriptions: notices,
    ...(secret === undefined ? {} : { secret }),
    disabledAt: rfc3339(disabledAt),
    failingSince: rfc3339(failingSince),
    nextAttempt: rfc3339(nextAttempt),
    oldSecretEnds: rfc3339(oldSecretEnds),
    waitingSince: rfc3339(waitingSince),
  };
}

function deliveryOf(view: DeliveryView): z.infer<typeof Delivery> {
  const { at, lastAttempt, nextAttempt, ...rest } = view;
  return { ...rest, at: at.toISOString(), lastAttempt: rfc3339(lastAttempt), nextAttempt: rfc3339(nextAttempt) };
}
