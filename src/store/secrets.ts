// Secrets at rest: AES-256-GCM, a fresh nonce each time, the row's id as associated data, so that a sealed secret is worth
// nothing in another row. A process without keys seals to the public key of one. Only workers open them.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.ts';
import { openBox, type SealingKey, sealInBox } from './sealed-boxes.ts';

/** A 32-byte key and the id under which sealed secrets name it. */
export interface SecretKey {
  id: string;
  key: Buffer;
}

/** The first key seals; every key opens what it sealed. Never empty. */
export type SecretKeys = readonly [SecretKey, ...SecretKey[]];

/** What a process seals with. */
export type Sealer = SecretKeys | SealingKey;

export interface Sealed {
  /** Of the key that opens it; after `box:`, where it was sealed to the public half. */
  keyId: string;
  /** nonce (12 bytes), tag (16), ciphertext; or ephemeral public key (32), ciphertext, tag. */
  bytes: Buffer;
}

/** No id of a key has a colon. */
const boxPrefix = 'box:';

export function isSealingKey(sealer: Sealer): sealer is SealingKey {
  return 'publicKey' in sealer;
}

/**
 * @param sealer null in a process without keys before any worker has published one
 * @param rowId of the row that will hold it
 * @throws AppError busy where there is nothing to seal with
 */
export async function seal(sealer: Sealer | null, rowId: string, secret: string): Promise<Sealed> {
  if (sealer === null)
    throw new AppError(
      'busy',
      'no secret can be stored yet, since no worker has published the key to seal it with: start one with SECRET_KEYS',
    );
  if (isSealingKey(sealer)) return await sealTo(sealer, rowId, secret);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealer[0].key, nonce);
  cipher.setAAD(Buffer.from(rowId));
  const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return { keyId: sealer[0].id, bytes: Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]) };
}

async function sealTo(key: SealingKey, rowId: string, secret: string): Promise<Sealed> {
  try {
    return { keyId: `${boxPrefix}${key.id}`, bytes: await sealInBox(key, rowId, secret) };
  } catch {
    throw new AppError('busy', `the public key "${key.id}" to seal secrets with is no X25519 key: nothing was stored`);
  }
}

/** @throws AppError invalid when no key has that id, or the secret was sealed otherwise or for another row */
export async function unseal(keys: SecretKeys, rowId: string, { keyId, bytes }: Sealed): Promise<string> {
  const isBox = keyId.startsWith(boxPrefix);
  const id = isBox ? keyId.slice(boxPrefix.length) : keyId;
  const key = keys.find(k => k.id === id);
  if (!key)
    throw new AppError('invalid', `a stored secret was sealed with key "${id}", which SECRET_KEYS does not have`);
  try {
    return isBox ? await openBox(key, rowId, bytes) : decipher(key, rowId, bytes);
  } catch {
    throw new AppError(
      'invalid',
      `a stored secret cannot be opened with key "${id}" of SECRET_KEYS: it is another key`,
    );
  }
}

function decipher({ key }: SecretKey, rowId: string, bytes: Buffer): string {
  // Without its length said, a tag that was cut to 4 bytes would do.
  const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 });
  cipher.setAAD(Buffer.from(rowId));
  cipher.setAuthTag(bytes.subarray(12, 28));
  return cipher.update(bytes.subarray(28), undefined, 'utf8') + cipher.final('utf8');
}

/** A new key as SECRET_KEYS wants it: `id:base64`. */
export function newSecretKey(id: string): string {
  return `${id}:${randomBytes(32).toString('base64')}`;
}

/**
 * The key of an embedded installation, made on first use and readable by its owner only.
 * @returns the file's line, `id:base64`
 */
export async function embeddedSecretKey(dataDir: string): Promise<string> {
  const file = join(dataDir, 'secret.key');
  await mkdir(dataDir, { recursive: true });
  try {
    // `wx` lets one of several first starts make it; the others read what that one wrote.
    const handle = await open(file, 'wx', 0o600);
    const line = newSecretKey('embedded');
    await handle.writeFile(`${line}\n`);
    await handle.sync();
    await handle.close();
    return line;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  for (let attempt = 0; attempt < 50; attempt++) {
    const line = (await readFile(file, 'utf8')).trim();
    if (line !== '') return line;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  throw new AppError('invalid', `${file} is empty: remove it if no integration was added yet, otherwise restore it`);
}
