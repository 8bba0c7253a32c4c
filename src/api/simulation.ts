// Decisions that nobody acts on, for who wants to know what a gateway would be told. Ours.
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { type Simulated, type Simulation, simulate } from '../operations/simulation.ts';
import { decisionTexts, timeText, toldReasons, toldRefusals } from '../posture/told.ts';
import { type ApiParts, type ApiServer, ErrorBody, inTailnet, requestOf } from './common.ts';
import { PolicyProblem, problemOf } from './policy-schema.ts';

const text = z.string().max(1_024);
const value = z.union([z.boolean(), z.number(), text]);
const list = z.array(text).max(1_000);

const Asked = z.strictObject({
  device: text.optional().describe('Its id. Without it the device is invented.'),
  attributes: z
    .record(text, value.nullable())
    .default({})
    .describe('Values as if confirmed just now, in place of what the device has; null: not set.'),
  user: text.nullable().optional(),
  tags: list.optional(),
  addresses: list.optional(),
  destination: z
    .strictObject({ host: text.optional(), port: z.int().min(0).max(65_535).optional(), proto: text.optional() })
    .optional()
    .describe('What is to be reached, by the access rules.'),
  postures: list.min(1).optional().describe('Instead: postures of which one must hold, whatever the rules.'),
  use: z
    .strictObject({ resource: text, action: text, properties: z.record(text, value).default({}) })
    .optional()
    .describe('Instead: an action on a resource, by the permissions, with `resource:status` and the like sent along.'),
  policy: z.string().optional().describe('HuJSON: decide by this one instead of the one in force.'),
});

const nullable = z.string().nullable();

const Decided = z.object({
  allowed: z.boolean(),
  outcome: z.string(),
  message: z.string().describe('The outcome as a sentence.'),
  device: nullable,
  rule: nullable,
  posture: nullable,
  refusals: z.array(z.object({ posture: z.string(), rule: nullable, description: nullable, resolution: nullable })),
  reasons: z.array(
    z.looseObject({ posture: z.string(), condition: z.string(), attribute: nullable, message: z.string() }),
  ),
  policyRevision: z.int().nullable().describe('Null: another policy was given, or none is in force.'),
  at: z.date(),
  validUntil: nullable.describe('When the answer may change although nothing but time passes.'),
});

export function addSimulation(server: ApiServer, parts: ApiParts): void {
  server.post(
    '/tailnet/:tailnet/decisions/simulate',
    {
      config: { scope: 'policy_file:read', alsoScope: 'devices:posture_attributes:read' },
      bodyLimit: 12_000_000,
      schema: {
        ...{ tags: ['Policy file'], summary: 'Simulate a decision', operationId: 'simulateDecision' },
        description:
          'For a device, or for invented attributes. It is in no log, and no provider is asked because of it.',
        params: inTailnet,
        body: Asked,
        response: { 200: Decided, 400: PolicyProblem, '4xx': ErrorBody, '5xx': ErrorBody },
      },
    },
    async (request, reply) => {
      const found = await simulate(requestOf(parts, request), simulationOf(request.body));
      if ('check' in found) return await reply.code(400).send(problemOf(found.check));
      return bodyOf(found.decided) as never;
    },
  );
}

/** @throws AppError invalid unless just one thing is asked */
function simulationOf(asked: z.infer<typeof Asked>): Simulation {
  const { device, policy, attributes, user, tags, addresses, postures, destination, use } = asked;
  const by = [
    ...(postures === undefined ? [] : [{ postures: postures.map(withPrefix) }]),
    ...(destination === undefined ? [] : [{ destination }]),
    ...(use === undefined ? [] : [{ use }]),
  ] as Simulation['by'][];
  const [only] = by;
  if (only === undefined || by.length > 1)
    throw new AppError('invalid', 'one of destination, postures and use is needed, and no second one');
  return { device: device ?? null, policy: policy ?? null, attributes, user, tags, addresses, by: only };
}

function withPrefix(name: string): string {
  return name.startsWith('posture:') ? name : `posture:${name}`;
}

function bodyOf({ refusals, validUntil, ...decided }: Simulated): z.infer<typeof Decided> {
  return {
    ...decided,
    message: decisionTexts[decided.outcome],
    refusals: toldRefusals(refusals),
    reasons: toldReasons(refusals, decided.at.getTime()).map(reason => ({ ...reason })),
    validUntil: timeText(validUntil),
  };
}
