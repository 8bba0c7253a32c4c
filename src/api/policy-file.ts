// The policy file: Tailscale's operations on it, byte for byte as it was written or as plain JSON, and what they lack: the policies
// that were in force before.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { refusals } from '../http/described.ts';
import { isKnown, tagsOf } from '../http/entity-tags.ts';
import type { Streams } from '../http/streams.ts';
import {
  applyPolicy,
  checkText,
  defaultPolicy,
  pageOfPolicies,
  policyHash,
  presentPolicy,
  previewText,
  starterPolicy,
  testInForce,
  viewPolicies,
  viewPolicy,
} from '../operations/policies.ts';
import { isList, standardJson } from '../posture/policy-json.ts';
import { placeOf } from '../posture/policy-preview.ts';
import {
  type ApiParts,
  type ApiServer,
  answers,
  cursorParam,
  ifNoneMatch,
  inTailnet,
  limitOfWhole,
  requestOf,
  Unchanged,
} from './common.ts';
import { addImpact } from './policy-impact.ts';
import {
  type PolicyDetails,
  PolicyProblem,
  PolicyRevisions,
  PolicyVerdict,
  PreviewBody,
  placed,
  problemOf,
  verdictOf,
} from './policy-schema.ts';

const manage = { config: { scope: 'policy_file' } } as const;
const read = { config: { scope: 'policy_file:read' } } as const;
const tags = ['Policy file'];
const file = '/tailnet/:tailnet/acl';
const huJson = 'application/hujson';
/** What generated clients send; whatever else is sent is taken too. */
const consumes = [huJson];
/** A policy has at most 4,000,000 characters; in UTF-8 each takes at most three bytes a unit. */
const bodyLimit = 12_000_000;

const Text = z.string().describe('HuJSON: JSON with comments and trailing commas.');
const body = Text.nullish();

export function addPolicyFile(server: ApiServer, parts: ApiParts, streams: Streams): void {
  server.register(async plain => {
    takeTexts(plain as unknown as ApiServer);
    const scope = plain.withTypeProvider<ZodTypeProvider>() as unknown as ApiServer;
    addReading(scope, parts);
    addApplying(scope, parts);
    addChecking(scope, parts);
    addImpact(scope, parts, streams, { bodyLimit, consumes, body });
    addHistory(scope, parts);
  });
}

/** Bodies are texts here, whatever their type is said to be: a policy is kept as it was sent. */
function takeTexts(scope: ApiServer): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, bytes, done) => {
    try {
      done(null, new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes as Buffer));
    } catch {
      done(new AppError('invalid', 'the body is not written in UTF-8'), undefined);
    }
  });
}

/** Sends a policy as it is asked for: as it was written, or as JSON. */
function sendPolicy(
  request: FastifyRequest,
  reply: FastifyReply,
  policy: { text: string; hash: string },
): FastifyReply {
  const accept = request.headers.accept ?? '';
  const isJson = accept.includes('application/json') && !accept.includes(huJson);
  reply.header('etag', `"${policy.hash}"`).header('vary', 'accept').header('cache-control', 'no-cache');
  if (request.method !== 'POST' && isKnown(request.headers['if-none-match'], policy.hash))
    return reply.code(304).send();
  if (isJson) return reply.type('application/json; charset=utf-8').send(standardJson(policy.text));
  // As bytes: to the type of a text a charset would be added.
  return reply.header('content-type', huJson).send(Buffer.from(policy.text));
}

/** Both forms in one: what is sent is a text, and no serializer touches it. */
const given = {
  200: {
    description: 'The policy, with its `ETag`.',
    content: { 'application/json': { schema: z.looseObject({}) }, [huJson]: { schema: Text } },
  },
};

/** Tailscale's clients say `details=1`. */
function detailed(what: string) {
  return z.strictObject({ details: z.string().optional().describe(`\`true\` or \`1\`: ${what}`) });
}

function wantsDetails({ details = '' }: { details?: string | undefined }): boolean {
  return details === 'true' || details === '1';
}

const readable = { ...given, 304: Unchanged, ...refusals() };

function addReading(server: ApiServer, parts: ApiParts): void {
  server.get(
    file,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get the policy file', operationId: 'getPolicyFile', params: inTailnet },
        description:
          'Byte for byte as it was applied; JSON by `Accept: application/json`. Before any was, the default, which grants nothing.',
        querystring: detailed('within JSON, with what is odd about it.'),
        headers: ifNoneMatch,
        response: readable,
      },
    },
    async (request, reply) => {
      const asked = requestOf(parts, request);
      const policy = await presentPolicy(asked);
      if (!wantsDetails(request.query)) return sendPolicy(request, reply, policy) as never;
      const { errors, warnings } = await checkText(asked, policy.text);
      const acl = Buffer.from(policy.text).toString('base64');
      const details: z.infer<typeof PolicyDetails> = {
        acl,
        warnings: warnings.map(placed),
        errors: errors.map(placed),
      };
      return reply.header('etag', `"${policy.hash}"`).send(details as never);
    },
  );
}

