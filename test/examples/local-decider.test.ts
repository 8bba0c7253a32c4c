// The example of a local decider, as a process of its own: it follows a real service, which is then cut off, and decides as the
// service's own functions do.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type FollowContext, startFollowing } from '../../src/gateway/follow.ts';
import { createLog } from '../../src/log.ts';
import { setAttribute } from '../../src/operations/attributes.ts';
import { removeDevice } from '../../src/operations/devices.ts';
import { applyPolicy, policyCatalogue } from '../../src/operations/policies.ts';
import { decide } from '../../src/posture/decide.ts';
import { root } from '../support/checkout.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { type FedService, startFeeding } from '../support/feed.ts';
import '../support/registered.ts';
import { createWorld, tester, type World } from '../support/world.ts';

/** Of which a test reads what it expects. */
// biome-ignore lint/suspicious/noExplicitAny: what is not there reads as undefined, and fails the test
type Answer = any;

const policy = `{
  "postures": {
    "posture:healthy": ["fake:isActive", "fake:threats == 0"],
    "posture:fresh": ["fake:state == 'na' WITHIN '1h'"],
    "posture:approved": ["custom:ok == true"],
  },
  "groups": { "group:eng": ["anna@example.com"] },
  "tagOwners": { "tag:laptop": [] },
  "hosts": { "wiki": "10.0.0.5" },
  "acls": [
    { "action": "accept", "src": ["group:eng"], "dst": ["wiki:443"], "srcPosture": ["posture:healthy"] },
    { "action": "accept", "src": ["tag:laptop"], "dst": ["wiki:80"], "srcPosture": ["posture:fresh"] },
    { "action": "accept", "src": ["10.9.0.0/16"], "dst": ["wiki:22"], "srcPosture": [] },
    { "action": "accept", "src": ["tag:laptop"], "dst": ["wiki:8443"], "srcPosture": ["posture:approved"] },
  ],
}`;

const program = path.join(root, 'examples/local-decider/main.ts');

interface Decider {
  child: ChildProcess;
  ask(path: string): Promise<Answer>;
  stop(): Promise<void>;
}

