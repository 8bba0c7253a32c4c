// Decisions that nobody acts on, for who wants to know what a gateway would be told. Ours.
import { z } from 'zod';
import { refusals } from '../http/described.ts';
import { simulatePostures } from '../operations/posture-simulation.ts';
import { simulate, simulatedBy, toldSimulation } from '../operations/simulation.ts';
import { standingStates } from '../posture/standings.ts';
import { type ApiParts, type ApiServer, count, inTailnet, requestOf } from './common.ts';
import { RestsOn } from './devices-schema.ts';
import { AccessChange, PolicyProblem, problemOf } from './policy-schema.ts';

const text = z.string().max(1_024);
const value = z.union([z.boolean(), z.number(), text]);
const list = z.array(text).max(1_000);

/** Who is meant, and by which policy. */
const meant = {
  device: text.optional().describe('Its id. Without it the device is invented.'),
  attributes: z
    .record(text, value.nullable())
    .default({})
    .describe('Values as if confirmed just now, in place of what the device has; null: not set.'),
  user: text.nullable().optional(),
  tags: list.optional(),
  addresses: list.optional(),
  policy: z.string().optional().describe('HuJSON: decide by this one instead of the one in force.'),
};

const Asked = z
  .strictObject({
    ...meant,
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
  })
  .meta({ id: 'Simulation' });

const AskedPostures = z
  .strictObject({ ...meant, postures: list.min(1).optional().describe('Those that are wanted; without it all.') })
  .meta({ id: 'PostureSimulation' });

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

const state = z.enum(standingStates);
const found = value.nullable();

const Part = z
  .object({
    state: state.describe('As it counts in the condition: within `!` of the opposite.'),
    condition: z.string().describe("`sentinelOne:activeThreats == 0 WITHIN '24h'`"),
    posture: z.string().describe('That it is written in.'),
    named: nullable.describe('Where it is another posture: its name; nothing of the following then.'),
    attribute: nullable,
    operator: nullable,
    expected: z.union([found, z.array(value)]),
    withinMs: z.number().nullable(),
    found: found.describe('Null: not set.'),
    unknown: nullable.describe('Why it is not known.'),
    integration: nullable,
    confirmedAt: nullable,
    ageMs: z.number().nullable(),
    isFresh: z
      .boolean()
      .nullable()
      .describe(
        'False: what was found, or something that the posture named rests on, was not confirmed within `freshWithinMs`. Null: no provider says it.',
      ),
    message: z.string().describe('The whole as a sentence.'),
  })
  .meta({ id: 'SimulatedPart' });

const RuleRefusal = z
  .object({
    rule: z.string(),
    line: z.int().describe("Of the policy's text."),
    destinations: z.array(z.string()).describe('What it leads to; the first 20.'),
    reason: z
      .enum(['not_about_it', 'posture'])
      .describe('`not_about_it`: its `src` selects neither the user, nor a tag or address of the device.'),
    postures: z.array(z.object({ posture: z.string(), state })).describe('Of which one would have to pass.'),
    message: z.string().describe('The whole as a sentence.'),
  })
  .meta({ id: 'RuleRefusal' });

const SimulatedPostures = z
  .object({
    device: nullable,
    user: nullable,
    tags: z.array(z.string()),
    policyRevision: z.int().nullable().describe('Null: another policy was given.'),
    at: z.date(),
    freshWithinMs: count,
    postures: z
      .array(
        z.object({
          posture: z.string(),
          state,
          description: nullable,
          resolution: nullable,
          tags: z.array(z.string()).describe('The devices that it is for; none: all.'),
          isForDevice: z.boolean().describe('False: it is for devices with other tags, and so unknown.'),
          validUntil: nullable.describe('When it may change although nothing but time passes.'),
          restsOn: RestsOn,
          conditions: z.array(
            z.object({
              condition: z.string().describe('As it is written.'),
              state,
              parts: z.array(Part).describe('What in it is judged by itself; the first 100.'),
              partsTotal: count,
            }),
          ),
        }),
      )
      .describe('The first 200.'),
    posturesTotal: count,
    reaches: z
      .array(z.object({ destination: z.string(), rule: z.string() }))
      .describe('What the access rules let it reach; the first 200.'),
    reachesTotal: count,
    refusals: z
      .array(RuleRefusal)
      .describe('Access rules and permissions that do not let it through, and why not; the first 200.'),
    refusalsTotal: count,
    rulesTotal: count.describe('All access rules and permissions. 0: the policy lets nobody reach anything.'),
    changes: z.array(AccessChange).describe('Beside the policy in force, where another one was given; the first 200.'),
    changesTotal: count,
  })
  .meta({ id: 'SimulatedPostures' });

/** A policy has at most 4,000,000 characters. */
const bodyLimit = 12_000_000;
const needed = { scope: 'policy_file:read', alsoScope: 'devices:posture_attributes:read' } as const;

export function addSimulation(server: ApiServer, parts: ApiParts): void {
  server.post(
    '/tailnet/:tailnet/decisions/simulate',
    {
      config: needed,
      bodyLimit,
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
  addPostures(server, parts);
}

function addPostures(server: ApiServer, parts: ApiParts): void {
  server.post(
    '/tailnet/:tailnet/postures/simulate',
    {
      config: needed,
      bodyLimit,
      schema: {
        ...{ tags: ['Postures'], summary: 'Try postures on a device', operationId: 'simulatePostures' },
        description:
          'What each condition comes to for a device or for invented attributes, by the policy in force or by a given text, whose own tests do not matter. It is in no log.',
        params: inTailnet,
        body: AskedPostures,
        response: { 200: SimulatedPostures, 400: PolicyProblem, ...refusals(409) },
      },
    },
    async (request, reply) => {
      const { device = null, policy = null, postures = null, ...given } = request.body;
      const tried = await simulatePostures(parts, { device, policy, postures, ...given });
      if ('check' in tried) return await reply.code(400).send(problemOf(tried.check));
      return tried.simulated as never;
    },
  );
}
