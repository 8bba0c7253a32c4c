// Signing in by OpenID Connect, against a real provider on loopback: who gets in, as what, and everybody who does not.
import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { createOpenId, type OpenId, type OpenIdSettings, openIdCallbackPath } from '../../src/http/openid.ts';
import { startApi, type TestApi } from '../support/api.ts';
import {
  createVisitor,
  type People,
  settingsOf,
  startProvider,
  type TestProvider,
  type Visitor,
} from '../support/openid-provider.ts';

const people: People = {
  anna: {
    name: 'Anna Example',
    email: 'anna@example.com',
    email_verified: true,
    roles: ['posture-sync-admin', 'other'],
    realm_access: { roles: ['ops'] },
  },
  vera: { preferred_username: 'vera', email: 'vera@example.com', email_verified: false, roles: 'posture-sync-viewer' },
  nobody: { email: 'nobody@example.com', roles: ['<b>sales</b>'] },
  blank: {},
};

interface Place {
  api: TestApi;
  provider: TestProvider;
  visitor: Visitor;
  /** Where one begins. */
  begin: string;
}

/** The service, as PUBLIC_URL of which stands where it really listens: its provider sends browsers back there. */
async function place(more: Partial<OpenIdSettings> = {}, { inIdToken = false, at = '' } = {}): Promise<Place> {
  // What the provider must know is known only once the service listens.
  const holder: { openId: OpenId | null } = { openId: null };
  const late: OpenId = {
    shown: { name: 'Example login', url: '/sign-in/openid' },
    get settings() {
      return (holder.openId as OpenId).settings;
    },
    begin: () => (holder.openId as OpenId).begin(),
    finish: (search, begun) => (holder.openId as OpenId).finish(search, begun),
  };
  const api = await startApi({ openId: late, publicUrl: `http://127.0.0.1${at}` });
  const provider = await startProvider(people, `${api.service.url}${openIdCallbackPath}`, { inIdToken });
  holder.openId = createOpenId(settingsOf(provider, more), api.service.url);
  return { api, provider, visitor: createVisitor(), begin: `${api.service.url}/sign-in/openid` };
}

const isPage = (url: string) => new URL(url).pathname.startsWith('/admin/');
const isCallback = (url: string) => new URL(url).pathname === openIdCallbackPath;

const whoIs = async ({ api, visitor }: Place) => {
  const url = `${api.service.url}/api/v2/session`;
  const answer = await fetch(url, { headers: { cookie: visitor.cookies(url) } });
  return { status: answer.status, body: await answer.json() };
};

it('leads to the first page where the address asked for is longer than a cookie may be', async () => {
  const here = await place({}, {});
  const to = encodeURIComponent(`/admin/devices?q=${'a'.repeat(3_000)}`);
  const begun = await fetch(`${here.begin}?to=${to}`, { redirect: 'manual' });
  expect(begun.headers.getSetCookie().join().length).toBeLessThan(1_000);
  const back = await here.visitor.signIn(`${here.begin}?to=${to}`, 'anna', isPage);
  expect([back.status, back.url]).toEqual([303, `${here.api.service.url}/admin/`]);
});

