// The key that a request carries: as bearer token, or as user name of basic authentication with an empty password, which
// is what Tailscale's clients send. What is neither is no key; nothing of it is repeated anywhere.

/** What may stand in a key. Ours hold less; BOOTSTRAP_API_KEY is chosen by people. */
const printable = /^[\x21-\x7e]{1,512}$/;
const base64 = /^[A-Za-z0-9+/]{1,1024}={0,2}$/;

/** @returns the key; `missing` without the header, `malformed` for what cannot be a key */
export function presentedKey(header: string | undefined): { key: string } | 'missing' | 'malformed' {
  if (header === undefined || header === '') return 'missing';
  const [, scheme = '', value = ''] = /^(bearer|basic) +(\S+) *$/i.exec(header) ?? [];
  const key = scheme.toLowerCase() === 'basic' ? userName(value) : value;
  return key !== null && printable.test(key) ? { key } : 'malformed';
}

/** A key chosen by people may hold colons: what ends in one has an empty password. */
function userName(value: string): string | null {
  if (!base64.test(value)) return null;
  const text = Buffer.from(value, 'base64').toString('latin1');
  return text.endsWith(':') ? text.slice(0, -1) : null;
}