function addApplying(server: ApiServer, parts: ApiParts): void {
  server.post(
    file,
    {
      ...manage,
      bodyLimit,
      schema: {
        ...{ tags, summary: 'Set the policy file', operationId: 'setPolicyFile', params: inTailnet, consumes, body },
        description:
          'Puts it in force unless it has errors or fails its own tests. Without a body: the default, which grants nothing.',
        headers: z.looseObject({
          'if-match': z
            .string()
            .optional()
            .describe('ETags of which one must be in force, or `"ts-default"`: only while the default is.'),
        }),
        response: { ...given, 400: PolicyProblem, ...refusals(412) },
      },
    },
    async (request, reply) => {
      const text = request.body || defaultPolicy;
      const ifHash = hashesOf(request.headers['if-match']);
      const applied = await applyPolicy(requestOf(parts, request), { text, ifRevision: null, ifHash });
      if (applied.state === 'refused') return reply.code(400).send(problemOf(applied.check));
      return sendPolicy(request, reply, { text, hash: applied.view.hash }) as never;
    },
  );
}

/** @returns the hashes that `If-Match` names; null where any policy may be in force */
function hashesOf(header: string | undefined): string[] | null {
  const tags = header === undefined ? null : tagsOf(header);
  // A weak tag never matches.
  return tags?.map(tag => (tag === 'ts-default' ? policyHash(defaultPolicy) : tag)) ?? null;
}

function addChecking(server: ApiServer, parts: ApiParts): void {
  server.post(
    `${file}/validate`,
    {
      ...read,
      bodyLimit,
      schema: {
        ...{
          tags,
          summary: 'Validate a policy, or run tests',
          operationId: 'validatePolicyFile',
          params: inTailnet,
          consumes,
          body,
        },
        description:
          'A policy is checked with its own tests; a list of tests is run against the policy in force. Nothing is applied.',
        querystring: detailed('all that was found, also where nothing is wrong, with the postures that it defines.'),
        response: answers(PolicyVerdict),
      },
    },
    async request => {
      const asked = requestOf(parts, request);
      const text = request.body ?? '';
      if (text.trim() === '') throw new AppError('invalid', 'unexpected end of JSON input: the body is empty');
      const check = isList(text) ? await testInForce(asked, text) : await checkText(asked, text);
      if (wantsDetails(request.query)) return verdictOf(check);
      if (check.errors.length > 0) return problemOf(check);
      return check.warnings.length === 0 ? {} : { warnings: [...check.warnings] };
    },
  );
  server.post(
    `${file}/preview`,
    {
      ...read,
      bodyLimit,
      schema: {
        ...{
          tags,
          summary: 'Preview which rules match',
          operationId: 'previewPolicyFile',
          params: inTailnet,
          consumes,
          body,
        },
        description:
          'The rules of the policy in the body that are about a user, or that lead to a place, whatever their postures.',
        querystring: z.strictObject({
          type: z.enum(['user', 'ipport']),
          previewFor: z.string().min(1).describe('A user, or `10.0.0.5:443`.'),
        }),
        response: { 200: PreviewBody, 400: PolicyProblem, ...refusals() },
      },
    },
    async (request, reply) => {
      const { type, previewFor } = request.query;
      const of = type === 'user' ? { user: previewFor } : placeOf(previewFor);
      if (of === null) throw new AppError('invalid', 'previewFor: expected a host and a port, as in 10.0.0.5:443');
      const found = await previewText(requestOf(parts, request), request.body ?? '', of);
      if ('errors' in found) return reply.code(400).send(problemOf(found));
      return { matches: found, type, previewFor } as never;
    },
  );
}

function addHistory(server: ApiServer, parts: ApiParts): void {
  server.get(
    `${file}/history`,
    {
      ...read,
      schema: {
        ...{
          tags,
          summary: 'List the policies that were applied',
          operationId: 'listPolicyRevisions',
          params: inTailnet,
        },
        description: 'The one in force is last, or first where `order=newest` is asked for.',
        querystring: z.strictObject({
          order: z.enum(['oldest', 'newest']).default('oldest').describe('`newest` comes in pages always.'),
          limit: limitOfWhole,
          cursor: cursorParam,
        }),
        response: answers(PolicyRevisions),
      },
    },
    async request => {
      const { order, limit, cursor } = request.query;
      const newestFirst = order === 'newest';
      const asked = requestOf(parts, request);
      const isWhole = limit === undefined && cursor === undefined && !newestFirst;
      if (isWhole) return { revisions: await viewPolicies(asked) };
      return await pageOfPolicies(asked, newestFirst, cursor ?? null, limit ?? 100);
    },
  );
  server.get(
    `${file}/starter`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get a policy to start from', operationId: 'getStarterPolicy', params: inTailnet },
        description: 'With comments that explain it. It is not in force until somebody sets it.',
        headers: ifNoneMatch,
        response: readable,
      },
    },
    async (request, reply) => {
      const text = await starterPolicy();
      return sendPolicy(request, reply, { text, hash: policyHash(text) }) as never;
    },
  );
  server.get(
    `${file}/history/:revision`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get a policy that was applied', operationId: 'getPolicyRevision' },
        description: 'In the forms of the policy file. Set again it is in force again.',
        params: inTailnet.extend({ revision: z.coerce.number().int().min(1).max(999_999_999_999) }),
        headers: ifNoneMatch,
        response: readable,
      },
    },
    async (request, reply) => {
      const view = await viewPolicy(requestOf(parts, request), request.params.revision);
      return sendPolicy(request, reply, view) as never;
    },
  );
}
