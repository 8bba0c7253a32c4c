// The devices of a tailnet, read by Tailscale's API: of Tailscale itself, or of another service that serves the same. This is no
// provider of agents: devices come from there, and their serial numbers with them.
import { z } from 'zod';
import { ProviderError } from '../errors.ts';
import type { Egress } from './http.ts';
import type { ProviderResponse } from './provider.ts';

/** One list is one request, which may take as long as Tailscale lets it. */
const limits = { requestsPerSecond: 5, atOnce: 1, pageTimeoutMs: 120_000 };
/** There are no pages, and a device is a few KiB. */
const maxBodyBytes = 256 * 1024 * 1024;
const path = '/api/v2/tailnet/-/devices?fields=all';

export interface TailnetSource {
  egress: Egress;
  /** Of the API; what follows the host is dropped. */
  url: string;
  /** An access token that may read devices. */
  key: string;
}

/**
 * Reads the whole list.
 * @returns its entries as they came; what each holds is for readTailnetDevice to judge
 * @throws ProviderError whenever the list did not come whole; the signal's reason
 */
export async function readTailnet({ egress, url, key }: TailnetSource, signal: AbortSignal): Promise<unknown[]> {
  const http = egress.open({ baseUrl: url, credential: key, limits, maxBodyBytes });
  const response = await http.request({ path, headers: { authorization: `Bearer ${key}` } }, signal);
  if (response.status !== 200) throw failureOf(response);
  const list = z.object({ devices: z.array(z.unknown()) }).safeParse(response.json);
  if (list.success) return list.data.devices;
  throw response.json === undefined
    ? new ProviderError(
        'settings',
        'what answers there is no Tailscale API: it answers without JSON; is the URL right?',
      )
    : new ProviderError('malformed', 'the list of devices cannot be read: there is no list "devices" in it');
}

function failureOf({ status, json }: ProviderResponse): ProviderError {
  const { message: said } = z.object({ message: z.string() }).safeParse(json).data ?? {};
  const told = (what: string) => `${what} (status ${status}${said ? `: ${said.slice(0, 200)}` : ''})`;
  const facts = { status };
  if (status === 401) return new ProviderError('auth', told('the key is refused'), facts);
  if (status === 403) return new ProviderError('permission', told('the key may not read devices'), facts);
  if (status === 404)
    return new ProviderError('settings', told('there is no list of devices; is the URL right?'), facts);
  if (status === 429) return new ProviderError('throttled', told('it asks for fewer requests'), facts);
  return new ProviderError('unavailable', told('the list of devices was not given'), facts);
}

const maybeText = z.string().nullish();
const Entry = z.object({
  id: maybeText,
  nodeId: maybeText,
  hostname: maybeText,
  os: maybeText,
  user: maybeText,
  tags: z.array(z.string()).nullish(),
  addresses: z.array(z.string()).nullish(),
  isExternal: z.boolean().nullish(),
  postureIdentity: z
    .object({ serialNumbers: z.array(z.string()).nullish(), disabled: z.boolean().nullish() })
    .nullish(),
});

/** As an import takes it: what is absent stays as it is. */
export interface TailnetDevice {
  id: string;
  hostname?: string | null;
  os?: string | null;
  user?: string | null;
  tags?: string[];
  addresses?: string[];
  serialNumbers?: string[];
}

/**
 * @returns the device, why it cannot be read, or null for one of another tailnet that is shared into this one
 */
export function readTailnetDevice(entry: unknown): { device: TailnetDevice } | { message: string } | null {
  const read = Entry.safeParse(entry);
  if (!read.success) {
    const [issue] = read.error.issues;
    return { message: `${issue?.path.join('.') || 'the entry'}: ${issue?.message}` };
  }
  const { nodeId, id, isExternal, postureIdentity, tags, addresses, ...texts } = read.data;
  if (isExternal) return null;
  const found = nodeId || id;
  if (!found) return { message: 'nodeId: it is missing' };
  const given = Object.entries(texts).filter(([, text]) => text !== undefined);
  return {
    device: {
      id: found,
      // An empty text is how that API says that there is none.
      ...Object.fromEntries(given.map(([name, text]) => [name, text || null])),
      // Tags are absent where a device has none.
      tags: tags ?? [],
      ...(addresses ? { addresses } : {}),
      // Where it is not collected nobody knows: unknown is not none.
      ...(postureIdentity?.serialNumbers && !postureIdentity.disabled
        ? { serialNumbers: postureIdentity.serialNumbers }
        : {}),
    },
  };
}
