// The fingerprint of a client's certificate, from whatever form a gateway hands the certificate on in: the fingerprint itself,
// the certificate as PEM or base64, plain or escaped for a URL, or Envoy's list of certificates. Whether the certificate is
// good was the gateway's to check; here it only names a device.
import { createHash } from 'node:crypto';
import { canonicalFingerprint } from '../posture/identifiers.ts';

/** Of certificates, by the header that they came in; the first is forgotten first. */
const remembered = new Map<string, string>();
const mostRemembered = 2_000;
/** A certificate in DER: a sequence whose length takes two or three bytes. */
const leastBytes = 64;

const pem = /^-----BEGIN[ +]CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END[ +]CERTIFICATE-----/;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const envoyList = /(^|[,;])\s*(By|Hash|Cert|Chain|Subject|URI|DNS)=/i;

/**
 * @param header the value of a header that a trusted gateway set, not empty
 * @returns the SHA-256 of the certificate's DER form, 64 digits in lower case; null for what is none of these forms, also for
 *   a SHA-1, which nobody should be recognised by
 */
export function fingerprintOf(header: string): string | null {
  const told = canonicalFingerprint(header);
  if (told !== null) return told;
  if (envoyList.test(header)) return hashOfLast(header);
  const known = remembered.get(header);
  if (known !== undefined) return known;
  const der = certificateOf(header);
  if (der === null) return null;
  const fingerprint = createHash('sha256').update(der).digest('hex');
  if (remembered.size >= mostRemembered) remembered.delete(remembered.keys().next().value ?? '');
  remembered.set(header, fingerprint);
  return fingerprint;
}

function certificateOf(header: string): Buffer | null {
  let text = header;
  if (text.includes('%')) {
    try {
      text = decodeURIComponent(text);
    } catch {
      return null;
    }
  }
  // RFC 9440 puts a byte sequence between colons. Traefik sends a chain separated by commas, the client's own first.
  const [first = ''] = text.split(',');
  const body = (pem.exec(text.trim())?.[1] ?? first.trim().replace(/^:(.*):$/, '$1')).replace(/\s/g, '');
  if (!base64.test(body)) return null;
  const der = Buffer.from(body, 'base64');
  return der.length >= leastBytes && isSequence(der) ? der : null;
}

/** Whether it is one ASN.1 sequence and nothing behind it, so that a text of another kind is not taken for a certificate. */
function isSequence(der: Buffer): boolean {
  if (der[0] !== 0x30) return false;
  const [, first = 0] = der;
  if (first < 0x80) return der.length === 2 + first;
  const lengthBytes = first & 0x7f;
  return lengthBytes >= 1 && lengthBytes <= 4 && der.length === 2 + lengthBytes + der.readUIntBE(2, lengthBytes);
}

/** `Hash` of the last element of x-forwarded-client-cert: what the nearest Envoy saw itself. */
function hashOfLast(header: string): string | null {
  const elements = partsOf(header, ',');
  const hashes = partsOf(elements?.at(-1) ?? '', ';')?.flatMap(pair => /^\s*hash=(.*)$/i.exec(pair)?.[1] ?? []);
  const [hash, ...others] = hashes ?? [];
  // One that stands in quotes, or twice, is not Envoy's.
  return hash === undefined || others.length > 0 ? null : canonicalFingerprint(hash);
}

/** Splits where the separator stands outside of double quotes, within which a backslash escapes. Null: a quote stays open. */
function partsOf(text: string, separator: ',' | ';'): string[] | null {
  const parts: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (isQuoted && character === '\\') i++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  if (isQuoted) return null;
  parts.push(text.slice(from));
  return parts;
}
