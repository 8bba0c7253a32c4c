// The attributes that conditions and filters may name, for who writes one. Ours.
import { z } from 'zod';
import { attributeCatalogue } from '../operations/attribute-catalogue.ts';
import { type ApiParts, type ApiServer, answers, count, inTailnet, requestOf } from './common.ts';

const Entry = z
  .object({
    name: z.string().describe('One that ends in `*` is a family: members are called as their provider calls them.'),
    namespace: z.string(),
    isFamily: z.boolean(),
    origin: z.enum(['provider', 'custom', 'builtin']).describe('Who gives its values.'),
    provider: z.string().nullable().describe('The id of the provider.'),
    type: z.enum(['boolean', 'number', 'string', 'version', 'time', 'address']),
    about: z.string().nullable(),
    known: z.array(z.string()).nullable().describe('Values that it is known to have; there may be others.'),
    resolutionMs: z.int().nullable().describe('How far a stored time may lag behind.'),
    operators: z.array(z.string()).describe('Those that make sense with its type.'),
    devices: count.describe('That have it.'),
    values: z
      .array(z.object({ value: z.union([z.boolean(), z.number(), z.string()]), devices: count }))
      .describe('Those of most devices, 20 at most; none of times and addresses.'),
  })
  .meta({ id: 'AttributeEntry' });

const Catalogue = z
  .object({
    attributes: z.array(Entry),
    devices: count.describe('All there are.'),
    isExact: z.boolean().describe('False: the inventory is large, and figures are what a part of it lets expect.'),
  })
  .meta({ id: 'AttributeCatalogue' });

export function addAttributeCatalogue(server: ApiServer, parts: ApiParts): void {
  server.get(
    '/tailnet/:tailnet/attributes',
    {
      config: { scope: 'devices:posture_attributes:read' },
      schema: {
        ...{ tags: ['Device attributes'], summary: 'List the attributes that there are', params: inTailnet },
        operationId: 'listAttributes',
        description:
          'Every attribute that a condition may name, with its meaning, its type, and the values that occur; for completion and filters.',
        response: answers(Catalogue),
      },
    },
    async request => (await attributeCatalogue(requestOf(parts, request))) as never,
  );
}
