// Commands as processes: signals, pipes that close early, a killed worker's run, the service and its worker, the demo.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { newSecretKey } from '../../src/store/secrets.ts';
import { programEnvironment, root } from '../support/checkout.ts';
import { createInstallation, type Installation } from '../support/cli.ts';

const launcher = path.join(root, 'bin/posture-sync');
/** Who is asked to stop ends after 9.5 s by itself, with another status: a machine that stalls for as long needs another try. */
const stops = { retry: 2 };
const started: ChildProcess[] = [];
const installations: Installation[] = [];
const places: string[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const it of installations.splice(0)) await it.close();
});
afterAll(() => {
  for (const place of places) rmSync(place, { recursive: true, force: true });
});

interface Running {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Waits until the text stands on either stream. */
  says(text: string | RegExp): Promise<void>;
  /** Exit status, or the signal that ended it. */
  ended: Promise<number | string>;
}

function start(words: string[], environment: Record<string, string>, program = launcher): Running {
  const child = spawn(program, words, {
    cwd: root,
    env: { ...programEnvironment, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', chunk => {
    text.stdout += chunk;
  });
  child.stderr?.on('data', chunk => {
    text.stderr += chunk;
  });
  const ended = once(child, 'close').then(([status, signal]) => status ?? signal);
  return {
    child,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    ended,
    async says(wanted) {
      while (!(text.stdout + text.stderr).match(wanted)) {
        if (child.exitCode !== null) throw new Error(`it ended before it said ${wanted}: ${text.stdout}${text.stderr}`);
        await sleep(20);
      }
    },
  };
}

async function installation(options: Parameters<typeof createInstallation>[0] = {}): Promise<Installation> {
  const it = await createInstallation(options);
  installations.push(it);
  return it;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(50);
}

const openRuns = async ({ database }: Installation) =>
  (await database.pool.query('select from sync_runs where finished_at is null')).rowCount ?? 0;

test('a pipe that is closed early ends a command quietly', async () => {
  const it = await installation();
  const devices = Array.from({ length: 5_000 }, (_, i) => `{"id":"d${i}"}\n`).join('');
  await it.run(['device', 'import', '-'], { stdin: devices });
  const audit = start(['audit', '--json'], it.environment);
  audit.child.stdout?.once('data', () => audit.child.stdout?.destroy());
  expect([await audit.ended, audit.stderr()]).toEqual([0, '']);
});

test('Ctrl-C ends a sync at once with status 130, and its run is closed', stops, async () => {
  const it = await installation({ agents: 3_000 });
  await it.addHq();
  // The second page never comes, however slow this machine is.
  it.simulator.setFault('timeout', { page: 2 });
  const sync = start(['sync', 'hq'], it.environment);
  await until(async () => (await openRuns(it)) === 1);
  sync.child.kill('SIGINT');
  expect(await sync.ended).toBe(130);
  // By itself: whoever is ended after the time for that leaves its run open.
  const { rows } = await it.database.pool.query('select outcome from sync_runs');
  expect(rows).toEqual([{ outcome: 'abandoned' }]);
});

test('a sync that joined a run takes over when that run’s worker is killed', async () => {
  const it = await installation({ agents: 3_000 });
  await it.addHq();
  // The second page never comes, however slow this machine is.
  it.simulator.setFault('timeout', { page: 2 });
  const first = start(['sync', 'hq'], it.environment);
  await until(async () => (await openRuns(it)) === 1);
  const second = start(['sync', 'hq', '--json'], it.environment);
  await second.says('joined it');
  it.simulator.clearFaults();
  first.child.kill('SIGKILL');
  expect(await second.ended).toBe(0);
  expect(JSON.parse(second.stdout())).toMatchObject({ outcome: 'succeeded', agents: 3_000 });
});

test('simulate serves its console until it is stopped, and says how to reach it', stops, async () => {
  const simulate = start(['simulate', '--agents', '20', '--seed', '3', '--json'], {});
  await simulate.says('"url"');
  const { url, token, agents } = JSON.parse(simulate.stdout());
  expect(agents).toBe(20);
  const answer = await fetch(`${url}/web/api/v2.1/agents`, { headers: { authorization: `ApiToken ${token}` } });
  expect(await answer.json()).toMatchObject({ pagination: { totalItems: 20 } });
  const port = new URL(url).port;
  const second = start(['simulate', '--port', port], {});
  expect([await second.ended, second.stderr()]).toEqual([1, `port ${port} is taken; choose another one with --port\n`]);
  simulate.child.kill('SIGTERM');
  expect(await simulate.ended).toBe(0);
});

describe('serve', stops, () => {
  const ready = async (url: string) => (await fetch(`${url}/readyz`)).json();
  const isReady = async (url: string) => (await fetch(`${url}/readyz`)).status === 200;
  const urlOf = (serve: Running) => /"url":"([^"]+)"/.exec(serve.stderr())?.[1] ?? '';
  const workers = (serve: Running) =>
    [...serve.stderr().matchAll(/"worker":"[^"]*:(\d+)"/g)].map(([, pid]) => Number(pid));

  test('syncs on schedule in a worker, is ready with it, restarts it when it dies, and stops with it', async () => {
    const it = await installation();
    await it.addHq();
    // The first thing that a worker looks at is kept from it.
    const kept = await it.database.pool.connect();
    await kept.query('begin; lock table sealing_key in access exclusive mode');
    const serve = start(['serve'], { ...it.environment, PORT: '0' });
    await serve.says('listening');
    const url = urlOf(serve);
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' });
    // Devices may be loaded by then, or not.
    const reasons = expect.arrayContaining(['the worker does not run']);
    expect(await ready(url)).toEqual({ status: 'not ready', reasons });
    await kept.query('commit');
    kept.release();
    await until(async () => await isReady(url));
    await serve.says('sync finished');
    const [first = 0] = workers(serve);
    expect(getPriority(first)).toBeGreaterThan(getPriority(serve.child.pid));
    process.kill(first, 'SIGKILL');
    await until(async () => workers(serve).length === 2);
    await until(async () => await isReady(url));
    serve.child.kill('SIGTERM');
    expect(await serve.ended).toBe(0);
    expect(workers(serve).every(isGone)).toBe(true);
    expect(await openRuns(it)).toBe(0);
  });

  test('takes its worker along when it is killed', async () => {
    const it = await installation();
    const serve = start(['serve'], { ...it.environment, PORT: '0' });
    await serve.says('worker runs');
    serve.child.kill('SIGKILL');
    await serve.ended;
    await until(async () => workers(serve).every(isGone));
  });

  test('answers alone as api, and syncs without answering as worker', async () => {
    const it = await installation();
    await it.addHq();
    const key = 'chosen-by-people-0123456789';
    const environment = { ...it.environment, PORT: '0', ROLE: 'api', SECRET_KEYS: '', BOOTSTRAP_API_KEY: key };
    const api = start(['serve'], environment);
    const worker = start(['serve'], { ...it.environment, ROLE: 'worker' });
    await api.says('listening');
    await until(async () => await isReady(urlOf(api)));
    await worker.says('sync finished');
    expect(worker.stderr()).not.toContain('listening');
    // What the worker did is told by the process that answers.
    const metrics = async () => {
      const headers = { authorization: `Bearer ${key}` };
      return await (await fetch(`${urlOf(api)}/metrics`, { headers })).text();
    };
    const counted = /^posture_sync_provider_requests_total\{integration="hq",outcome="ok"\} [1-9]/m;
    await until(async () => counted.test(await metrics()));
    expect(await metrics()).toMatch(/^posture_sync_runs_total\{integration="hq",outcome="succeeded"\} [1-9]/m);
    for (const { child } of [api, worker]) child.kill('SIGINT');
    expect([await api.ended, await worker.ended]).toEqual([0, 0]);
  });

  test('takes secrets as api without keys for workers that have them, also while none runs and their keys are changed', async () => {
    const it = await installation();
    const key = 'chosen-by-people-0123456789';
    const environment = { ...it.environment, PORT: '0', ROLE: 'api', SECRET_KEYS: '', BOOTSTRAP_API_KEY: key };
    const api = start(['serve'], environment);
    await api.says('listening');
    const ask = async (method: string, place: string, body: object) => {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      return await fetch(`${urlOf(api)}/api/v2${place}`, { method, headers, body: JSON.stringify(body) });
    };
    const hq = { provider: 'sentinelone', cloudId: it.simulator.url, clientSecret: it.simulator.token };
    expect((await ask('POST', '/tailnet/-/posture/integrations', hq)).status).toBe(503);
    const before = start(['serve'], { ...it.environment, ROLE: 'worker' });
    await before.says('worker runs');
    const added = await ask('POST', '/tailnet/-/posture/integrations', hq);
    expect(added.status).toBe(200);
    const { id } = (await added.json()) as { id: string };
    await before.says('sync finished');
    before.child.kill('SIGKILL');
    await before.ended;
    // Again the same token: a process without keys cannot know.
    const enter = async () =>
      (await ask('PATCH', `/posture/integrations/${id}`, { clientSecret: it.simulator.token })).status;
    expect(await enter()).toBe(200);
    const turned = {
      ...it.environment,
      ROLE: 'worker',
      SECRET_KEYS: `${newSecretKey('k2')},${it.environment.SECRET_KEYS}`,
    };
    const after = start(['serve'], turned);
    await after.says('sync finished');
    const sealedWith = async () =>
      (await it.database.pool.query('select secret_key_id as id from integrations')).rows.map(row => row.id);
    expect(await sealedWith()).toEqual(['box:k1']);
    expect(await enter()).toBe(200);
    expect(await sealedWith()).toEqual(['box:k2']);
    await after.says(/sync finished[\s\S]*sync finished/);
    expect(before.stderr() + after.stderr()).not.toMatch(/"level":(50|"error")/);
    for (const { child } of [api, after]) child.kill('SIGTERM');
    expect([await api.ended, await after.ended]).toEqual([0, 0]);
    expect(api.stderr() + before.stderr() + after.stderr()).not.toContain(it.simulator.token);
  });

  test('seals as api to the key that it was given, before any worker ran; verify names what other keys do not open', async () => {
    const it = await installation();
    const key = 'chosen-by-people-0123456789';
    const sealingKey = (await it.run(['sealing-key'])).stdout.trim();
    const given = { ROLE: 'api', SECRET_KEYS: '', SECRET_SEALING_KEY: sealingKey, BOOTSTRAP_API_KEY: key };
    const api = start(['serve'], { ...it.environment, PORT: '0', ...given });
    await api.says('listening');
    const hq = { provider: 'sentinelone', name: 'hq', cloudId: it.simulator.url, clientSecret: it.simulator.token };
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const place = `${urlOf(api)}/api/v2/tailnet/-/posture/integrations`;
    expect((await fetch(place, { method: 'POST', headers, body: JSON.stringify(hq) })).status).toBe(200);
    expect((await it.run(['integration', 'test', 'hq'])).status).toBe(0);
    expect((await it.run(['verify'])).stderr).toBe('');
    const others = { environment: { SECRET_KEYS: newSecretKey('k2') } };
    const tested = await it.run(['integration', 'test', 'hq', '--json'], others);
    const reason = 'a stored secret was sealed with key "k1", which SECRET_KEYS does not have';
    expect([tested.status, tested.json()[0]?.error]).toMatchObject([1, { kind: 'settings', message: reason }]);
    const verified = await it.run(['verify'], others);
    expect([verified.status, verified.stderr]).toEqual([0, expect.stringContaining(`Integration "hq": ${reason}.`)]);
  });

  test('keeps the standings of devices by whichever worker there is, also when one is killed', async () => {
    const it = await installation();
    await it.addHq();
    await it.run(['sync', 'hq']);
    await it.run(['device', 'import', '--from-agents']);
    await it.run(['policy', 'apply', 'config/policy.hujson']);
    const serves = [1, 2].map(() => start(['serve'], { ...it.environment, ROLE: 'worker' }));
    const counts = async () => {
      const [counted] = (await it.run(['posture', 'list', '--json'])).json();
      return counted as Record<'passing' | 'failing' | 'unknown' | 'devices', number> & {
        asOf: { isCurrent: boolean };
      };
    };
    await until(async () => (await counts()).asOf.isCurrent);
    const { passing, failing, unknown, devices } = await counts();
    expect([passing > 0, passing + failing + unknown]).toEqual([true, devices]);
    const [killed, left] = serves;
    killed?.child.kill('SIGKILL');
    await it.run(['device', 'add', 'new']);
    await until(async () => (await counts()).unknown === unknown + 1);
    left?.child.kill('SIGTERM');
    expect(await left?.ended).toBe(0);
    expect((await it.run(['verify'])).status).toBe(0);
  });

  test('knows a new key, and one that was revoked no more, in every process; stores its last use at the end', async () => {
    const it = await installation();
    const bootstrap = 'chosen-by-people-0123456789';
    const environment = { ...it.environment, PORT: '0', ROLE: 'api', SECRET_KEYS: '', BOOTSTRAP_API_KEY: bootstrap };
    const both = [start(['serve'], environment), start(['serve'], environment)];
    for (const serve of both) await serve.says('listening');
    const statuses = (key: string) =>
      Promise.all(
        both.map(async serve => {
          const headers = { authorization: `Bearer ${key}` };
          return (await fetch(`${urlOf(serve)}/gateway/whoami`, { headers })).status;
        }),
      );
    expect(await statuses(bootstrap)).toEqual([200, 200]);
    const key = (await it.run(['key', 'create', '--name', 'nginx', '--scope', 'gateway:decide'])).stdout.trim();
    // How soon is shown in test/http/key-ring.test.ts.
    await expect.poll(() => statuses(key)).toEqual([200, 200]);
    await it.run(['key', 'revoke', 'nginx']);
    await expect.poll(() => statuses(key)).toEqual([401, 401]);
    for (const { child } of both) child.kill('SIGTERM');
    expect(await Promise.all(both.map(({ ended }) => ended))).toEqual([0, 0]);
    const [shown] = (await it.run(['key', 'list', '--json'])).json();
    expect(shown).toMatchObject({ name: 'nginx', state: 'revoked', lastUsedAt: expect.any(String) });
    const refused = (await it.run(['audit', '--event', 'FAILED_REQUEST', '--json'])).json();
    expect(refused).toContainEqual(expect.objectContaining({ target: expect.objectContaining({ name: 'nginx' }) }));
    for (const secret of [bootstrap, key.slice(19)])
      expect(both.some(serve => (serve.stdout() + serve.stderr()).includes(secret))).toBe(false);
  });

  test('a port that is taken ends the start in a line', async () => {
    const it = await installation();
    const port = new URL(it.simulator.url).port;
    const serve = start(['serve'], { ...it.environment, PORT: port });
    expect([await serve.ended, serve.stderr()]).toEqual([1, expect.stringContaining(`port ${port}: it is taken`)]);
  });
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

describe('demo', stops, () => {
  function home(): string {
    const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-demo-'));
    // As root another user runs the server, and has to get there.
    chmodSync(place, 0o755);
    places.push(place);
    return place;
  }

  /** @returns whether the fleet of a demo that starts now is as it begins: it changes a minute later */
  function asItBegins(): () => boolean {
    const begun = performance.now();
    return () => performance.now() - begun < 60_000;
  }

  test('does everything, is there for commands beside it, leaves no process, and goes on with the same data', async () => {
    const environment = { DATA_DIR: home(), PORT: '0' };
    // Who has a policy already keeps it.
    const own = start(['policy', 'apply', 'config/policy.hujson'], environment);
    expect([await own.ended, own.stderr()]).toEqual([0, '']);
    const isFirstUnchanged = asItBegins();
    const demo = start(['demo'], environment);
    await demo.says('Ctrl-C ends it');
    expect(demo.stdout()).not.toContain('A sample policy');
    expect(demo.stderr(), 'lines for machines, among those for people').not.toContain('"level"');
    const device = /explain (\S+)/.exec(demo.stdout())?.[1] ?? '';
    const explained = start(['explain', device, '--json'], environment);
    const dryRun = start(['sync', 'demo', '--dry-run', '--json'], environment);
    expect([await explained.ended, explained.stderr(), await dryRun.ended, dryRun.stdout(), dryRun.stderr()]).toEqual([
      0,
      '',
      0,
      expect.any(String),
      expect.any(String),
    ]);
    expect(JSON.parse(explained.stdout())).toMatchObject({ match: { state: 'matched' } });
    const dryRunAgents = isFirstUnchanged() ? 500 : expect.any(Number);
    expect(JSON.parse(dryRun.stdout())).toMatchObject({ agents: dryRunAgents, dryRun: true });
    const second = start(['demo'], environment);
    expect([await second.ended, second.stderr()]).toEqual([1, expect.stringContaining('a demo runs in')]);
    const server = Number(
      readFileSync(
        path.join(realpathSync(path.join(environment.DATA_DIR, 'postgres')), 'data/postmaster.pid'),
        'utf8',
      ).split('\n')[0],
    );
    demo.child.kill('SIGINT');
    expect(await demo.ended).toBe(0);
    const wasUnchanged = isFirstUnchanged();
    // Its parent has ended: whoever inherits it may need a moment to take note of its end.
    await until(async () => isGone(server));

    const { port } = JSON.parse(readFileSync(path.join(environment.DATA_DIR, 'demo.json'), 'utf8'));
    const squatter = await createSimulator({ agents: 1, port });
    const isSecondUnchanged = asItBegins();
    const again = start(['demo', '--json'], environment);
    await again.says('"sync"');
    const isUnchanged = wasUnchanged && isSecondUnchanged();
    await squatter.close();
    expect(again.stderr()).toContain('listens on another one');
    expect(JSON.parse(again.stdout())).toMatchObject({
      samplePolicy: false,
      sync: { outcome: 'succeeded', ...(isUnchanged ? { agents: 500, attributes: { set: 0, removed: 0 } } : {}) },
    });
    const kept = start(['policy', 'show'], environment);
    expect([await kept.ended, kept.stdout()]).toEqual([0, readFileSync('config/policy.hujson', 'utf8')]);
    again.child.kill('SIGINT');
    expect(await again.ended).toBe(0);
  });

  /** Does what a line says, as a shell would; commands answer in JSON. */
  async function follow(line = ''): Promise<{ status: unknown; answers: Record<string, unknown>[] }> {
    const [, body, method = 'POST', url = ''] = /^curl (?:-d '(.+)'|-X (\w+)) (\S+)$/.exec(line) ?? [];
    if (url !== '') {
      // As curl sends it.
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const { status } = await fetch(url, { method, headers, ...(body ? { body } : {}) });
      return { status, answers: [] };
    }
    const command = start(['-c', `${line} --json`], {}, '/bin/sh');
    const status = await command.ended;
    const lines = command
      .stdout()
      .split('\n')
      .filter(answer => answer !== '');
    if (lines.length === 0) throw new Error(`${line} ends with ${status}: ${command.stderr()}`);
    return { status, answers: lines.map(answer => JSON.parse(answer)) };
  }

  test('tells what it did in figures that commands confirm, and what to try next, which works', async () => {
    const isUnchanged = asItBegins();
    const demo = start(['demo'], { DATA_DIR: home(), PORT: '0' });
    await demo.says('Ctrl-C ends it');
    const [done = '', next = ''] = demo.stdout().split('To try in a second terminal:');
    const figure = (name: string) => Number(new RegExp(`^${name} +(\\d+)`, 'm').exec(done)?.[1]);
    const unmatched = Object.fromEntries(
      [...done.matchAll(/^ +not matched +(\d+) +(\w+)$/gm)].map(([, n, reason = '']) => [reason, Number(n)] as const),
    );
    const [agents, matched] = [figure('agents read'), figure('matched to a device')];
    if (isUnchanged()) expect(agents).toBe(500);
    const sum = (counts: Record<string, number>) => Object.values(counts).reduce((all, n) => all + n);
    expect(matched + sum(unmatched)).toBe(agents);
    expect(unmatched).toMatchObject({ no_serial: expect.any(Number), serial_on_several_devices: expect.any(Number) });

    const steps = [...next.matchAll(/^ {2}(\S.*?) {2,}\S/gm)].map(([, step]) => step);
    expect(steps).toHaveLength(14);
    const [withPosture, without, show, ...others] = steps;
    const [policy, healthy, impact, key, admin, audit, dryRun, vanish, sync, recover, expire] = others;
    const ok = (...answers: unknown[]) => ({ status: 0, answers });
    // These first: in a minute the fleet will have changed.
    const shown = await follow(show);
    const status = isUnchanged() ? { providerHostCount: agents, matchedCount: matched } : expect.any(Object);
    expect(shown).toMatchObject(ok({ state: 'active', status }));
    const planned = await follow(dryRun);
    expect(planned).toMatchObject(ok({ dryRun: true, ...(isUnchanged() ? { agents, matched, unmatched } : {}) }));
    expect(await follow(withPosture)).toMatchObject(ok({ match: { state: 'matched' } }));
    expect(await follow(without)).toMatchObject(ok({ match: { reason: 'serial_on_several_devices' } }));
    const entries = (await follow(audit)).answers.filter(entry => /^NODE\..*\.ATTRIBUTES$/.test(String(entry.event)));
    // Later syncs have revisions of their own.
    const ofFirst = entries.filter(entry => entry.eventGroupID === entries[0]?.eventGroupID);
    expect(ofFirst).toHaveLength(figure('audit events'));
    const written = ofFirst.reduce((sum, entry) => sum + Object.keys(Object(entry.new)).length, 0);
    expect(written).toBe(figure('attributes written'));

    expect(done).toContain('A sample policy is in force, to be edited there or as a file: config/demo-policy.hujson\n');
    const sample = readFileSync('config/demo-policy.hujson', 'utf8');
    expect(await follow(policy)).toMatchObject(ok({ inForce: true, text: sample }));
    await expect.poll(() => follow(healthy)).toMatchObject(ok({ asOf: { isCurrent: true } }));
    const changes = await follow(impact);
    expect([changes.status, changes.answers.at(-1)]).toMatchObject([0, { ok: true, destinations: expect.any(Array) }]);
    expect(await follow(key)).toMatchObject(ok({ scopes: ['gateway:decide'] }));
    const made = await follow(admin);
    expect(made).toMatchObject(ok({ scopes: ['all'] }));
    const api = async (method: string, path: string, body?: object) => {
      const base = /(http:\/\/\S+)\/healthz/.exec(done)?.[1];
      const authorization = `Bearer ${(made.answers[0] as { key: string }).key}`;
      const headers = { authorization, 'content-type': 'application/json' };
      const answer = await fetch(`${base}/api/v2${path}`, {
        method,
        headers,
        body: body ? JSON.stringify(body) : null,
      });
      return { status: answer.status, body: await answer.json() };
    };
    // In each posture of the sample some devices pass, some fail, and of some it is not known.
    const { postures } = (await api('GET', '/tailnet/-/postures')).body as { postures: Record<string, number>[] };
    expect(postures.map(({ posture }) => posture)).toEqual(['posture:healthy', 'posture:hardened', 'posture:seen']);
    for (const { passing, failing, unknown } of postures)
      expect(Math.min(passing ?? 0, failing ?? 0, unknown ?? 0)).toBeGreaterThan(0);
    // The pretended console may be changed and tested over HTTP too.
    const listed = (await api('GET', '/tailnet/-/posture/integrations')).body as { integrations: { id: string }[] };
    const one = `/posture/integrations/${listed.integrations[0]?.id}`;
    expect(await api('PATCH', one, { holdFloor: 3 })).toMatchObject({ status: 200, body: { holdFloor: 3 } });
    expect(await api('POST', `${one}/test`)).toMatchObject({ status: 200, body: { result: { ok: true } } });

    expect(await follow(vanish)).toMatchObject({ status: 200 });
    expect(await follow(sync)).toMatchObject({ status: 1, answers: [{ outcome: 'held', attributes: { removed: 0 } }] });
    expect(await follow(recover)).toMatchObject({ status: 200 });
    expect(await follow(sync)).toMatchObject(ok({ outcome: 'succeeded', attributes: { withheld: 0 } }));
    expect(await follow(expire)).toMatchObject({ status: 200 });
    demo.child.kill('SIGINT');
    expect(await demo.ended).toBe(0);
  });

  test('keeps away from an installation of one’s own', async () => {
    const environment = { DATA_DIR: home() };
    expect(await start(['device', 'add', 'd1'], environment).ended).toBe(0);
    const demo = start(['demo'], environment);
    expect([await demo.ended, demo.stderr()]).toEqual([
      1,
      expect.stringContaining('set DATA_DIR to another directory'),
    ]);
  });
});
