// The files of config/gateways, as far as it can be told without the programs: none lets a client set what posture-sync answers,
// and what Traefik, which no test can run, sends by its documentation and sources gets the right answer.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.ts';
import { answerHeaders } from '../../src/gateway/answer-headers.ts';
import { createDecider } from '../../src/gateway/decisions.ts';
import { startFollowing } from '../../src/gateway/follow.ts';
import { addForwardAuth } from '../../src/gateway/forward-auth.ts';
import { createLog } from '../../src/log.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { anna, bob } from '../support/certificates.ts';
import { root } from '../support/checkout.ts';
import '../support/registered.ts';
import { startService, type TestService } from '../support/http.ts';
import { send } from '../support/wire-request.ts';
import { createWorld, minute, tester } from '../support/world.ts';

const read = (file: string) => readFileSync(path.join(root, 'config/gateways', file), 'utf8');
const answered = answerHeaders({
  ...{
    id: '',
    allowed: true,
    outcome: 'allowed',
    device: null,
    revision: null,
    policyRevision: null,
    viewAgeMs: null,
  },
  ...{ at: 0, grounds: [], refresh: null, rule: null, posture: null, refusals: [], validUntil: null },
}).filter(name => name.startsWith('x-posture-'));

describe('a sample', () => {
  it.each([
    ['nginx.conf', (name: string) => new RegExp(`^ +proxy_set_header ${name} +\\$`, 'im')],
    ['Caddyfile', (name: string) => new RegExp(`^\\t+${name}$`, 'im')],
    ['envoy.yaml', (name: string) => new RegExp(`^ +- remove: ${name}$`, 'm')],
    ['traefik-dynamic.yml', (name: string) => new RegExp(`^ +- ${name}$`, 'im')],
  ])('%s lets no client set a header that posture-sync answers with', (file, form) => {
    const text = read(file);
    expect(answered.length).toBeGreaterThan(10);
    expect(answered.filter(name => !form(name).test(text))).toEqual([]);
  });

  it.each(['nginx.conf', 'Caddyfile', 'envoy.yaml', 'traefik.yml'])('%s says with which settings it works', file => {
    const [, identifyBy = ''] = /IDENTIFY_BY=(\S+)/.exec(read(file)) ?? [];
    expect(readConfig({ IDENTIFY_BY: identifyBy }).identifyBy.map(({ kind }) => kind)).toEqual([
      'certificate',
      'address',
    ]);
    expect(read(file)).toMatch(/TRUSTED_PROXIES=/);
  });
});

