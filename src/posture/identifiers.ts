// What a device is known by besides serial numbers, made comparable: addresses, and fingerprints of client certificates. What is
// stored for a device and what a request comes with both go through here. Pure.
import { readAddress } from './networks.ts';

/** What a device may be known by, as `kind:value`. Serial numbers alone join agents to it. */
export type IdentifierKind = 'serial' | 'address' | 'certificate_fingerprint';

/**
 * @param text an address of a device, or the source of a request; spaces around it do not matter
 * @returns the address as it is always written (RFC 5952; IPv4 written as IPv6 is IPv4), or null when the text is none that a
 *   single device can have: a network, one with a zone, the unspecified one (all of 0.0.0.0/8), multicast or broadcast
 */
export function canonicalAddress(text: string): string | null {
  const address = readAddress(text.trim());
  if (address === null) return null;
  const bytes = address.toByteArray();
  const [first = 0] = bytes;
  if (bytes.length === 4)
    return first === 0 || (first >= 224 && first < 240) || isAll(bytes, 255) ? null : address.toString();
  return first === 255 || isAll(bytes, 0) ? null : address.toString();
}

const isAll = (bytes: readonly number[], value: number) => bytes.every(byte => byte === value);

/** As `openssl x509 -fingerprint` begins it (`SHA256 Fingerprint=`, `sha256 Fingerprint=`), or as `sha256:`. */
const named = /^sha-?256(?: ?fingerprint)? ?[:=]/i;
const separators = /[:\s]/g;
const sha256 = /^[0-9a-f]{64}$/;

/**
 * @param text the SHA-256 of a certificate's DER form in hexadecimal: in any case, with or without colons and spaces
 * @returns 64 digits in lower case, or null when the text is none
 */
export function canonicalFingerprint(text: string): string | null {
  const digits = text.trim().replace(named, '').replace(separators, '').toLowerCase();
  return sha256.test(digits) ? digits : null;
}

/** @returns why a text is no fingerprint, as the end of a sentence that begins with it */
export function whyNoFingerprint(text: string): string {
  const digits = text.replace(/^\s*sha-?1(?: ?fingerprint)? ?[:=]/i, '').replace(separators, '');
  return /^[0-9a-f]{40}$/i.test(digits)
    ? 'is a SHA-1 fingerprint; needed is the SHA-256: openssl x509 -noout -fingerprint -sha256'
    : 'is no SHA-256 fingerprint of a certificate: 64 hexadecimal digits, colons between them or not';
}
