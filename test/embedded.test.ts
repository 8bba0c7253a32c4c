// The embedded server as several processes use it, and what is left when some of them are killed.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { joinEmbeddedServer } from '../src/store/embedded.ts';
import { isAlive } from '../src/store/embedded-owner.ts';
import { copyCheckout, root } from './support/checkout.ts';

const isRoot = process.geteuid?.() === 0;
const nobody = 65534;

let place: string;
let dataDir: string;
let started: ChildProcess[] = [];

/** A DATA_DIR with an empty database, made once: most tests are not about making it. */
let seed: string;

beforeAll(async () => {
  seed = await mkdtemp('/tmp/posture-sync seed-');
  await chmod(seed, 0o755);
  const server = await joinEmbeddedServer({ dataDir: seed, fsync: false });
  await server.leave();
});

afterAll(() => rm(seed, { recursive: true, force: true }));

function useSeed(): void {
  execFileSync('cp', ['-a', seed, dataDir]);
}

beforeEach(async () => {
  place = await mkdtemp('/tmp/posture-sync embedded-');
  await chmod(place, 0o755);
  dataDir = path.join(place, 'data');
});

afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  started = [];
  for (const home of await homesBelow(place)) {
    const pid = await postmaster(home);
    if (pid === null) continue;
    process.kill(pid, 'SIGQUIT');
    await gone(pid);
  }
  await rm(place, { recursive: true, force: true });
});

async function homesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: false, withFileTypes: true }).catch(() => []);
  const nested = entries
    .filter(e => e.isDirectory() && !['node_modules', 'base'].includes(e.name))
    .map(e => path.join(folder, e.name));
  const deeper = (await Promise.all(nested.map(homesBelow))).flat();
  return entries.some(e => e.name === 'server.json') ? [folder, ...deeper] : deeper;
}

async function postmaster(home = path.join(dataDir, 'postgres')): Promise<number | null> {
  const text = await readFile(path.join(home, 'data/postmaster.pid'), 'utf8').catch(() => null);
  const pid = Number(text?.split('\n')[0]);
  return pid > 0 && isAlive(pid) ? pid : null;
}

async function gone(pid: number): Promise<void> {
  await expect.poll(() => isAlive(pid)).toBe(false);
}

interface Member {
  child: ChildProcess;
  url: string;
  notices: string[];
  error?: string;
}

/** Starts a process that joins; resolves when it has joined, or has failed and said why. */
async function member(options: object = {}, how: { uid?: number; from?: string; node?: string } = {}): Promise<Member> {
  const script = path.join(how.from ?? root, 'test/support/member.ts');
  const child = spawn(how.node ?? process.execPath, [script, JSON.stringify({ dataDir, fsync: false, ...options })], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    ...(how.uid === undefined ? {} : { uid: how.uid, gid: how.uid }),
  });
  started.push(child);
  for await (const line of createInterface({ input: child.stdout })) return { child, ...JSON.parse(line) };
  throw new Error('the member ended without a word');
}

/** As Ctrl-C does: to the whole process group. */
async function interrupt({ child }: Member): Promise<void> {
  const ended = once(child, 'exit');
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
  expect(await ended).toEqual([0, null]);
}

async function killHard({ child }: Member): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function ask(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query({ text: statement, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

async function untilAnswers(url: string, statement: string): Promise<unknown[]> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask(url, statement);
    } catch (error) {
      if (tries > 1_200) throw error;
      await sleep(100);
    }
  }
}

describe('sharing', () => {
  test('two processes share one server and the last to leave stops it', async () => {
    useSeed();
    const one = await member();
    const two = await member();
    const pid = await postmaster();
    expect(two.url).toBe(one.url);
    await interrupt(one);
    expect(await postmaster()).toBe(pid);
    expect(await ask(two.url, 'select 1')).toEqual([1]);
    await interrupt(two);
    expect(pid !== null && isAlive(pid)).toBe(false);
  });

  test('five processes that start at once on an empty directory use one server', async () => {
    const members = await Promise.all(Array.from({ length: 5 }, () => member()));
    expect(new Set(members.map(m => m.url)).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['postgres']);
    const pid = await postmaster();
    await Promise.all(members.map(interrupt));
    expect(pid !== null && isAlive(pid)).toBe(false);
  });

  test('comers and leavers that meet all get a server that answers, and none is left', async () => {
    useSeed();
    const rounds = Array.from({ length: 4 }, async () => {
      for (let round = 0; round < 5; round++) {
        const server = await joinEmbeddedServer({ dataDir, fsync: false });
        expect(await ask(server.url, 'select 1')).toEqual([1]);
        await server.leave();
      }
    });
    await Promise.all(rounds);
    expect(await postmaster()).toBe(null);
  });

  test('data stays over a stop and a start', async () => {
    const first = await joinEmbeddedServer({ dataDir });
    await ask(first.url, 'create table kept as select 42 as n');
    await first.leave();
    const second = await joinEmbeddedServer({ dataDir });
    expect(await ask(second.url, 'select n from kept')).toEqual([42]);
    expect(second.url).toBe(first.url);
    await second.leave();
  });
});

