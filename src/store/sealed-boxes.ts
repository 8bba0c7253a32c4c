// Sealed boxes (HPKE, RFC 9180): whoever has a worker's public key can seal a secret, and only workers open it. The key pair
// is made from an entry of SECRET_KEYS, so there is nothing more to keep.
import { hkdfSync } from 'node:crypto';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import type { SecretKey } from './secrets.ts';

/** The public half of an entry of SECRET_KEYS: it seals, and opens nothing. */
export interface SealingKey {
  id: string;
  /** X25519, 32 bytes. */
  publicKey: Buffer;
}

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
const info = Buffer.from('posture-sync secret');
/** Of the ephemeral public key before the ciphertext. */
const encapsulatedBytes = 32;

function keyPair({ key }: SecretKey) {
  // The same bytes are a key of AES elsewhere: nothing that is learnt of one use may say anything about the other.
  return suite.kem.deriveKeyPair(hkdfSync('sha256', key, '', 'posture-sync sealing key pair', 32));
}

/** @returns what may be published of a key */
export async function sealingKeyOf(key: SecretKey): Promise<SealingKey> {
  const { publicKey } = await keyPair(key);
  return { id: key.id, publicKey: Buffer.from(await suite.kem.serializePublicKey(publicKey)) };
}

/** @param rowId of the row that will hold it @throws where the public key is none */
export async function sealInBox({ publicKey }: SealingKey, rowId: string, secret: string): Promise<Buffer> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey);
  const { enc, ct } = await suite.seal({ recipientPublicKey, info }, Buffer.from(secret), Buffer.from(rowId));
  return Buffer.concat([Buffer.from(enc), Buffer.from(ct)]);
}

/** @throws where it was sealed to another key or for another row, or was changed */
export async function openBox(key: SecretKey, rowId: string, box: Buffer): Promise<string> {
  const enc = box.subarray(0, encapsulatedBytes);
  const ciphertext = box.subarray(encapsulatedBytes);
  const opened = await suite.open({ recipientKey: await keyPair(key), enc, info }, ciphertext, Buffer.from(rowId));
  return Buffer.from(opened).toString('utf8');
}
