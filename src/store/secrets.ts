// Secrets at rest: AES-256-GCM, a fresh nonce each time, the row's id as associated data, so that a sealed secret is worth
// nothing in another row. Only workers open them.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.ts';

/** A 32-byte key and the id under which sealed secrets name it. */
export interface SecretKey {
  id: string;
  key: Buffer;
}

/** The first key seals; every key opens what it sealed. Never empty. */
export type SecretKeys = readonly [SecretKey, ...SecretKey[]];

export interface Sealed {
  keyId: string;
  /** nonce (12 bytes), tag (16), ciphertext. */
  bytes: Buffer;
}

/** @param rowId of the row that will hold it */
export function seal(keys: SecretKeys, rowId: string, secret: string): Sealed {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', keys[0].key, nonce);
  cipher.setAAD(Buffer.from(rowId));
  const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return { keyId: keys[0].id, bytes: Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]) };
}

/** @throws AppError invalid when no key has that id, or the secret was sealed otherwise or for another row */
export function unseal(keys: SecretKeys, rowId: string, sealed: Sealed): string {
  const key = keys.find(k => k.id === sealed.keyId);
  if (!key) {
    throw new AppError(
      'invalid',
      `a stored secret was sealed with key "${sealed.keyId}", which SECRET_KEYS does not have`,
    );
  }
  try {
    // Without its length said, a tag that was cut to 4 bytes would do.
    const decipher = createDecipheriv('aes-256-gcm', key.key, sealed.bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(rowId));
    decipher.setAuthTag(sealed.bytes.subarray(12, 28));
    return decipher.update(sealed.bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8');
  } catch {
    throw new AppError(
      'invalid',
      `a stored secret cannot be opened with key "${sealed.keyId}" of SECRET_KEYS: it is another key`,
    );
  }
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
