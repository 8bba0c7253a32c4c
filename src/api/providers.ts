// The providers that there are: what a form asks for to set up an integration, and which attributes devices get from it.
import { z } from 'zod';
import { listProviders } from '../operations/providers.ts';
import { type ApiServer, answers, count, inTailnet } from './common.ts';

const Setting = z
  .object({
    name: z.string().describe('Its key in `settings` of an integration.'),
    label: z.string().describe("What the provider's console, or Tailscale's, calls it."),
    help: z.string(),
    secret: z.boolean().describe('It is never given out again.'),
    required: z.boolean(),
    kind: z.enum(['text', 'number', 'list']).describe('A list is one of texts.'),
    example: z.string().nullable(),
    default: z.union([z.string(), z.number()]).nullable(),
    tailscale: z
      .string()
      .nullable()
      .describe(
        "The field of Tailscale's API that it is sent as, for example `clientSecret`; null: in `settings` alone.",
      ),
  })
  .meta({ id: 'ProviderSetting' });

const Attribute = z
  .object({
    name: z.string().describe('A name that ends in `*` is a family.'),
    type: z.enum(['boolean', 'number', 'string', 'version', 'address', 'time']),
    about: z.string(),
    known: z.array(z.string()).describe('Values that are known; others may come.'),
    resolutionMs: count.nullable().describe('So far a stored time may lag behind.'),
  })
  .meta({ id: 'ProviderAttribute' });

const ProviderBody = z
  .object({
    id: z.string().describe("Also Tailscale's word for it: `provider` of an integration."),
    title: z.string(),
    namespace: z.string().nullable().describe('Of its attributes, before the colon; null where none is read.'),
    canBeSynced: z.boolean().describe('False: integrations of it are kept, never synced, and give no protection.'),
    guide: z.string().nullable().describe('Address of a guide to making its credentials.'),
    settings: z.array(Setting),
    attributes: z.array(Attribute),
  })
  .meta({ id: 'Provider' });

export function addProviders(server: ApiServer): void {
  server.get(
    '/tailnet/:tailnet/posture/providers',
    {
      config: { scope: 'feature_settings:read' },
      schema: {
        ...{ tags: ['Posture integrations'], summary: 'List providers', operationId: 'listPostureProviders' },
        description: 'Ours: what each is set up with, and what devices get from it; those that can be synced first.',
        params: inTailnet,
        response: answers(z.object({ providers: z.array(ProviderBody) }).meta({ id: 'Providers' })),
      },
    },
    async () => ({ providers: listProviders() }),
  );
}