describe('killed', () => {
  test('a member killed by kill -9 no longer counts', async () => {
    useSeed();
    const one = await member();
    const two = await member();
    const pid = await postmaster();
    await killHard(one);
    expect(await ask(two.url, 'select 1')).toEqual([1]);
    await interrupt(two);
    expect(pid !== null && isAlive(pid)).toBe(false);
  });

  test('a server that the last member left behind by kill -9 is adopted and stopped by the next', async () => {
    useSeed();
    const one = await member();
    await ask(one.url, 'create table kept as select 42 as n');
    const pid = await postmaster();
    await killHard(one);
    expect(await postmaster()).toBe(pid);
    const two = await member();
    expect(await postmaster()).toBe(pid);
    expect(await ask(two.url, 'select n from kept')).toEqual([42]);
    await interrupt(two);
    expect(pid !== null && isAlive(pid)).toBe(false);
  });

  test('after kill -9 of PostgreSQL its members start it again, at the same address, with the data', async () => {
    useSeed();
    const one = await member({ fsync: true });
    const two = await member({ fsync: true });
    await ask(one.url, 'create table kept as select 42 as n');
    const pid = await postmaster();
    if (pid !== null) process.kill(pid, 'SIGKILL');
    expect(await untilAnswers(one.url, 'select n from kept')).toEqual([42]);
    await interrupt(one);
    // The second may have been about to join again when the first, alone at that moment, stopped the server.
    expect(await untilAnswers(two.url, 'select n from kept')).toEqual([42]);
    await interrupt(two);
    expect(await postmaster()).toBe(null);
  });

  test('after kill -9 of everything the next start recovers the data', async () => {
    useSeed();
    const one = await member({ fsync: true });
    await ask(one.url, 'create table kept as select 42 as n');
    await killHard(one);
    const pid = await postmaster();
    if (pid !== null) process.kill(pid, 'SIGKILL');
    const two = await member();
    expect(await ask(two.url, 'select n from kept')).toEqual([42]);
    await interrupt(two);
  });

  // Whoever looks late, as on a busy machine, finds it made, and tries again in another folder.
  test('after kill -9 while the database is made the next start makes it', { retry: 4 }, async () => {
    const child = spawn(process.execPath, [path.join(root, 'test/support/member.ts'), JSON.stringify({ dataDir })], {
      cwd: '/',
    });
    started.push(child);
    await expect.poll(() => readdir(dataDir).catch(() => []), { interval: 1 }).toHaveLength(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await readdir(dataDir))[0]).toMatch(/^postgres\.new-/);
    const two = await member();
    expect(await readdir(dataDir)).toEqual(['postgres']);
    await interrupt(two);
  });

  test('a postmaster.pid that by now names another process does not keep the server from starting', async () => {
    useSeed();
    await interrupt(await member());
    const file = path.join(dataDir, 'postgres/data/postmaster.pid');
    await writeFile(file, `${process.pid}\n${dataDir}\n0\n5432\n\n127.0.0.1\n0 0\nready\n`);
    const two = await member();
    expect(await ask(two.url, 'select 1')).toEqual([1]);
    await interrupt(two);
  });
});

