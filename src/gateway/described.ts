// What gateways and applications ask, and what they are answered, for the API's description alone: tests hold it beside real answers.
import { z } from 'zod';
import { type Description, ErrorBody, keyRefusals, refusals, textAnswer } from '../http/described.ts';
import { Evaluation, Evaluations } from './authzen-request.ts';
import { type GatewayOutcome, outcomeTexts } from './decisions.ts';

const text = z.string().nullable();
const time = text.describe('RFC 3339.');
const count = z.int().min(0);
const value = z.union([z.boolean(), z.number(), z.string()]);
const age = z.int().min(0).nullable().describe('In ms.');

const Refusal = z
  .object({ posture: z.string(), rule: text, description: text, resolution: text })
  .meta({ id: 'PostureRefusal', description: 'A posture that would have let the device through.' });

const Reason = z
  .object({
    posture: z.string().describe('That the condition is written in.'),
    condition: z.string(),
    attribute: text.describe("Null: it is the device's tags."),
    operator: z.string(),
    expected: z.union([value, z.array(value)]).nullable(),
    withinMs: z.number().nullable(),
    found: value.nullable().describe('Null: not set.'),
    unknown: text.describe('Why it is not known; null: it is false.'),
    integration: text,
    confirmedAt: time,
    ageMs: age,
    message: z.string().describe('The whole as a sentence.'),
  })
  .meta({ id: 'DecisionReason', description: 'A condition that is not true.' });

const answer = {
  id: z.string().describe('As the decision log has it.'),
  outcome: z.enum(Object.keys(outcomeTexts) as GatewayOutcome[]).describe('docs/http.md says when.'),
  message: z.string().describe('The outcome as a sentence.'),
  device: text,
  rule: text,
  posture: text,
  refusals: z.array(Refusal).describe('Postures that would have let the device through.'),
  reasons: z.array(Reason),
  grounds: z
    .array(
      z
        .object({ attribute: z.string(), integration: text, confirmedAt: time, ageMs: age })
        .meta({ id: 'DecisionGround' }),
    )
    .describe('Where a posture let the device through: the values that it looked at.'),
  revision: z.int().nullable(),
  policyRevision: z.int().nullable(),
  viewAgeMs: age.describe('How long ago the database was last read.'),
  at: time,
  validUntil: time.describe('When the answer may change although nothing but time passes.'),
  refresh: z
    .object({ state: z.string(), requestedAt: z.string() })
    .meta({ id: 'RequestedRefresh' })
    .nullable()
    .describe('Fresh values were asked for: ask again in some seconds.'),
};

// -- forward-auth

const Refused = z
  .object({ allowed: z.boolean(), outcome: answer.outcome, message: answer.message })
  .extend(z.object(answer).partial().omit({ outcome: true, message: true }).shape)
  .meta({
    id: 'GatewayRefusal',
    description: 'Why the device may not pass; after a fault of ours without the details.',
  });

const postures = z.string().describe('`healthy`, or several separated by commas, of which one must hold.');
const rest = z.string().describe("The gateway's user's path; nothing depends on it.");
const checkTags = ['Gateways'];
const refusedAs = {
  content: {
    // Without a key that may ask there is no more than a message.
    'application/json': { schema: z.union([Refused, ErrorBody]) },
    'text/html': { schema: z.string() },
  },
};
const refused = {
  401: { description: 'Nobody knows which device it is. A page for browsers, which prefer one.', ...refusedAs },
  403: { description: 'It may not pass, and `x-posture-reason` says why. A page for browsers.', ...refusedAs },
};
const checked = {
  200: z.undefined().describe('The device may pass; headers `x-posture-...` say which it is and why. No body.'),
  ...refusals(),
  ...refused,
};

/** @param path `check` or `refusal`, which shows the same and never lets pass @param by what it is asked by */
export function forwardAuth(
  path: 'check' | 'refusal',
  by: 'query' | 'policy' | 'posture',
  hasRest = false,
): Description {
  const what = { query: '', policy: 'Policy', posture: 'Posture' }[by];
  const params = { ...(by === 'posture' ? { postures } : {}), ...(hasRest ? { path: rest } : {}) };
  const isCheck = path === 'check';
  return {
    tags: checkTags,
    summary: isCheck ? 'Ask whether the device of a request may pass' : 'Ask once more, for the page of a refusal',
    operationId: `${isCheck ? 'checkDevice' : 'showRefusal'}${what === '' ? '' : `By${what}`}${hasRest ? 'WithPath' : ''}`,
    description: `${by === 'posture' ? 'By postures.' : 'By the access rules.'} Which device it is stands in what IDENTIFY_BY names; docs/gateways.md shows how.`,
    ...(Object.keys(params).length === 0 ? {} : { params: z.object(params) }),
    ...(by === 'query'
      ? {
          querystring: z.object({
            posture: z
              .union([z.string(), z.array(z.string())])
              .optional()
              .describe('Of these one must hold; without any the access rules decide.'),
          }),
        }
      : {}),
    response: isCheck ? checked : { ...refusals(), ...refused },
  };
}

// -- AuthZEN

const InEnglish = z.object({ en: z.string() });
const Context = z.object({ ...answer, reason_admin: InEnglish.optional(), reason_user: InEnglish.optional() });
const Decision = z
  .object({ decision: z.boolean(), context: Context })
  .meta({ id: 'AuthZenDecision', description: 'A denial is an answer like any other.' });
const Failed = z
  .object({
    decision: z.literal(false),
    context: z.object({ error: z.object({ status: z.int(), message: z.string() }) }),
  })
  .meta({ id: 'AuthZenFailure' });