it.each([true, false])(
  'signs an administrator in, and leads back to the page that was asked for (claims in the ID token: %s)',
  async inIdToken => {
    const here = await place({}, { inIdToken });
    const shown = await fetch(`${here.api.service.url}/api/v2/sign-in`);
    expect(await shown.json()).toEqual({
      apiKey: true,
      openIdConnect: { name: 'Example login', url: '/sign-in/openid' },
    });
    const back = await here.visitor.signIn(
      `${here.begin}?to=${encodeURIComponent('/admin/devices?q=a b')}`,
      'anna',
      isPage,
    );
    expect([back.status, back.url]).toEqual([303, `${here.api.service.url}/admin/devices?q=a%20b`]);
    const cookies = back.headers.getSetCookie();
    expect(cookies.find(line => line.startsWith('posture_sync_session='))).toMatch(/HttpOnly; SameSite=Strict$/);
    expect(cookies.find(line => line.startsWith('posture_sync_openid='))).toContain('Max-Age=0');
    expect(await whoIs(here)).toMatchObject({
      status: 200,
      body: {
        name: 'anna@example.com',
        displayName: 'Anna Example',
        kind: 'openid',
        role: 'admin',
        scopes: expect.arrayContaining(['all']),
      },
    });
    const url = `${here.api.service.url}/api/v2/tailnet/-/devices`;
    const headers = {
      cookie: here.visitor.cookies(url),
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/json',
    };
    expect((await fetch(url, { method: 'POST', headers, body: JSON.stringify({ id: 'lt-1' }) })).status).toBe(200);
    const actor = { id: 'openid:anna', type: 'USER', loginName: 'anna@example.com', displayName: 'Anna Example' };
    const [signedIn] = await here.api.service.events('USER.LOGIN');
    expect(signedIn).toMatchObject({ origin: 'ADMIN_CONSOLE', actor, new: { by: 'openid', role: 'admin' } });
    expect((await here.api.service.events('NODE.CREATE'))[0]).toMatchObject({ origin: 'ADMIN_CONSOLE', actor });
  },
);

it('lets a viewer read everything and change nothing, and trusts no address that is not verified', async () => {
  const here = await place();
  await here.visitor.signIn(here.begin, 'vera', isPage);
  const body = (await whoIs(here)).body as { scopes: string[] };
  expect(body).toMatchObject({ name: 'vera', role: 'viewer' });
  expect(body.scopes.filter((scope: string) => !scope.endsWith(':read'))).toEqual([]);
});

it('finds roles at a path, and by e-mail address only where that is verified', async () => {
  const keycloak = await place({ roleClaim: 'realm_access.roles', adminRoles: ['ops'] });
  await keycloak.visitor.signIn(keycloak.begin, 'anna', isPage);
  expect((await whoIs(keycloak)).body).toMatchObject({ role: 'admin' });
  const google = await place({ roleClaim: 'email', adminRoles: ['anna@example.com', 'vera@example.com'] });
  expect((await google.visitor.signIn(google.begin, 'vera', isPage)).status).toBe(403);
  const other = { ...google, visitor: createVisitor() };
  await other.visitor.signIn(other.begin, 'anna', isPage);
  expect((await whoIs(other)).body).toMatchObject({ name: 'anna@example.com', role: 'admin' });
});

it('tells somebody without a role which claim was looked at and what stood there, and the audit log too', async () => {
  const here = await place();
  const refused = await here.visitor.signIn(here.begin, 'nobody', isPage);
  expect([refused.status, refused.headers.get('content-type')]).toEqual([403, 'text/html; charset=utf-8']);
  expect(refused.text).toContain(
    '<code>roles</code> must hold <code>posture-sync-admin</code> or <code>posture-sync-viewer</code>',
  );
  expect(refused.text).toContain('sales');
  expect(refused.text).not.toContain('<b>');
  expect((await whoIs(here)).status).toBe(401);
  const blank = await createVisitor().signIn(here.begin, 'blank', isPage);
  expect([blank.status, blank.text]).toEqual([403, expect.stringContaining('it is not there')]);
  const told = await here.api.service.events('FAILED_REQUEST.LOGIN');
  expect(told.map(({ actor, new: found }) => [actor.loginName, found])).toEqual([
    ['nobody@example.com', { claim: 'roles', found: ['<b>sales</b>'] }],
    ['blank', { claim: 'roles', found: null }],
  ]);
  expect(await here.api.service.events('USER.LOGIN')).toEqual([]);
});

