// Every page by its address, with the states that an address names: what is looked at in each theme and width, and by those who plant
// scripts. A page that is added to src/web/shell/routes.tsx is added here.
import type { PagesService } from './browser-service.ts';

export interface Place {
  name: string;
  /** Below /admin/. */
  address: string;
}

/** Ids that addresses name; absent where the service has none of it. */
export interface Known {
  integrationId?: string | undefined;
  deviceId?: string | undefined;
  webhookId?: string | undefined;
}

/** The one page for who is not signed in. */
export const signInPlace: Place = { name: 'signing in', address: 'sign-in' };

/** @returns what who is signed in has to look at, in the order of the menu */
export function placesOf({ integrationId, deviceId, webhookId }: Known): Place[] {
  const places: [string, string | null][] = [
    ['the overview', ''],
    ['integrations', 'integrations'],
    ['an integration', integrationId === undefined ? null : `integrations/${integrationId}`],
    ['devices', 'devices'],
    ['a device', deviceId === undefined ? null : `devices/${encodeURIComponent(deviceId)}`],
    ['the policy', 'policy'],
    ['postures', 'policy?tab=postures'],
    [
      'the policy tried on a device',
      deviceId === undefined ? null : `policy?tab=try&device=${encodeURIComponent(deviceId)}`,
    ],
    ['the history of the policy', 'policy?tab=history'],
    ['the audit log', 'audit'],
    ['settings', 'settings'],
    ['API keys', 'settings/keys'],
    ['webhooks', 'settings/webhooks'],
    ['a webhook', webhookId === undefined ? null : `settings/webhooks/${webhookId}`],
    ['an address that leads nowhere', 'no/such/page'],
  ];
  return places.flatMap(([name, address]) => (address === null ? [] : [{ name, address }]));
}

/** @returns the ids of the first integration and webhook, and of a device that agents match */
export async function knownOf(service: PagesService): Promise<Required<Known>> {
  const { webhooks } = await service.api<{ webhooks: { endpointId: string }[] }>('GET', 'tailnet/-/webhooks');
  const { integrations } = await service.api<{ integrations: { id: string }[] }>(
    'GET',
    'tailnet/-/posture/integrations',
  );
  const { devices } = await service.api<{ devices: { nodeId: string }[] }>(
    'GET',
    'tailnet/-/devices?limit=1&match=matched',
  );
  return { integrationId: integrations[0]?.id, deviceId: devices[0]?.nodeId, webhookId: webhooks[0]?.endpointId };
}
