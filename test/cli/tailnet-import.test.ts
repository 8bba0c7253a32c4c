// `device import --tailscale` against a second installation of our own, which serves the same API, and a server that lies.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { changeSettings } from '../../src/operations/settings.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { programEnvironment, root } from '../support/checkout.ts';
import { createInstallation, type Installation } from '../support/cli.ts';
import '../support/registered.ts';
import { createWorld, tester, type World } from '../support/world.ts';

let there: World;
let source: TestApi;
let here: Installation;
let place: string;
let url: string;
let keyFile: string;

async function install(): Promise<void> {
  there = await createWorld();
  source = await startApi({ database: there.database, now: there.now });
  url = source.service.url;
  here = await createInstallation({ agents: 1 });
  onTestFinished(() => here.close());
  here.environment.PROVIDER_ALLOWED_HOSTS += ',127.0.0.1';
  place = mkdtempSync(path.join(tmpdir(), 'posture-sync-tailnet-'));
  onTestFinished(() => rmSync(place, { recursive: true }));
  keyFile = path.join(place, 'key.txt');
  writeFileSync(keyFile, `${await source.keyFor('devices:core:read')}\n`);
}

const run = (...words: string[]) => here.run(['device', 'import', ...words]);
const take = async (...words: string[]) => {
  const { status, stdout, stderr } = await run('--tailscale', url, '--key-file', keyFile, '--json', ...words);
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  return JSON.parse(stdout);
};
const listed = async (): Promise<Record<string, unknown>[]> => (await here.run(['device', 'list', '--json'])).json();
const revision = async () => (await here.database.pool.query('select revision from head')).rows[0].revision;