describe('Traefik', () => {
  const { http } = parse(read('traefik-dynamic.yml'));
  const { entryPoints } = parse(read('traefik.yml'));
  const { forwardAuth } = http.middlewares.posture;
  let service: TestService;
  let key: string;

  beforeEach(async () => {
    const world = await createWorld();
    const known = { addresses: ['127.0.0.2'], certificateFingerprints: [anna.fingerprint] };
    await world.devices({ id: 'anna-1', user: 'anna@example.com', ...known });
    const policy = {
      hosts: { wiki: 'wiki.example.com' },
      acls: [{ action: 'accept', src: ['anna@example.com'], dst: ['wiki:443'], srcPosture: [] }],
    };
    const request = { db: world.db, now: world.now, actor: tester };
    await applyPolicy(request, { text: JSON.stringify(policy), ifRevision: null });
    const catalogue = createCatalogue([], null);
    const log = createLog('silent', { write: () => {} });
    const follower = startFollowing({ databaseUrl: world.database.url, catalogue, moving: [], log });
    onTestFinished(() => follower.stop());
    await expect.poll(() => follower.known()).not.toBeNull();
    const decider = createDecider({ follower, catalogue, viewMaxAgeMs: 15 * minute, now: world.now, log });
    const { identifyBy } = readConfig({ IDENTIFY_BY: 'certificate:X-Forwarded-Tls-Client-Cert,address' });
    const parts = { decider, identifyBy, trustedProxies: ['127.0.0.1'], log };
    service = await startService({ database: world.database, routes: server => addForwardAuth(server, parts) });
    key = await service.key('traefik', ['gateway:decide']);
  });

  /** What posture-sync gets: forwardAuth asks Traefik itself, which adds the key, the port, and one hop. */
  const ask = async (changed: Record<string, string | null>) => {
    const { posture, 'posture-key': added } = http.middlewares;
    const { pathname } = new URL(posture.forwardAuth.address);
    const headers: Record<string, string | null> = {
      Host: new URL(posture.forwardAuth.address).host,
      'User-Agent': 'Go-http-client/1.1',
      'Accept-Encoding': 'gzip',
      'X-Forwarded-For': '127.0.0.9, 127.0.0.1',
      'X-Forwarded-Host': 'wiki.example.com',
      'X-Forwarded-Method': 'POST',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Server': 'gateway',
      'X-Forwarded-Uri': '/page?posture=weak',
      'X-Real-Ip': '127.0.0.1',
      ...added.headers.customRequestHeaders,
      Authorization: added.headers.customRequestHeaders.Authorization.replace('pskey-REPLACE-ME', key),
      ...changed,
    };
    const pairs = Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
    const answer = await send(service.url, pathname, { headers: pairs });
    return [answer.status, answer.headers['x-posture-outcome']];
  };

  it('gets the right answer to what it sends', async () => {
    const certificate = (pem: string) => pem.replaceAll(/-----.*-----|\n/g, '');
    expect(await ask({})).toEqual([401, 'no_device']);
    expect(await ask({ 'X-Forwarded-For': '127.0.0.2, 127.0.0.1' })).toEqual([200, 'allowed']);
    const chain = `${certificate(anna.certificate)},${certificate(bob.certificate)}`;
    expect(await ask({ 'X-Forwarded-Tls-Client-Cert': certificate(anna.certificate) })).toEqual([200, 'allowed']);
    expect(await ask({ 'X-Forwarded-Tls-Client-Cert': chain })).toEqual([200, 'allowed']);
    const stranger = {
      'X-Forwarded-For': '127.0.0.2, 127.0.0.1',
      'X-Forwarded-Tls-Client-Cert': certificate(bob.certificate),
    };
    expect(await ask(stranger)).toEqual([401, 'no_device']);
    const anna2 = { 'X-Forwarded-For': '127.0.0.2, 127.0.0.1' };
    expect(await ask({ ...anna2, 'X-Forwarded-Host': 'wiki.example.com:443' })).toEqual([200, 'allowed']);
    expect(await ask({ ...anna2, 'X-Forwarded-Host': 'wiki.example.com:22' })).toEqual([403, 'no_rule']);
    expect(await ask({ ...anna2, 'X-Forwarded-Host': 'hr.example.com' })).toEqual([403, 'no_rule']);
    expect(await ask({ ...anna2, Authorization: null })).toEqual([401, undefined]);
  });

  it('strips before it asks, asks itself, hands on nothing else of its client, and waits a second', () => {
    const { wiki, posture } = http.routers;
    expect(wiki.middlewares).toEqual(['strip', 'certificate', 'posture']);
    expect(wiki.rule).toBe('Host(`wiki.example.com`)');
    expect(forwardAuth.trustForwardHeader).toBe(false);
    expect(forwardAuth.authRequestHeaders).toEqual(['Accept', 'X-Request-Id', 'X-Forwarded-Tls-Client-Cert']);
    for (const name of ['X-Device-Id', 'X-Device-Serial', 'X-Forwarded-Tls-Client-Cert', 'X-Original-Url'])
      expect(http.middlewares.strip.headers.customRequestHeaders[name]).toBe('');
    expect(new URL(forwardAuth.address).host).toBe(entryPoints.posture.address);
    expect([posture.entryPoints, posture.service]).toEqual([['posture'], 'posture-sync']);
    const { serversTransport } = http.services['posture-sync'].loadBalancer;
    expect(http.serversTransports[serversTransport].forwardingTimeouts.responseHeaderTimeout).toBe('1s');
    expect(entryPoints.https.forwardedHeaders).toBeUndefined();
  });
});
