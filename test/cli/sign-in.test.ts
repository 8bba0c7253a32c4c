// `sign-in`: a link that signs in once, and what it prints about it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { placeOf } from '../../src/cli/sign-in.ts';
import type { Config } from '../../src/config.ts';
import { signInByLink } from '../../src/operations/sessions.ts';
import { createPool, type Pool } from '../../src/store/client.ts';
import { createInstallation, type Installation } from '../support/cli.ts';

let it: Installation;
let db: Pool;
beforeAll(async () => {
  it = await createInstallation();
  db = createPool(it.environment.DATABASE_URL ?? '');
});
afterAll(async () => {
  await db.end();
  await it.close();
});

test('prints the link alone, with its code where browsers send it to nobody, and nothing else has that', async () => {
  const { status, stdout, stderr } = await it.run(['sign-in', '--role', 'viewer', '--valid', '1h']);
  const [, code = ''] = /^http:\/\/127\.0\.0\.1:8080\/admin\/sign-in#link=([0-9A-Za-z]{43})\n$/.exec(stdout) ?? [];
  expect([status, code]).toEqual([0, expect.stringMatching(/./)]);
  expect(stderr).toContain('Signs in once, as viewer; until ');
  const told = (await it.run(['audit', '--json'])).stdout;
  expect(told).toContain('USER.CREATE.SIGN_IN_LINK');
  expect(stderr + told).not.toContain(code);
  const place = { db, now: () => new Date() };
  expect(await signInByLink(place, code, null)).not.toBeNull();
  expect(await signInByLink(place, code, null)).toBeNull();
});

test('takes its place from PUBLIC_URL', async () => {
  const { stdout } = await it.run(['sign-in', '--json'], {
    environment: { PUBLIC_URL: 'https://posture.example.com/t1/' },
  });
  expect(JSON.parse(stdout)).toMatchObject({
    url: expect.stringMatching(/^https:\/\/posture\.example\.com\/t1\/admin\/sign-in#link=/),
    role: 'admin',
  });
});

test.each([
  ['/admin/devices?q=a&sort=-lastSeen', '?to=%2Fdevices%3Fq%3Da%26sort%3D-lastSeen'],
  ['/admin/policy#L3', '?to=%2Fpolicy%23L3'],
  ['/admin/', ''],
])('leads to the page %s where that is asked for', async (open, search) => {
  const { stdout } = await it.run(['sign-in', '--open', open]);
  expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:8080\/admin\/sign-in(\?\S+)?#link=[0-9A-Za-z]{43}\n$/);
  expect(new URL(stdout.trim()).search).toBe(search);
});

test.each([
  ...['https://evil.example/admin/', '//evil.example/admin/', '/admin//evil.example', '/admin/\\evil.example'],
  ...['/\\evil.example/admin/', '/admin/../docs', '/admin/%2e%2e/docs', '/admin', 'devices', '', '/docs'],
  ...['/admin/sign-in?to=/', '/admin/\t/evil.example', 'javascript:alert(1)'],
])('leads nowhere but to a page: %j is refused, and no link is made', async open => {
  const { status, stdout, stderr } = await it.run(['sign-in', '--open', open]);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain('open: the path of a page below /admin/');
});

test.each([
  ['--role', 'owner'],
  ['--valid', '25h'],
  ['--valid', 'soon'],
])('refuses %s %s', async (option, value) => expect((await it.run(['sign-in', option, value])).status).toBe(2));

test.each([
  ['http://127.0.0.1:8080', 'http://127.0.0.1:41234'],
  ['https://posture.example.com', 'https://posture.example.com'],
])('a service seen at %s that took another port is found at %s', (publicUrl, place) => {
  const config = { publicUrl, host: '127.0.0.1', port: 8080 } as Config;
  expect(placeOf(config, 'http://127.0.0.1:41234')).toBe(place);
});