/** A server that answers with what is given, whoever asks. */
async function lying(answer: () => unknown): Promise<string> {
  const server = createServer((_, response) => response.end(JSON.stringify(answer())));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('devices of a tailnet', () => {
  beforeEach(install);

  it('are imported with what they are known by, by a key that may only read; again nothing changes', async () => {
    await there.devices(
      {
        id: 'lt-1',
        hostname: 'ANNA',
        serialNumbers: ['SER-1', 'SER-2'],
        user: 'anna@example.com',
        os: 'macOS',
        tags: ['a'],
      },
      { id: 'lt-2', addresses: ['100.64.0.2', 'fd7a::2'] },
    );
    const before = await revision();
    expect(await take('--dry-run')).toMatchObject({ created: 2, changed: 0, unchanged: 0, dryRun: true });
    expect([await revision(), await listed()]).toEqual([before, []]);
    expect(await take()).toEqual({ created: 2, changed: 0, unchanged: 0, rejected: [], rejectedTotal: 0 });
    expect(await listed()).toMatchObject([
      { id: 'lt-1', hostname: 'ANNA', serialNumbers: ['SER-1', 'SER-2'], user: 'anna@example.com', os: 'macOS' },
      { id: 'lt-2', hostname: null, serialNumbers: [], addresses: ['100.64.0.2', 'fd7a::2'] },
    ]);
    const done = await revision();
    expect(await take()).toMatchObject({ created: 0, changed: 0, unchanged: 2 });
    expect(await revision()).toBe(done);
    await there.devices({ id: 'lt-1', serialNumbers: ['SER-1'] });
    expect(await take('--dry-run')).toMatchObject({ changed: 1, unchanged: 1 });
    expect(await take()).toMatchObject({ changed: 1, unchanged: 1 });
    const [told] = (await here.run(['audit', '--json', '--event', 'NODE.UPDATE.POSTURE_IDENTITY'])).json();
    expect(told).toMatchObject({
      target: { id: 'lt-1' },
      new: { serialNumbers: ['SER-1'] },
      actor: { id: 'cli:anna' },
    });
  });

  it('stay where they are absent from the list, be it empty', async () => {
    await there.devices({ id: 'lt-1', serialNumbers: ['SER-1'] }, { id: 'lt-2' });
    await take();
    const before = await listed();
    await there.db.query("delete from devices where id = 'lt-1'");
    expect(await take()).toMatchObject({ created: 0, changed: 0, unchanged: 1 });
    await there.db.query('delete from devices');
    expect(await take()).toMatchObject({ created: 0, changed: 0, unchanged: 0 });
    expect(await listed()).toEqual(before);
  });

  it('keep their serial numbers while the tailnet does not collect any', async () => {
    await there.devices({ id: 'lt-1', serialNumbers: ['SER-1'] });
    await take();
    const request = { db: there.db, now: there.now, actor: tester };
    await changeSettings(request, { postureIdentityCollectionOn: false }, { confirm: null, isConfirmRequired: false });
    expect(await take()).toMatchObject({ unchanged: 1 });
    expect(await listed()).toMatchObject([{ serialNumbers: ['SER-1'] }]);
  });

  it('with one serial number are both told to be in conflict, as of a file, and set by hand wins', async () => {
    await here.run(['device', 'add', 'mine', '--serial', 'SER-9']);
    await here.run(['device', 'serials', 'mine', 'SER-9']);
    await there.devices(
      { id: 'a', serialNumbers: ['SER-1'] },
      { id: 'b', serialNumbers: ['ser-1'] },
      { id: 'c', serialNumbers: ['SER-9'] },
    );
    expect(await take()).toMatchObject({ created: 3 });
    expect((await listed()).map(device => [device.id, (device.match as { reason: string }).reason])).toEqual([
      ['a', 'serial_on_several_devices'],
      ['b', 'serial_on_several_devices'],
      ['c', 'serial_set_on_other_device'],
      ['mine', 'no_agent'],
    ]);
    const done = await revision();
    await take();
    expect(await revision()).toBe(done);
  });

  it('that cannot be read are rejected alone, and so is one that comes twice', async () => {
    const devices = [
      { nodeId: 'n1', hostname: 'one' },
      { nodeId: 'n1', hostname: 'two' },
      { hostname: 'nobody' },
      { nodeId: 'n2', addresses: ['10.0.0.0/8'] },
      { nodeId: 'n3', hostname: 'shared', isExternal: true },
      { nodeId: 'n4', postureIdentity: { disabled: true } },
    ];
    url = await lying(() => ({ devices }));
    const result = await take();
    expect(result).toMatchObject({ created: 2, rejectedTotal: 3 });
    expect(result.rejected).toEqual([
      { line: 2, message: 'the list has "n1" twice' },
      { line: 3, message: 'nodeId: it is missing' },
      { line: 4, message: expect.stringContaining('addresses.0: ') },
    ]);
    expect((await listed()).map(({ id, hostname }) => [id, hostname])).toEqual([
      ['n1', 'one'],
      ['n4', null],
    ]);
  });
});

describe('an import from a tailnet', () => {
  beforeEach(install);

  it('is done by the service where the environment says so, with the key from its file', async () => {
    await there.devices({ id: 'lt-1', serialNumbers: ['SER-1'] });
    const environment = { TAILSCALE_IMPORT_URL: url, TAILSCALE_IMPORT_KEY_FILE: keyFile, ROLE: 'worker' };
    const worker = spawn(path.join(root, 'bin/posture-sync'), ['serve'], {
      cwd: root,
      env: { ...programEnvironment, ...here.environment, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(worker, 'close');
    onTestFinished(() => void worker.kill('SIGKILL'));
    for await (const line of createInterface({ input: worker.stderr })) if (line.includes('devices imported')) break;
    worker.stderr.resume();
    worker.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await listed()).toMatchObject([{ id: 'lt-1', serialNumbers: ['SER-1'] }]);
    const { stdout } = await run('--status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ url, failingSince: null, result: { created: 1 } });
  });

  it.each([
    [
      'a key that it does not know',
      async () => writeFileSync(keyFile, 'pskey-wrong'),
      'the key is refused (status 401',
    ],
    [
      'a key that may not read devices',
      async () => writeFileSync(keyFile, await source.keyFor('devices:report')),
      'the key may not read devices (status 403',
    ],
    ['no key file', async () => rmSync(keyFile), 'cannot be read (ENOENT)'],
    [
      'another server',
      async () => {
        url = await lying(() => 'hello');
      },
      'no list "devices"',
    ],
    [
      'an address that may not be reached',
      async () => {
        url = 'http://localhost:1';
      },
      'https://',
    ],
  ])('with %s says so in one line, ends with 1 and changes nothing', async (_, prepare, told) => {
    await there.devices({ id: 'lt-1' });
    await prepare();
    const { status, stdout, stderr } = await run('--tailscale', url, '--key-file', keyFile);
    expect([status, stdout, stderr]).toEqual([1, '', expect.stringContaining(told)]);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(await listed()).toEqual([]);
  });

  it('takes the key from standard input or from the configuration, and sends that nowhere else', async () => {
    await there.devices({ id: 'lt-1' });
    const key = await source.keyFor('devices:core:read');
    const typed = await here.run(['device', 'import', '--tailscale', url], { stdin: `${key}\n` });
    expect([typed.status, typed.stdout]).toEqual([0, '1 created, 0 changed, 0 unchanged, 0 rejected\n']);
    const environment = { TAILSCALE_IMPORT_URL: url, TAILSCALE_IMPORT_KEY: key };
    const configured = await here.run(['device', 'import', '--tailscale'], { environment });
    expect([configured.status, configured.stdout]).toEqual([0, '0 created, 0 changed, 1 unchanged, 0 rejected\n']);
    const elsewhere = await lying(() => ({ devices: [] }));
    const refused = await here.run(['device', 'import', '--tailscale', elsewhere], { environment });
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('needs an access token')]);
  });

  it.each([
    [['--tailscale', 'https://x.example', '--from-agents'], 'one of'],
    [['file.csv', '--tailscale', 'https://x.example'], 'one of'],
    [[], 'one of'],
    [['file.csv', '--key-file', 'key.txt'], 'goes with --tailscale'],
    [['--tailscale'], 'TAILSCALE_IMPORT_URL is not set'],
    [['--tailscale', 'https://x.example', '--api-key', 'tskey-api-x'], 'argument'],
  ])('is wrongly used with %j', async (words, told) => {
    const { status, stderr } = await run(...words);
    expect([status, stderr]).toEqual([2, expect.stringContaining(told)]);
  });
});
