// Secrets at rest: they open with their own key, in their own row, unchanged; else not, and no error tells what they are.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sealingKeyOf } from '../../src/store/sealed-boxes.ts';
import {
  embeddedSecretKey,
  newSecretKey,
  type Sealer,
  type SecretKeys,
  seal,
  unseal,
} from '../../src/store/secrets.ts';

const key = (id: string) => ({ id, key: randomBytes(32) });
const planted = 'planted-secret-eyJhbGciOi';

/** @returns what is thrown, whole */
async function thrown(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return inspect(error, { depth: 9, showHidden: true });
  }
  return expect.unreachable('it did not fail');
}

type Way = (...keys: SecretKeys) => Promise<Sealer>;

const ways: [how: string, way: Way, prefix: string][] = [
  ['with a key', async (...keys) => keys, ''],
  ['to the public half of a key', async first => await sealingKeyOf(first), 'box:'],
];

describe.each(ways)('a secret sealed %s', (_how, way, prefix) => {
  const keys: SecretKeys = [key('one')];
  const sealed = async (secret: string, row = 'row') => await seal(await way(...keys), row, secret);

  it.each([
    ['short', 'x'],
    ['empty', ''],
    ['of many kinds of letters', 'pässwörd 🔑'],
    ['long', 'x'.repeat(10_000)],
  ])('opens as it was: %s', async (_, secret) => {
    const it = await sealed(secret);
    expect(it.keyId).toBe(`${prefix}one`);
    expect(await unseal(keys, 'row', it)).toBe(secret);
  });

  it('does not hold its text, and is never the same twice', async () => {
    const all = await Promise.all([1, 2, 3].map(() => sealed(planted)));
    for (const { bytes } of all) expect(bytes.includes(planted)).toBe(false);
    // Each has a nonce, or a key, of its own.
    expect(new Set(all.map(({ bytes }) => bytes.subarray(0, 12).toString('hex'))).size).toBe(3);
    expect(new Set(all.map(({ bytes }) => bytes.subarray(32).toString('hex'))).size).toBe(3);
  });

  it('opens with any of several keys that has its id, while the first one seals', async () => {
    const old = await sealed(planted);
    const turned: SecretKeys = [key('two'), ...keys];
    expect(await unseal(turned, 'row', old)).toBe(planted);
    expect((await seal(await way(...turned), 'row', planted)).keyId).toBe(`${prefix}two`);
  });

  it('is refused in another row', async () => {
    expect(await thrown(unseal(keys, 'other', await sealed(planted)))).toContain('cannot be opened with key "one"');
  });

  it('is refused with another key, whether of the same id or not', async () => {
    const it = await sealed(planted);
    expect(await thrown(unseal([key('one')], 'row', it))).toContain('it is another key');
    expect(await thrown(unseal([key('two')], 'row', it))).toContain('key "one", which SECRET_KEYS does not have');
  });

  it('is refused as if it were sealed the other way', async () => {
    const it = await sealed(planted);
    const other = { ...it, keyId: prefix === '' ? 'box:one' : 'one' };
    expect(await thrown(unseal(keys, 'row', other))).toContain('cannot be opened with key "one"');
  });

  it('is refused when any byte was changed, or it was cut or lengthened', async () => {
    const { bytes, keyId } = await sealed(planted);
    for (let i = 0; i < bytes.length; i++) {
      const forged = Buffer.from(bytes);
      forged[i] = (forged[i] ?? 0) ^ 1;
      const error = await thrown(unseal(keys, 'row', { keyId, bytes: forged }));
      expect(error).toContain('cannot be opened');
      expect(error).not.toContain('planted');
    }
    for (const length of [0, 11, 12, 16, 20, 27, 28, 31, 32, 33, 47, 48, bytes.length - 1])
      await thrown(unseal(keys, 'row', { keyId, bytes: bytes.subarray(0, length) }));
    await thrown(unseal(keys, 'row', { keyId, bytes: Buffer.concat([bytes, Buffer.from([0])]) }));
  });

  it('is not opened by a tag that was cut to what can be guessed', async () => {
    // AES-GCM would take tags of 4 bytes: of an empty secret, what comes before it and the beginning of the tag are left.
    const { bytes, keyId } = await sealed('');
    for (const missing of [1, 4, 8, 12])
      expect(await thrown(unseal(keys, 'row', { keyId, bytes: bytes.subarray(0, bytes.length - missing) }))).toContain(
        'cannot be opened',
      );
  });
});

describe('the public half of a key', () => {
  const fixed = { id: 'k1', key: Buffer.alloc(32, 7) };

  it('is always the same one, and so is what was sealed to it once', async () => {
    const { publicKey } = await sealingKeyOf(fixed);
    expect(publicKey.toString('base64')).toBe('MoMRF9Oe2TgZdpSFHfqvDjFR7G/kFBElJBLWgDea+Rs=');
    const bytes = Buffer.from(
      'JlahO49gyUdqJd7yWTn1CNKGgFC/lAmTWEI6ONSA8DXO8RaTQWz6BfKJM9iPxdYfKdIqxphC106g5DU=',
      'base64',
    );
    expect(await unseal([fixed], 'row', { keyId: 'box:k1', bytes })).toBe('sealed once');
  });

  it('is another one for another key, and never the key itself', async () => {
    const keys = [fixed, key('k1'), key('k1')];
    const halves = await Promise.all(keys.map(async it => (await sealingKeyOf(it)).publicKey.toString('hex')));
    expect(new Set([...halves, ...keys.map(it => it.key.toString('hex'))]).size).toBe(6);
  });

  it.each([
    ['of 31 bytes', Buffer.alloc(31, 7)],
    // With a point of low order everybody would know the key.
    ['of zeros', Buffer.alloc(32)],
  ])('that is none, %s, seals nothing', async (_, publicKey) => {
    const error = await thrown(seal({ id: 'k1', publicKey }, 'row', planted));
    expect(error).toContain('is no X25519 key: nothing was stored');
    expect(error).not.toContain('planted');
  });

  it('that nobody published yet is what a process without keys waits for', async () => {
    expect(await thrown(seal(null, 'row', planted))).toContain('no worker has published the key to seal it with');
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
