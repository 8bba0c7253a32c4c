// The name of a request: given by the client or a gateway, else made here. It stands in the answer and in the log, so that
// both can be found with it.
import { randomUUID } from 'node:crypto';

const longest = 128;

/** @param header X-Request-ID as it came @returns it without spaces and control characters, at most 128 characters; else a new one */
export function requestIdOf(header: string | string[] | undefined): string {
  if (typeof header !== 'string') return randomUUID();
  const cleaned = header
    .slice(0, 4 * longest)
    .replace(/[^\x21-\x7e]/g, '')
    .slice(0, longest);
  return cleaned === '' ? randomUUID() : cleaned;
}