async function startDecider(url: string, key: string, ...more: string[]): Promise<Decider> {
  const child = spawn(process.execPath, [program, '--url', url, '--port', '0', ...more], {
    env: { ...process.env, KEY: key },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  onTestFinished(stop);
  const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const [address] = /http:\S+/.exec(line.value ?? '') ?? expect.fail(String(line.value));
  return { child, stop, ask: async path => await (await fetch(`${address}${path}`)).json() };
}

describe('what the local decider cannot start with is told in plain words:', () => {
  it.each([
    ['an unknown option', ['--nope'], 2, /^usage: /],
    ['no address', ['--url', 'nonsense'], 2, /^usage: /],
    [
      'a key that is not there',
      ['--url', 'http://127.0.0.1:1', '--key-file', '/nope'],
      1,
      /^the key cannot be read: .+\n$/,
    ],
    ['a port that is taken', ['--url', 'http://127.0.0.1:1', '--port', 'TAKEN'], 1, /^cannot answer: .+\n$/m],
  ])('%s', async (_, options, status, says) => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const child = spawn(process.execPath, [program, ...options.map(option => option.replace('TAKEN', String(port)))], {
      env: { ...process.env, KEY: 'a key' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect([code, stderr]).toEqual([status, expect.stringMatching(says)]);
    expect(stderr).not.toContain('    at ');
  });
});

describe('the local decider', () => {
  let world: World;
  let service: FedService;
  let directory: string;

  beforeEach(async () => {
    world = await createWorld();
    // It reckons ages by its own clock.
    world.pass(Date.now() - world.now().getTime() - 60_000);
    directory = mkdtempSync(path.join(tmpdir(), 'posture-sync-decider-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const console = await world.integration('hq', { hold_floor: 0, hold_share: 0 });
    const about = { user: 'anna@example.com', tags: ['tag:laptop'] };
    const ids = ['healthy', 'threatened', 'unreadable', 'gone', 'unknown'];
    for (const id of ids) {
      await world.devices({ id, ...about, serialNumbers: [`SER-${id}`] });
      const values = { 'fake:isActive': true, 'fake:threats': id === 'threatened' ? 2 : 0, 'fake:state': 'na' };
      if (id !== 'unknown') console.set(fakeAgent(id, `SER-${id}`, { values }));
    }
    await world.devices({ id: 'elsewhere', addresses: ['10.9.1.1'] }, { id: 'removed', ...about });
    world.pass(-3 * 3_600_000);
    await world.sync('hq');
    console.unreadable.add('unreadable');
    console.agents.delete('gone');
    world.pass(3 * 3_600_000 - 120_000);
    await world.sync('hq');
    const request = { db: world.db, now: world.now, actor: tester };
    await setAttribute(request, 'healthy', 'custom:ok', { value: true });
    await setAttribute(request, 'unknown', 'custom:ok', { value: true, expiry: inMs(24 * 3_600_000) });
    await setAttribute(request, 'threatened', 'custom:ok', { value: false });
    // It has expired by the clock of whoever decides, and nobody removed it.
    await setAttribute(request, 'gone', 'custom:ok', { value: true, expiry: inMs(1_000) });
    await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text: policy, ifRevision: null });
    service = await startFeeding(world);
  });

  const inMs = (ms: number) => new Date(world.now().getTime() + ms).toISOString();

  /** What the service's own functions decide, by its own view. */
  async function expected(): Promise<Record<string, Answer>> {
    const log = createLog('silent', { write: () => {} });
    const context: FollowContext = {
      databaseUrl: world.database.url,
      catalogue: policyCatalogue(),
      moving: ['fake:lastSeen'],
      log,
    };
    const follower = startFollowing(context);
    await expect.poll(() => follower.known()).not.toBeNull();
    const known = follower.known();
    await follower.stop();
    const inForce = known?.policy?.policy ?? expect.fail('there is no policy');
    return Object.fromEntries(
      questions().map(([name, id, port]) => {
        const device = known?.view.device(id) ?? null;
        return [name, decide(inForce, { device, destination: { host: 'wiki', port } }, Date.now())];
      }),
    );
  }

  function questions() {
    const ids = ['healthy', 'threatened', 'unreadable', 'gone', 'unknown', 'elsewhere', 'removed', 'nobody', 'late'];
    return ids.flatMap(id => [443, 80, 22, 8443].map(port => [`${id} ${port}`, id, port] as const));
  }

  async function decided(decider: Decider): Promise<Record<string, Answer>> {
    const answers: Record<string, Answer> = {};
    for (const [name, id, port] of questions()) {
      const { revision, copyAgeMs, ...decision } = await decider.ask(`/decide?device=${id}&host=wiki&port=${port}`);
      expect([revision > 0, copyAgeMs >= 0]).toEqual([true, true]);
      answers[name] = decision;
    }
    return answers;
  }

  /** Until when it stands hangs on the moment it was asked. */
  const comparable = (answers: Record<string, Answer>) =>
    JSON.parse(JSON.stringify(answers, (name, value) => (name === 'ageMs' ? null : value)));

  it('decides as the service does, also what changed since its snapshot, with the service cut off, and after a restart', async () => {
    const kept = path.join(directory, 'copy.ndjson');
    const decider = await startDecider(service.url, service.reader, '--keep', kept);
    await expect.poll(async () => (await decider.ask('/status'))?.devices).toBe(7);
    await world.devices({ id: 'late', user: 'anna@example.com', serialNumbers: ['SER-late'] });
    await removeDevice({ db: world.db, now: world.now, actor: tester }, 'removed');
    const { rows } = await world.db.query('select revision from head');
    await expect.poll(async () => (await decider.ask('/status'))?.revision).toBe(rows[0].revision);
    const truth = await expected();
    await service.running.stop();
    const answers = await decided(decider);
    expect(comparable(answers)).toEqual(comparable(truth));
    expect(['healthy', 'unknown', 'threatened', 'gone'].map(id => answers[`${id} 8443`].allowed)).toEqual([
      true,
      true,
      false,
      false,
    ]);
    // The cases are not all alike.
    const outcomes = new Set(Object.values(answers).map(({ outcome }) => outcome));
    expect(outcomes).toEqual(new Set(['allowed', 'posture', 'no_rule', 'no_device']));
    const bySerial = await decider.ask('/decide?serial=%20ser-healthy&host=wiki&port=443');
    expect(bySerial).toMatchObject({ allowed: true, posture: 'posture:healthy' });
    await decider.stop();
    const again = await startDecider(service.url, service.reader, '--keep', kept);
    expect(comparable(await decided(again))).toEqual(comparable(truth));
    await again.stop();
    // One that is not whole decides nothing.
    const text = readFileSync(kept, 'utf8');
    writeFileSync(kept, text.slice(0, text.lastIndexOf('{"end"')));
    const without = await startDecider(service.url, service.reader, '--keep', kept);
    expect(await without.ask('/decide?device=healthy')).toMatchObject({ allowed: false, outcome: 'copy_stale' });
  });

  it('denies when its copy is too old, and says how old it is', async () => {
    const decider = await startDecider(service.url, service.reader, '--max-age', '600');
    const ask = () => decider.ask('/decide?device=healthy&host=wiki&port=443');
    await expect.poll(async () => (await ask()).allowed).toBe(true);
    world.pass(-1_200_000);
    // What comes now was true twenty minutes ago.
    await world.devices({ id: 'late' });
    await expect.poll(ask).toMatchObject({ allowed: false, outcome: 'copy_stale' });
    expect((await ask()).copyAgeMs).toBeGreaterThan(1_200_000);
  });
});
