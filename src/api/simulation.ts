// Decisions that nobody acts on, for who wants to know what a gateway would be told. Ours.
import { z } from 'zod';
import { refusals } from '../http/described.ts';
import { simulate, simulatedBy, toldSimulation } from '../operations/simulation.ts';
import { type ApiParts, type ApiServer, inTailnet, requestOf } from './common.ts';
import { PolicyProblem, problemOf } from './policy-schema.ts';

const text = z.string().max(1_024);
const value = z.union([z.boolean(), z.number(), text]);
const list = z.array(text).max(1_000);

const Asked = z
  .strictObject({
    device: text.optional().describe('Its id. Without it the device is invented.'),
    attributes: z
      .record(text, value.nullable())
      .default({})
      .describe('Values as if confirmed just now, in place of what the device has; null: not set.'),
    user: text.nullable().optional(),
    tags: list.optional(),
    addresses: list.optional(),
    destination: z
      .strictObject({
        host: text.optional(),
        port: z.int().min(0).max(65_535).optional(),
        proto: text.optional(),
        device: text.optional().describe('The id of a device of ours that is to be reached.'),
      })
      .optional()
      .describe('What is to be reached, by the access rules.'),
    postures: list.min(1).optional().describe('Instead: postures of which one must hold, whatever the rules.'),
    use: z
      .strictObject({ resource: text, action: text, properties: z.record(text, value).default({}) })
      .optional()
      .describe(
        'Instead: an action on a resource, by the permissions, with `resource:status` and the like sent along.',
      ),
    policy: z.string().optional().describe('HuJSON: decide by this one instead of the one in force.'),
  })
  .meta({ id: 'Simulation' });

const nullable = z.string().nullable();

const Decided = z
  .object({
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
    grounds: z
      .array(
        z.object({ attribute: z.string(), integration: nullable, confirmedAt: nullable, ageMs: z.number().nullable() }),
      )
      .describe('Where a posture let it through: what that looked at.'),
    policyRevision: z.int().nullable().describe('Null: another policy was given, or none is in force.'),
    at: z.date(),
    validUntil: nullable.describe('When the answer may change although nothing but time passes.'),
  })
  .meta({ id: 'SimulatedDecision' });

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
        response: { 200: Decided, 400: PolicyProblem, ...refusals() },
      },
    },
    async (request, reply) => {
      const { device, policy, attributes, user, tags, addresses, ...asked } = request.body;
      const by = simulatedBy(asked);
      const simulation = { device: device ?? null, policy: policy ?? null, attributes, user, tags, addresses, by };
      const found = await simulate(requestOf(parts, request), simulation);
      if ('check' in found) return await reply.code(400).send(problemOf(found.check));
      return toldSimulation(found.decided) as never;
    },
  );
}
