// Providers that clients of Tailscale's API manage and that this version cannot read: integrations of them are kept, so that nothing
// breaks for those who manage them, and give no protection. Ids and fields: Tailscale's API, and its Terraform provider.
import { z } from 'zod';

export interface UnsupportedProvider {
  readonly id: string;
  readonly title: string;
  readonly Settings: z.ZodObject;
}

const text = z.string().trim().max(2048).default('');

const Settings = z.strictObject({
  cloudId: text.meta({ label: 'Cloud', help: 'Address or region of the provider', tailscale: 'cloudId' }),
  clientId: text.meta({ label: 'Client ID', help: 'Of the application', tailscale: 'clientId' }),
  tenantId: text.optional().meta({ label: 'Tenant ID', help: 'Of the directory', tailscale: 'tenantId' }),
  clientSecret: z
    .string()
    .min(1)
    .max(8192)
    .meta({ label: 'Secret', help: 'Token or secret', secret: true, tailscale: 'clientSecret' }),
});

const titles: Readonly<Record<string, string>> = {
  falcon: 'CrowdStrike Falcon',
  fleet: 'Fleet',
  huntress: 'Huntress',
  intune: 'Microsoft Intune',
  jamfpro: 'Jamf Pro',
  kandji: 'Iru (Kandji)',
  kolide: '1Password Extended Access Management (Kolide)',
};

/** By id. */
export const unsupportedProviders: ReadonlyMap<string, UnsupportedProvider> = new Map(
  Object.entries(titles).map(([id, title]) => [id, { id, title, Settings }]),
);
