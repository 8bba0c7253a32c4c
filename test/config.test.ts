// The configuration: defaults, what is refused and how it is told, and the documents that are made of it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { configurationTable, readConfig, variableNames } from '../src/config.ts';
import { root } from './support/checkout.ts';

const key = Buffer.alloc(32, 7).toString('base64');

test('without any variable everything has its default', () => {
  expect(readConfig({})).toEqual({
    databaseUrl: null,
    dataDir: '.data',
    host: '127.0.0.1',
    port: 8080,
    publicUrl: 'http://127.0.0.1:8080',
    role: 'all',
    secretKeys: null,
    sealingKey: null,
    bootstrapApiKey: null,
    providerAllowedHosts: [],
    syncIntervalMs: 900_000,
    syncConcurrency: 4,
    authPauseMs: 86_400_000,
    viewMaxAgeMs: 900_000,
    trustedProxies: [],
    identifyBy: [],
    tailnet: 'default',
    openIdConnect: null,
    tailscaleImport: null,
    auditRetentionMs: 400 * 86_400_000,
    logLevel: 'info',
    decisionLog: { isOff: false, ofAllowed: 0 },
    decisionLogFile: null,
  });
});

test('people sign in by OpenID Connect where an issuer and a client are named, by http on loopback alone', () => {
  const given = { OPENID_ISSUER: 'https://login.example.com/realms/main', OPENID_CLIENT_ID: 'posture-sync' };
  const read = {
    ...{ issuer: 'https://login.example.com/realms/main', clientId: 'posture-sync', clientSecret: null },
    ...{ name: 'single sign-on', scopes: 'openid profile email', roleClaim: 'roles' },
    ...{ adminRoles: ['posture-sync-admin'], viewerRoles: ['posture-sync-viewer'] },
  };
  expect(readConfig(given).openIdConnect).toEqual(read);
  const more = { OPENID_CLIENT_SECRET: 's', OPENID_ADMIN_ROLE: 'anna@example.com, ben@example.com' };
  expect(readConfig({ ...given, ...more }).openIdConnect).toEqual({
    ...{ ...read, clientSecret: 's', adminRoles: ['anna@example.com', 'ben@example.com'] },
  });
  for (const OPENID_ISSUER of ['http://127.0.0.1:3000', 'http://localhost', 'http://[::1]:3000'])
    expect(readConfig({ ...given, OPENID_ISSUER }).openIdConnect).toMatchObject({ issuer: OPENID_ISSUER });
});

test('an empty variable counts as absent', () => {
  expect(readConfig(Object.fromEntries(variableNames.map(name => [name, ' '])))).toEqual(readConfig({}));
});

test('the configuration cannot be changed', () => {
  const config = readConfig({ PROVIDER_ALLOWED_HOSTS: 'a:1, b' });
  expect(config.providerAllowedHosts).toEqual(['a:1', 'b']);
  expect(Object.isFrozen(config) && Object.isFrozen(config.providerAllowedHosts)).toBe(true);
});

test('several secret keys keep their order', () => {
  const { secretKeys } = readConfig({ SECRET_KEYS: `new:${key}, old:${key}` });
  expect(secretKeys?.map(entry => [entry.id, entry.key.length])).toEqual([
    ['new', 32],
    ['old', 32],
  ]);
});

test('devices are imported with a URL and one key, itself or in a file', () => {
  const url = 'https://api.tailscale.com';
  const both = { TAILSCALE_IMPORT_URL: url, TAILSCALE_IMPORT_KEY: 'tskey-api-x', TAILSCALE_IMPORT_INTERVAL: '2h' };
  expect(readConfig(both).tailscaleImport).toEqual({ url, key: { text: 'tskey-api-x' }, intervalMs: 7_200_000 });
  const { tailscaleImport } = readConfig({ TAILSCALE_IMPORT_URL: url, TAILSCALE_IMPORT_KEY_FILE: '/run/key' });
  expect(tailscaleImport).toEqual({ url, key: { file: '/run/key' }, intervalMs: 3_600_000 });
  expect(() => readConfig({ ...both, TAILSCALE_IMPORT_KEY_FILE: '/run/key' })).toThrow('TAILSCALE_IMPORT_KEY too');
});

test('IDENTIFY_BY names headers in any case, also those that Envoy and Traefik give certificates in', () => {
  const { identifyBy } = readConfig({ IDENTIFY_BY: 'id:X-Device-Id, certificate:X-Forwarded-Client-Cert ,address' });
  expect(identifyBy).toEqual([
    { kind: 'id', header: 'x-device-id' },
    { kind: 'certificate', header: 'x-forwarded-client-cert' },
    { kind: 'address' },
  ]);
});

test('PUBLIC_URL follows HOST and PORT, IPv6 in brackets', () => {
  expect(readConfig({ HOST: '::1', PORT: '9000' }).publicUrl).toBe('http://[::1]:9000');
  expect(readConfig({ PUBLIC_URL: 'https://posture.example.com/' }).publicUrl).toBe('https://posture.example.com');
});

