// Scopes: which includes which, and what a key looks like.
import { expect, test } from 'vitest';
import { apiKeyHash, apiKeyId, apiKeyPrefix, namedApiKeyId, newApiKey } from '../../src/posture/api-keys.ts';
import { includes, isScope, type Scope, scopeCatalogue, scopes, scopesGrantedBy } from '../../src/posture/scopes.ts';

test.each<[Scope, Scope, boolean]>([
  ['all', 'gateway:decide', true],
  ['all', 'all:read', true],
  ['all', 'devices:core', true],
  ['all:read', 'devices:core:read', true],
  ['all:read', 'logs:configuration:read', true],
  ['all:read', 'metrics:read', true],
  ['all:read', 'devices:core', false],
  ['all:read', 'gateway:decide', false],
  ['all:read', 'all', false],
  ['devices:core', 'devices:core', true],
  ['devices:core', 'devices:core:read', true],
  ['devices:core', 'devices:posture_attributes:read', false],
  ['devices:core:read', 'devices:core', false],
  ['devices:report', 'devices:core:read', false],
  ['gateway:decide', 'gateway:stream', false],
  ['gateway:stream', 'gateway:decide', false],
])('a key for %s may do what needs %s: %s', (given, needed, may) => {
  expect(includes(given, needed)).toBe(may);
  expect(scopesGrantedBy([given]).has(needed)).toBe(may);
});

test('all includes every scope, every scope includes itself, and what is unknown includes nothing', () => {
  expect([...scopesGrantedBy(['all'])]).toEqual(scopes);
  for (const scope of scopes) expect(scopesGrantedBy([scope])).toContain(scope);
  expect(scopesGrantedBy(['', 'ALL', 'toString', 'devices:core:read:read', 'nope']).size).toBe(0);
  expect(isScope('__proto__')).toBe(false);
  expect(scopesGrantedBy(['policy_file:read', 'gateway:decide'])).toEqual(
    new Set(['gateway:decide', 'policy_file:read']),
  );
});

test('every scope for administration has its own for reading, and a sentence', () => {
  for (const scope of scopes) {
    expect(scopeCatalogue[scope].about).toMatch(/^[A-Z].*\.$/);
    if (!scope.endsWith(':read') && scopeCatalogue[scope].tailscale) expect(scopes).toContain(`${scope}:read`);
  }
});

test('a key has its prefix, its id and 256 random bits, in letters and digits', () => {
  const made = Array.from({ length: 200 }, () => newApiKey());
  for (const { id, key } of made) {
    expect(key).toMatch(/^pskey-[0-9A-Za-z]{12}-[0-9A-Za-z]{43}$/);
    expect([apiKeyId(key), namedApiKeyId(key), namedApiKeyId(id), namedApiKeyId(apiKeyPrefix(id))]).toEqual([
      id,
      id,
      id,
      id,
    ]);
  }
  expect(62n ** 43n >= 2n ** 256n).toBe(true);
  expect(new Set(made.map(({ id }) => id)).size).toBe(200);
  expect(new Set(made.flatMap(({ key }) => [...key.slice(19)])).size).toBe(62);
  expect(apiKeyHash(made[0]?.key ?? '')).toHaveLength(32);
});

test.each([
  '',
  'pskey-',
  'pskey-4Xw9RtB2cYqL',
  'pskey-4Xw9RtB2cYqL-short',
  ` ${newApiKey().key}`,
  `${newApiKey().key}x`,
])('"%s" is no key', text => expect(apiKeyId(text)).toBeNull());