it('finishes nothing that was begun elsewhere, twice, with another state, or not at all', async () => {
  const here = await place();
  const back = await here.visitor.signIn(here.begin, 'anna', isCallback);
  const other = createVisitor();
  await other.go(here.begin, { before: url => url.startsWith(here.provider.issuer) });
  for (const [visitor, url] of [
    [createVisitor(), back.url],
    [other, back.url],
    [createVisitor(), `${here.begin}/callback`],
  ] as const) {
    const page = await visitor.go(url, { before: isPage });
    expect([page.status, page.text]).toEqual([400, expect.stringContaining('cannot be finished')]);
  }
  // The browser that began gets in, once: its attempt is over, and so is the code.
  const cookie = here.visitor.cookies(back.url);
  expect((await here.visitor.go(back.url, { before: isPage })).url).toMatch(/\/admin\/$/);
  expect((await here.visitor.go(back.url, { before: isPage })).status).toBe(400);
  const replayed = await fetch(back.url, { redirect: 'manual', headers: { cookie } });
  expect([replayed.status, await replayed.text()]).toEqual([400, expect.stringContaining('invalid_grant')]);
  const changed = new URL(back.url);
  changed.searchParams.set('state', 'another');
  const again = createVisitor();
  await again.go(here.begin, { before: url => url.startsWith(here.provider.issuer) });
  expect((await again.go(changed.href, { before: isPage })).status).toBe(400);
  expect(await here.api.service.events('USER.LOGIN')).toHaveLength(1);
});

it('leads nowhere but to our own pages, whatever was asked for', async () => {
  const here = await place();
  for (const to of [
    '//evil.example.com/admin/',
    'https://evil.example.com/',
    '/\\evil.example.com',
    '/api/v2/session',
    'x',
  ]) {
    const visitor = createVisitor();
    const back = await visitor.signIn(`${here.begin}?to=${encodeURIComponent(to)}`, 'anna', isPage);
    expect([to, back.url]).toEqual([to, `${here.api.service.url}/admin/`]);
  }
});

it('says what to do while the provider is away, is not stopped by that, and goes on when it is back', async () => {
  const here = await place();
  await here.provider.stop();
  const away = await here.visitor.go(here.begin);
  expect([away.status, away.headers.get('retry-after')]).toEqual([503, '10']);
  expect(away.text).toContain('Example login cannot be reached right now');
  expect(away.text).toContain('ECONNREFUSED');
  expect((await fetch(`${here.api.service.url}/readyz`)).status).toBe(200);
  expect((await fetch(`${here.api.service.url}/api/v2/sign-in`)).status).toBe(200);
  await here.provider.start();
  const back = await here.visitor.signIn(here.begin, 'anna', isCallback);
  await here.provider.stop();
  expect((await here.visitor.go(back.url, { before: isPage })).status).toBe(503);
  await here.provider.start();
  expect((await createVisitor().signIn(here.begin, 'anna', isPage)).status).toBe(303);
});

it('says that it is wrongly set up where the secret is another one, or the issuer is none', async () => {
  const wrong = await place({ clientSecret: 'another' });
  const page = await wrong.visitor.signIn(wrong.begin, 'anna', isPage);
  expect([page.status, page.text]).toEqual([
    502,
    expect.stringContaining('does not take this client id with this secret'),
  ]);
  const none = createServer((_request, response) => response.writeHead(404).end('nothing'));
  await new Promise<void>(resolve => none.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void none.close());
  const { port } = none.address() as { port: number };
  const nowhere = await place({ issuer: `http://127.0.0.1:${port}` });
  expect((await nowhere.visitor.go(nowhere.begin)).status).toBe(502);
});

it('shows what the provider says where the person says no', async () => {
  const here = await place();
  const at = await here.visitor.go(here.begin, { before: url => url.startsWith(here.provider.issuer) });
  const { searchParams } = new URL(at.url);
  const back = `${here.begin}/callback?error=access_denied&error_description=no+thanks&state=${searchParams.get('state')}&iss=${encodeURIComponent(here.provider.issuer)}`;
  const page = await here.visitor.go(back);
  expect([page.status, page.text]).toEqual([403, expect.stringContaining('access_denied: no thanks')]);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
});