test.each([
  ['DATABASE_URL', 'mysql://u:hunter2@h/d', 'wrong scheme'],
  ['DATABASE_URL', 'hunter2', 'no URL'],
  ['HOST', 'http://x', 'neither'],
  ['PORT', '70000', 'a whole number from 0 to 65535'],
  ['PORT', '-1', 'a whole number'],
  ['PUBLIC_URL', 'ftp://x', 'wrong scheme'],
  ['ROLE', 'leader', 'one of all, api, worker'],
  ['SECRET_KEYS', 'hunter2', 'entry 1 is not id:base64'],
  ['SECRET_KEYS', `k1:${key},k2:aHVudGVyMg==`, 'entry 2 holds 7 bytes instead of 32'],
  ['SECRET_KEYS', `k1:${key},k1:${key}`, 'the same id'],
  [
    'SECRET_SEALING_KEY',
    'hunter2',
    'it is not id:base64; allowed is id:base64 with 32 bytes, printed by: posture-sync sealing-key',
  ],
  ['SECRET_SEALING_KEY', 'k1:aHVudGVyMg==', 'it holds 7 bytes instead of 32'],
  ['BOOTSTRAP_API_KEY', 'hunter2', 'at least 20'],
  ['PROVIDER_ALLOWED_HOSTS', 'http://localhost', 'is no host[:port]'],
  ['SYNC_INTERVAL', '15', 'as in 15m'],
  ['SYNC_INTERVAL', '10ms', 'too short'],
  ['SYNC_CONCURRENCY', '0', 'from 1 to 64'],
  ['AUTH_PAUSE', 'never', 'no duration'],
  ['VIEW_MAX_AGE', '400d', 'too long'],
  ['TRUSTED_PROXIES', '10.0.0.0/99', 'no address'],
  ['IDENTIFY_BY', 'id', 'is none of these; allowed is id:HEADER'],
  ['IDENTIFY_BY', 'name:x-name', 'is none'],
  ['IDENTIFY_BY', 'id:x y', 'is none'],
  ['IDENTIFY_BY', 'id:x:y', 'is none'],
  ['IDENTIFY_BY', 'address:x-real-ip', 'read from X-Forwarded-For'],
  ['IDENTIFY_BY', 'id:Authorization', 'another meaning'],
  ['IDENTIFY_BY', 'id:X-Forwarded-Host', 'another meaning'],
  ['IDENTIFY_BY', 'id:user-agent', 'another meaning'],
  ['IDENTIFY_BY', 'id:x-a,id:x-b', 'id stands there twice'],
  ['IDENTIFY_BY', 'id:x-a,serial:X-A', 'the same header'],
  ['TAILNET', 'a b', 'other characters'],
  ['OPENID_ISSUER', 'https://login.example.com', 'no client for it'],
  ['OPENID_ISSUER', 'http://login.example.com', 'not secure'],
  ['OPENID_ISSUER', 'login.example.com', 'no such URL'],
  ['OPENID_CLIENT_ID', 'posture-sync', 'no issuer for it'],
  ['OPENID_CLIENT_SECRET', 'hunter2', 'no issuer for it'],
  ['OPENID_SCOPES', 'profile email', 'openid is not among them'],
  ['OPENID_ROLE_CLAIM', 'two words', 'it holds spaces'],
  ['OPENID_ADMIN_ROLE', ' , ', 'it holds none'],
  ['OPENID_NAME', 'x'.repeat(51), 'too long'],
  ['TAILSCALE_IMPORT_URL', 'https://api.tailscale.com', 'no key for it'],
  ['TAILSCALE_IMPORT_URL', 'api.tailscale.com', 'no URL'],
  ['TAILSCALE_IMPORT_KEY', 'hunter2', 'no URL for it'],
  ['TAILSCALE_IMPORT_KEY', 'hunter2 x', 'other characters'],
  ['TAILSCALE_IMPORT_KEY_FILE', '/run/key', 'no URL for it'],
  ['TAILSCALE_IMPORT_INTERVAL', '1m', 'too short'],
  ['AUDIT_RETENTION', '1d', 'from 31d'],
  ['LOG_LEVEL', 'loud', 'one of trace, debug'],
])('%s=%s is refused in one line that names it and what is allowed', (name, value, told) => {
  let message = '';
  try {
    readConfig({ [name]: value });
  } catch (error) {
    message = error instanceof Error ? error.message : '';
  }
  expect(message.startsWith(name)).toBe(true);
  expect(message).toContain(told);
  expect(message).toContain('allowed is');
  expect(message).not.toMatch(/\n|hunter2|aHVudGVyMg|BwcHBwcH/);
});

test('docs/configuration.md has the table with a row for every variable', () => {
  const table = configurationTable();
  for (const name of variableNames) expect(table).toContain(`| \`${name}\` |`);
  expect(readFileSync(path.join(root, 'docs/configuration.md'), 'utf8')).toContain(table);
});

describe('the README', () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

  test('names every variable', () => {
    expect(variableNames.filter(name => !readme.includes(`\`${name}\``))).toEqual([]);
  });

  test('gives each variable of its table the default that it has', () => {
    const rows = readme.split('\n').filter(line => line.startsWith('| `'));
    const defaults = [...configurationTable().matchAll(/^\| `(\w+)` \|.*\| `([^`|]+)` \|$/gm)];
    expect(defaults.length).toBeGreaterThan(8);
    for (const [, name, fallback] of defaults) {
      const row = rows.find(line => line.split(' | ')[0]?.includes(`\`${name}\``));
      if (row !== undefined) expect(row.split(' | ').at(-1), name).toContain(`\`${fallback}\``);
    }
  });
});