const authZenTags = ['AuthZEN'];

export const evaluation: Description = {
  ...{ tags: authZenTags, summary: 'Evaluate an access', operationId: 'evaluateAccess' },
  description: 'Of the Authorization API 1.0. Fields that nobody knows are ignored.',
  body: Evaluation.meta({ id: 'AuthZenEvaluation' }),
  response: { 200: Decision, ...refusals() },
};

export const evaluations: Description = {
  ...{ tags: authZenTags, summary: 'Evaluate several accesses', operationId: 'evaluateAccesses' },
  description: 'What is left out of one stands beside them. Without `evaluations` it is a single one.',
  body: Evaluations.extend({ evaluations: z.array(z.looseObject({})).max(1_000).optional() }).meta({
    id: 'AuthZenEvaluations',
  }),
  response: {
    200: z.union([
      z
        .object({
          evaluations: z
            .array(z.union([Decision, Failed]))
            .describe('In their order; what could not be read has an `error` of its own.'),
        })
        .meta({ id: 'AuthZenDecisions' }),
      Decision,
    ]),
    ...refusals(),
  },
};

export const authZenMetadata: Description = {
  ...{ tags: authZenTags, summary: 'Tell where decisions are had', operationId: 'getAuthZenConfiguration' },
  response: {
    200: z
      .object({
        policy_decision_point: z.string(),
        access_evaluation_endpoint: z.string(),
        access_evaluations_endpoint: z.string(),
      })
      .meta({ id: 'AuthZenConfiguration' }),
    ...{ 429: ErrorBody, 500: ErrorBody },
  },
};

// -- attributes

const EvaluatedDevice = z
  .object({
    id: z.string(),
    hostname: text,
    user: text,
    tags: z.array(z.string()),
    serialNumbers: z.array(z.string()),
    addresses: z.array(z.string()),
    certificateFingerprints: z.array(z.string()),
    attributes: z
      .record(
        z.string(),
        z.object({
          value,
          type: z.string(),
          integration: text.describe('Null: an administrator stated it.'),
          confirmedAt: time,
          ageMs: age,
          expiresAt: z.string().optional().describe('Where it ends by itself.'),
        }),
      )
      .describe('By name. One that is not there is not known.'),
  })
  .meta({ id: 'EvaluatedDevice', description: 'What access rules know a device by.' });

const asOf = {
  revision: z.int().describe('Every write up to here is in it.'),
  viewAgeMs: count.describe('How long ago the database was last read.'),
};
const OneDevice = z.object({ ...asOf, device: EvaluatedDevice }).meta({ id: 'EvaluatedDeviceAsOf' });
const deviceTags = ['Evaluators'];
const names = z.array(z.string().max(256)).max(1_000).optional();

export const oneDevice: Description = {
  ...{ tags: deviceTags, summary: 'Get what is known of a device', operationId: 'getEvaluatedDevice' },
  params: z.object({ id: z.string() }),
  response: { 200: OneDevice, ...refusals() },
};

export const deviceBySerial: Description = {
  ...{ tags: deviceTags, summary: 'Get a device by a serial number', operationId: 'findEvaluatedDevice' },
  querystring: z.object({ serial: z.string().describe('However it is written.') }),
  response: { 200: OneDevice, ...refusals() },
};

export const manyDevices: Description = {
  ...{ tags: deviceTags, summary: 'Get what is known of many devices', operationId: 'queryEvaluatedDevices' },
  description: 'At most 1,000 at once.',
  body: z.object({ ids: names, serials: names }).meta({ id: 'EvaluatedDevicesQuery' }),
  response: {
    200: z
      .object({
        ...asOf,
        devices: z.array(EvaluatedDevice),
        unknown: z.object({ ids: z.array(z.string()), serials: z.array(z.string()) }),
      })
      .meta({ id: 'EvaluatedDevicesAsOf' }),
    ...refusals(),
  },
};

// -- copies

const feedTags = ['Change feed'];
const lines = 'application/x-ndjson';

export const snapshot: Description = {
  ...{ tags: feedTags, summary: 'Read everything as of one revision', operationId: 'readSnapshot' },
  description:
    'Lines of JSON, each an object with one key; docs/http.md has them. Without the last line, `end`, it was cut.',
  response: { 200: textAnswer('Everything, a record a line.', lines), ...refusals() },
};

export const changes: Description = {
  ...{ tags: feedTags, summary: 'Follow what changed since a revision', operationId: 'followChanges' },
  description: 'Events where `Accept` names them, for as long as the connection lasts; else the answer to a poll.',
  querystring: z.object({
    after: z
      .string()
      .optional()
      .describe('The revision up to which everything is known; needed without `Last-Event-ID`.'),
    wait: z.string().optional().describe('Seconds that a poll waits for a change, 0 to 60; 30 if not given.'),
  }),
  headers: z.object({
    'last-event-id': z.string().optional().describe('As browsers send it; counts more than `after`.'),
  }),
  response: {
    200: textAnswer('The same lines as a snapshot has.', lines, 'text/event-stream'),
    410: ErrorBody.describe('That revision is too old, or none: read a snapshot.'),
    ...refusals(),
  },
};

// -- keys

export const whoami: Description = {
  ...{ tags: ['Keys'], summary: 'Tell whose key this is', operationId: 'getOwnKey' },
  response: {
    200: z
      .object({
        key: z.object({ id: z.string(), name: z.string(), scopes: z.array(z.string()), expiresAt: time }),
      })
      .meta({ id: 'OwnKey' }),
    ...keyRefusals(),
  },
};
