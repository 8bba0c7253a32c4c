// Secrets at rest: they open with their own key, in their own row, unchanged; else not, and no error tells what they are.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { embeddedSecretKey, newSecretKey, type SecretKeys, seal, unseal } from '../../src/store/secrets.ts';

const key = (id: string) => ({ id, key: randomBytes(32) });
const planted = 'planted-secret-eyJhbGciOi';

/** @returns what is thrown, whole */
function thrown(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return inspect(error, { depth: 9, showHidden: true });
  }
  return expect.unreachable('it did not fail');
}

describe('a sealed secret', () => {
  const keys: SecretKeys = [key('one')];

  it.each([
    ['short', 'x'],
    ['empty', ''],
    ['of many kinds of letters', 'pässwörd 🔑'],
    ['long', 'x'.repeat(10_000)],
  ])('opens as it was: %s', (_, secret) => {
    const sealed = seal(keys, 'row', secret);
    expect(sealed.keyId).toBe('one');
    expect(unseal(keys, 'row', sealed)).toBe(secret);
  });

  it('does not hold its text, and is never the same twice', () => {
    const sealed = [1, 2, 3].map(() => seal(keys, 'row', planted).bytes);
    for (const bytes of sealed) expect(bytes.includes(planted)).toBe(false);
    expect(new Set(sealed.map(bytes => bytes.toString('hex'))).size).toBe(3);
    expect(new Set(sealed.map(bytes => bytes.subarray(0, 12).toString('hex'))).size).toBe(3);
  });

  it('opens with any of several keys that has its id, while the first one seals', () => {
    const old = seal(keys, 'row', planted);
    const turned: SecretKeys = [key('two'), ...keys];
    expect(unseal(turned, 'row', old)).toBe(planted);
    expect(seal(turned, 'row', planted).keyId).toBe('two');
  });

  it('is refused in another row', () => {
    const sealed = seal(keys, 'row', planted);
    expect(thrown(() => unseal(keys, 'other', sealed))).toContain('cannot be opened with key "one"');
  });

  it('is refused with another key, whether of the same id or not', () => {
    const sealed = seal(keys, 'row', planted);
    expect(thrown(() => unseal([key('one')], 'row', sealed))).toContain('it is another key');
    expect(thrown(() => unseal([key('two')], 'row', sealed))).toContain('which SECRET_KEYS does not have');
  });

  it('is refused when any byte was changed, or it was cut or lengthened', () => {
    const { bytes, keyId } = seal(keys, 'row', planted);
    for (let i = 0; i < bytes.length; i++) {
      const forged = Buffer.from(bytes);
      forged[i] = (forged[i] ?? 0) ^ 1;
      const error = thrown(() => unseal(keys, 'row', { keyId, bytes: forged }));
      expect(error).toContain('cannot be opened');
      expect(error).not.toContain('planted');
    }
    for (const length of [0, 11, 12, 16, 20, 27, 28, bytes.length - 1])
      thrown(() => unseal(keys, 'row', { keyId, bytes: bytes.subarray(0, length) }));
    thrown(() => unseal(keys, 'row', { keyId, bytes: Buffer.concat([bytes, Buffer.from([0])]) }));
  });

  it('is not opened by a tag that was cut to what can be guessed', () => {
    // AES-GCM would take tags of 4 bytes: of an empty secret, nonce and the beginning of the tag are left.
    const { bytes, keyId } = seal(keys, 'row', '');
    for (const tag of [4, 8, 12, 15])
      expect(thrown(() => unseal(keys, 'row', { keyId, bytes: bytes.subarray(0, 12 + tag) }))).toContain(
        'cannot be opened',
      );
  });
});

describe('the key of an embedded installation', () => {
  it('is made once, by whoever comes first, for its owner alone', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'posture-sync-key-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const lines = await Promise.all(Array.from({ length: 10 }, () => embeddedSecretKey(path.join(directory, 'data'))));
    expect(new Set(lines).size).toBe(1);
    expect(lines[0]).toMatch(/^embedded:[A-Za-z0-9+/]{43}=$/);
    expect((await stat(path.join(directory, 'data/secret.key'))).mode & 0o777).toBe(0o600);
    expect((await readFile(path.join(directory, 'data/secret.key'), 'utf8')).trim()).toBe(lines[0]);
  });

  it('has 32 bytes and is another one each time', () => {
    const [one, two] = [newSecretKey('a'), newSecretKey('a')];
    expect(one).not.toBe(two);
    expect(Buffer.from(one.slice(2), 'base64')).toHaveLength(32);
  });
});