describe('closed', () => {
  test('the server asks for its password, listens on loopback only and has no local socket', async () => {
    useSeed();
    const server = await joinEmbeddedServer({ dataDir, fsync: false });
    try {
      const settings =
        "select current_setting('listen_addresses'), current_setting('unix_socket_directories'), current_setting('password_encryption')";
      expect(await ask(server.url, settings)).toEqual(['127.0.0.1', '', 'scram-sha-256']);
      await expect(ask(server.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow(
        'password authentication failed',
      );
      expect((await stat(path.join(dataDir, 'postgres/server.json'))).mode & 0o777).toBe(0o600);
      expect((await stat(path.join(dataDir, 'postgres/data'))).mode & 0o777).toBe(0o700);
    } finally {
      await server.leave();
    }
  });

  test('unless a test asks otherwise what was committed is on disk', async () => {
    useSeed();
    const server = await joinEmbeddedServer({ dataDir });
    const settings =
      "select current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')";
    expect(await ask(server.url, settings)).toEqual(['on', 'on', 'on']);
    await server.leave();
  });

  test('a directory whose database is gone is told, not silently filled anew', async () => {
    await mkdir(path.join(dataDir, 'postgres'), { recursive: true });
    await expect(joinEmbeddedServer({ dataDir })).rejects.toThrow('is gone. Put it back, or remove');
  });

  test('a DATA_DIR that cannot be made is told with its name', async () => {
    await writeFile(path.join(place, 'file'), '');
    await expect(joinEmbeddedServer({ dataDir: path.join(place, 'file/data') })).rejects.toThrow(
      /^DATA_DIR .* cannot be used/,
    );
  });
});

if (!isRoot) console.warn('SKIPPED: tests of the embedded server as root, because this is not root');

describe.skipIf(!isRoot)('as root', () => {
  test('PostgreSQL runs as another user', async () => {
    const server = await joinEmbeddedServer({ dataDir, fsync: false });
    const pid = await postmaster();
    const { uid } = await stat(path.join(dataDir, 'postgres/data'));
    expect(uid).not.toBe(0);
    if (process.platform === 'linux') expect((await stat(`/proc/${pid}`)).uid).toBe(uid);
    await server.leave();
  });

  test('below a directory that only root may enter, programs and data are put where the other user gets', async () => {
    const closed = path.join(place, 'closed');
    const places = [path.join(place, 'file/unusable'), path.join(place, 'shared')];
    await mkdir(closed, { mode: 0o700 });
    copyCheckout(path.join(closed, 'clone'));
    dataDir = path.join(closed, 'clone/.data');
    const from = { from: path.join(closed, 'clone') };
    const [one, two] = await Promise.all([member({ places }, from), member({ places }, from)]);
    expect(one.error).toBeUndefined();
    expect(two.url).toBe(one.url);
    expect(one.notices.concat(two.notices).join()).toMatch(/cannot enter .*the programs were copied to .*shared/);
    expect(one.notices.concat(two.notices).join()).toMatch(/the database is kept in .*shared/);
    await ask(one.url, 'create table kept as select 42 as n');
    await Promise.all([interrupt(one), interrupt(two)]);
    const three = await member({ places }, from);
    expect(await ask(three.url, 'select n from kept')).toEqual([42]);
    expect(three.notices).toEqual([]);
    await interrupt(three);
    expect((await stat(closed)).mode & 0o777).toBe(0o700);
    expect((await lstat(path.join(dataDir, 'postgres'))).isSymbolicLink()).toBe(true);
    const kept = await realpath(path.join(dataDir, 'postgres'));
    expect((await readFile(path.join(kept, 'belongs-to'), 'utf8')).trim()).toBe(dataDir);
    expect((await readdir(places[1] ?? '')).filter(name => name.includes('new'))).toEqual([]);
  });

  test('a shared place that another user could write to is refused', async () => {
    const closed = path.join(place, 'closed');
    const shared = path.join(place, 'shared');
    await mkdir(closed, { mode: 0o700 });
    await mkdir(shared);
    await chown(shared, nobody, nobody);
    const join = joinEmbeddedServer({ dataDir: path.join(closed, 'data'), places: [shared] });
    await expect(join).rejects.toThrow(`needs ${shared}, owned by root with mode 0755`);
  });

  test('an ordinary user runs it as itself, and root afterwards leaves it usable for that user', async () => {
    const clone = path.join(place, 'clone');
    const as = { uid: nobody, from: clone, ...copyCheckout(clone) };
    dataDir = path.join(place, "nobody's data");
    await mkdir(dataDir);
    await chown(dataDir, nobody, nobody);
    const one = await member({}, as);
    expect(one.error).toBeUndefined();
    await ask(one.url, 'create table kept as select 42 as n');
    await interrupt(one);
    const two = await member();
    expect(await ask(two.url, 'select n from kept')).toEqual([42]);
    await interrupt(two);
    const three = await member({}, as);
    expect(three.error).toBeUndefined();
    await interrupt(three);
    dataDir = path.join(place, "root's data");
    await interrupt(await member());
    const refused = await member({}, as);
    expect(refused.error).toMatch(/belongs to another user. Run as that user, or set DATA_DIR/);
  });
});
