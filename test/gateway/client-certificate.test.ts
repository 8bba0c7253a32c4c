// Fingerprints of client certificates, from every form in which gateways hand a certificate on.
import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../src/gateway/client-certificate.ts';
import { anna, bob } from '../support/certificates.ts';

const pem = anna.certificate;
const { raw } = new X509Certificate(pem);
const fingerprint = anna.fingerprint;
const base64 = raw.toString('base64');
const colons = (fingerprint.match(/../g) ?? []).join(':').toUpperCase();
const oneLine = pem.replaceAll('\n', '');

describe('a fingerprint', () => {
  it('is what openssl says of the certificate', () => {
    expect(createHash('sha256').update(raw).digest('hex')).toBe(fingerprint);
  });

  it.each([
    ['as Caddy and HAProxy give it, in hexadecimal', fingerprint],
    ['as openssl prints it', `sha256 Fingerprint=${colons}`],
    ['of the PEM that nginx escapes for a URL', encodeURIComponent(pem)],
    ['of PEM in one line', oneLine],
    ['of PEM with escaped spaces as plus signs', encodeURIComponent(pem).replaceAll('%20', '+')],
    ['of PEM with its chain behind it', encodeURIComponent(`${pem}${bob.certificate}`)],
    ['of Traefik’s base64 without the lines around it', base64],
    ['of the same, escaped for a URL', encodeURIComponent(base64)],
    [
      'of a chain separated by commas, the first',
      `${base64},${new X509Certificate(bob.certificate).raw.toString('base64')}`,
    ],
    ['of the byte sequence of RFC 9440', `:${base64}:`],
    ['of Envoy’s list', `By=spiffe://gateway;Hash=${fingerprint};Subject="CN=anna,O=Example, Inc.";URI=`],
    ['of Envoy’s list of several hops, the last', `Hash=${bob.fingerprint};Subject="CN=bob",By=x;Hash=${fingerprint}`],
    ['of Envoy’s list with a certificate', `Hash=${fingerprint};Cert="${encodeURIComponent(pem)}"`],
  ])('is read %s', (_, header) => {
    expect(fingerprintOf(header)).toBe(fingerprint);
    // From memory it is the same.
    expect(fingerprintOf(header)).toBe(fingerprint);
  });

  it.each([
    ['a SHA-1, as nginx has it', createHash('sha1').update(raw).digest('hex')],
    ['a SHA-1 in Envoy’s list', `Hash=${createHash('sha1').update(raw).digest('hex')}`],
    ['a subject', 'CN=anna,O=Example'],
    ['a subject that says it is a hash', `By=x;Subject="CN=a;Hash=${fingerprint}"`],
    ['a subject with quotes that says it is a hash', `Subject="CN=a\\";Hash=${fingerprint};URI=\\""`],
    ['a list whose last hop has no hash', `Hash=${fingerprint};Subject="CN=a",By=x`],
    ['two hashes in one element', `Hash=${bob.fingerprint};Hash=${fingerprint}`],
    ['a list with an open quote', `Subject="CN=a;Hash=${fingerprint}`],
    ['half a certificate', base64.slice(0, 400)],
    ['a certificate with something behind it', Buffer.concat([raw, Buffer.from([0])]).toString('base64')],
    ['text', 'anna'],
    ['base64 of text', Buffer.from('anna'.repeat(50)).toString('base64')],
    ['a broken escape', `${encodeURIComponent(pem)}%zz`],
    ['a request for a certificate', oneLine.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST')],
    ['spaces', '   '],
  ])('is not read of %s', (_, header) => {
    expect(fingerprintOf(header)).toBeNull();
  });

  it('stays right when more certificates were seen than are remembered', () => {
    const others = Array.from({ length: 2_100 }, (_, i) => {
      const body = Buffer.alloc(200, `${i}.`);
      return Buffer.concat([Buffer.from([0x30, 0x81, 200]), body]);
    });
    for (const der of [...others, ...others.slice(0, 3)])
      expect(fingerprintOf(der.toString('base64'))).toBe(createHash('sha256').update(der).digest('hex'));
  });
});
