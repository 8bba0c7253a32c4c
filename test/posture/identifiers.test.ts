// Addresses and certificate fingerprints in all their spellings: what counts as the same, what as none.
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonicalAddress, canonicalFingerprint, whyNoFingerprint } from '../../src/posture/identifiers.ts';

describe('the canonical form of an address', () => {
  it.each([
    ['as it is', '10.1.2.3', '10.1.2.3'],
    ['with spaces around it', ' 10.1.2.3\t', '10.1.2.3'],
    ['of this machine', '127.0.0.1', '127.0.0.1'],
    ['of this machine, version 6', '0:0:0:0:0:0:0:1', '::1'],
    ['of version 4 written as version 6', '::ffff:10.1.2.3', '10.1.2.3'],
    ['of version 4 written as version 6, in digits', '::FFFF:0A01:0203', '10.1.2.3'],
    ['in capitals', '2001:DB8::A', '2001:db8::a'],
    ['with leading zeros', '2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['with one group of zeros, which is written out', '2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['of a link, without its zone', 'fe80::1', 'fe80::1'],
    ['through which version 4 is reached', '64:ff9b::10.1.2.3', '64:ff9b::a01:203'],
  ])('%s', (_, text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
    expect(canonicalAddress(canonical)).toBe(canonical);
  });

  it.each([
    ['nothing', ''],
    ['a name', 'laptop.example'],
    ['a network', '10.0.0.0/8'],
    ['a network of one', '10.0.0.1/32'],
    ['with a port', '10.0.0.1:443'],
    ['in brackets', '[::1]'],
    ['with a zone', 'fe80::1%eth0'],
    ['unspecified', '0.0.0.0'],
    ['of this network', '0.1.2.3'],
    ['unspecified, version 6', '::'],
    ['unspecified, version 4 written as 6', '::ffff:0.0.0.0'],
    ['multicast', '224.0.0.251'],
    ['the last of multicast', '239.255.255.255'],
    ['multicast, version 6', 'ff02::fb'],
    ['multicast, version 4 written as 6', '::ffff:224.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['octal', '010.1.2.3'],
    ['octal within version 6', '::ffff:010.1.2.3'],
    ['fewer parts than four', '10.1'],
    ['a number', '167838211'],
    ['that sockets print for ::a01:203, and others read as 10.1.2.3', '::10.1.2.3'],
    ['two', '10.1.2.3, 10.1.2.4'],
  ])('%s is none', (_, text) => expect(canonicalAddress(text)).toBeNull());
});

/** Self-signed; its fingerprint below is as `openssl x509 -noout -fingerprint -sha256` told it. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBfDCCASGgAwIBAgIUEhIL9YdYSjFiTkGj/SCdK/M9aLswCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHbHQtMDA0MjAgFw0yNjExMjExMjI4MTZaGA8yMTI2MTAyODEy
MjgxNlowEjEQMA4GA1UEAwwHbHQtMDA0MjBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABCDXp3E9pLs92k/DtVEhLH4wYz2VJw4ul1Sgead1YxJln5UNnZjEaBc2G6M9
7Ddj9PJ2Y4wGtDwQUUTzEZFd9HSjUzBRMB0GA1UdDgQWBBQpnRMjTTT94OZrIqLf
OeN19TQrGzAfBgNVHSMEGDAWgBQpnRMjTTT94OZrIqLfOeN19TQrGzAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCxLdnTRyesRolt55xZx8eg1LCf
Iq6hPGl6lY3EfDQS5wIhAOYL50djF7ShJ7BcLCJWFJPTMcptxSPkmwMTUffHa+vS
-----END CERTIFICATE-----`;

const hex = '0123456789abcdef'.repeat(4);
const pairs = hex.toUpperCase().match(/../g) ?? [];

describe('the canonical form of a certificate fingerprint', () => {
  it.each([
    ['as it is', hex],
    ['in capitals', hex.toUpperCase()],
    ['with colons', pairs.join(':')],
    ['with spaces', pairs.join(' ')],
    ['with spaces and a line break around it', ` ${hex}\r\n`],
    ['with its kind before it', `sha256:${hex}`],
    ['with its kind in capitals', `SHA256:${pairs.join(':')}`],
    ['as OpenSSL 1 prints it', `SHA256 Fingerprint=${pairs.join(':')}`],
    ['as OpenSSL 3 prints it', `sha256 Fingerprint=${pairs.join(':')}`],
  ])('%s', (_, text) => expect(canonicalFingerprint(text)).toBe(hex));

  it('is that of Node for the same certificate', () => {
    const { fingerprint256 } = new X509Certificate(certificate);
    expect(canonicalFingerprint(fingerprint256)).toBe(
      '47517b0d314808050403e617cb12ec53ccba973473742b49185dcb0c2cc8f433',
    );
  });

  it.each([
    ['nothing', ''],
    ['one digit less', hex.slice(1)],
    ['one digit more', `${hex}0`],
    ['a letter that is no digit', `g${hex.slice(1)}`],
    ['digits of another script', `\uff10${hex.slice(1)}`],
    ['SHA-1', hex.slice(0, 40)],
    ['SHA-512', hex + hex],
    ['SHA-1 by name', `sha1:${hex}`],
  ])('%s is none', (_, text) => expect(canonicalFingerprint(text)).toBeNull());

  it.each([hex.slice(0, 40), pairs.slice(0, 20).join(':'), `SHA1 Fingerprint=${pairs.slice(0, 20).join(':')}`])(
    'of SHA-1, %s, it says that SHA-256 is needed',
    text => expect(whyNoFingerprint(text)).toContain('SHA-1 fingerprint; needed is the SHA-256'),
  );
  it('of anything else it says what one looks like', () =>
    expect(whyNoFingerprint('laptop')).toContain('64 hexadecimal digits'));
});
