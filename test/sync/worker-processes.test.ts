// Workers as real processes over many integrations: the consoles, served from here, notice whether two of them ever sweep
// one at once; all of them work; and one that is killed is followed by another.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../support/checkout.ts';
import { type Random, seeded } from '../support/random.ts';
import { expectWholeLog } from '../support/replay.ts';
import type { WorkOptions } from '../support/work.ts';
import { createWorld, type World } from '../support/world.ts';

const seed = 20_260_302;
const patience = { timeout: 100_000, interval: 50 };
const agentsOnPage = 3;

/** The consoles of all integrations behind one port: who asks, and for which, stands in the token. */
class Consoles {
  /** How many pages each has. */
  readonly pages = new Map<string, number>();
  /** The workers that began a sweep of each, in their order. */
  readonly sweeps = new Map<string, string[]>();
  readonly overlaps: string[] = [];
  /** Called before each page is answered. */
  beforePage: (worker: string, name: string, page: number) => Promise<void> | void = () => {};
  /** Who sweeps each of them now. */
  readonly #on = new Map<string, string>();

  readonly server = http.createServer((request, response) => {
    void this.#answer(request, response);
  });

  /** A worker that is about to be killed finishes none of its sweeps. */
  forget(worker: string): void {
    for (const [name, by] of this.#on) if (by === worker) this.#on.delete(name);
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://console');
    if (url.pathname !== '/web/api/v2.1/agents') return void response.writeHead(404).end();
    const [worker = '', name = ''] = (request.headers.authorization ?? '').replace('ApiToken ', '').split('.');
    const page = Number(url.searchParams.get('cursor') ?? 0);
    const by = this.#on.get(name);
    if (by !== (page === 0 ? undefined : worker))
      this.overlaps.push(`${name}: ${worker} asks for ${page}, ${by} is on`);
    if (page === 0) {
      this.#on.set(name, worker);
      this.sweeps.set(name, [...(this.sweeps.get(name) ?? []), worker]);
    }
    await this.beforePage(worker, name, page);
    const pages = this.pages.get(name) ?? 0;
    const isLast = page + 1 >= pages;
    if (isLast && this.#on.get(name) === worker) this.#on.delete(name);
    const data = Array.from({ length: agentsOnPage }, (_, n) => ({
      id: `${1_000 + page * agentsOnPage + n}`,
      computerName: `${name}-${page}-${n}`,
      serialNumber: `${name}-SER-${page}-${n}`,
      isActive: true,
      infected: false,
    }));
    const pagination = { totalItems: page === 0 ? pages * agentsOnPage : 0, nextCursor: isLast ? null : `${page + 1}` };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data, pagination }));
  }
}

describe('workers as processes', () => {
  let world: World;
  let consoles: Consoles;
  let children: Map<string, ChildProcess>;

  beforeEach(async () => {
    world = await createWorld();
    consoles = new Consoles();
    children = new Map();
    consoles.server.listen(0, '127.0.0.1');
    await once(consoles.server, 'listening');
  });
  afterEach(async () => {
    for (const child of children.values()) child.stdin?.end();
    consoles.server.closeAllConnections();
    await Promise.all([...children.values()].map(ended));
    await new Promise(resolve => consoles.server.close(resolve));
    await world.database.drop();
  });

  async function ended(child: ChildProcess): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  function start(count: number): void {
    for (let i = 0; i < count; i++) {
      const worker = `w${i}`;
      const options: WorkOptions = { databaseUrl: world.database.url, worker, at: world.now().toISOString() };
      const words = [path.join(root, 'test/support/work.ts'), JSON.stringify(options)];
      children.set(worker, spawn(process.execPath, words, { stdio: ['pipe', 'ignore', 'inherit'] }));
    }
  }

  /** Integrations with two to four pages of agents, and a device for the first agent of each page. */
  async function manyIntegrations(count: number, random: Random): Promise<string[]> {
    const address = consoles.server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    const names = Array.from({ length: count }, (_, i) => `i${i}`);
    for (const name of names) {
      consoles.pages.set(name, 2 + random.below(3));
      await world.integration(name, {
        provider: 'sentinelone',
        settings: JSON.stringify({ url, requestsPerSecond: 1_000 }),
      });
    }
    await world.devices(
      ...names.flatMap(name =>
        [0, 1, 2, 3].map(page => ({ id: `${name}-${page}`, serialNumbers: [`${name}-SER-${page}-0`] })),
      ),
    );
    return names;
  }

  const untilServed = (count: number) =>
    expect
      .poll(async () => {
        const { rows } = await world.db.query(
          'select count(*)::int as n from integrations where succeeded_at = $1 and next_sync_at > $1',
          [world.now()],
        );
        return rows[0].n;
      }, patience)
      .toBe(count);

  const runs = async () =>
    (await world.db.query('select integration_id, worker, outcome from sync_runs order by id')).rows;

  async function expectAllWell(names: readonly string[]): Promise<void> {
    expect(consoles.overlaps).toEqual([]);
    const { rows } = await world.db.query("select count(*)::int as n from device_attributes where values <> '{}'");
    expect(rows[0].n).toBe(names.reduce((sum, name) => sum + (consoles.pages.get(name) ?? 0), 0));
    await world.verify();
    await expectWholeLog(world.db);
  }

  it.each([2, 10])('%i processes serve every integration, each by one run at a time', count =>
    seeded(seed + count, async random => {
      const names = await manyIntegrations(2 * count, random);
      const workers = new Set<string>();
      const all = Promise.withResolvers<void>();
      // Nobody gets a page before each of them has a run under way.
      consoles.beforePage = worker => {
        workers.add(worker);
        if (workers.size === count) all.resolve();
        return all.promise;
      };
      start(count);
      await untilServed(names.length);
      const served = await runs();
      expect(served.map(run => run.integration_id).sort()).toEqual(names.map(name => `p${name}`).sort());
      expect(new Set(served.map(run => run.outcome))).toEqual(new Set(['succeeded']));
      expect(new Set(served.map(run => run.worker))).toEqual(new Set(children.keys()));
      expect([...consoles.sweeps.values()].every(sweeps => sweeps.length === 1)).toBe(true);
      await expectAllWell(names);
    }),
  );

  it('a worker that is killed in the middle of a run is followed at once by another', () =>
    seeded(seed, async random => {
      const names = await manyIntegrations(4, random);
      const asked = Promise.withResolvers<string>();
      // Of the first sweep of i0 the second page never comes.
      consoles.beforePage = (worker, name, page) => {
        if (name !== 'i0' || page !== 1 || consoles.sweeps.get('i0')?.length !== 1) return;
        asked.resolve(worker);
        return new Promise<void>(() => {});
      };
      start(2);
      const victim = await asked.promise;
      const child = children.get(victim);
      consoles.forget(victim);
      child?.kill('SIGKILL');
      await untilServed(names.length);
      expect(child?.signalCode).toBe('SIGKILL');
      const [survivor] = [...children.keys()].filter(worker => worker !== victim);
      // Time stands still for them: nothing but the death made it due for the other.
      expect((await runs()).filter(run => run.integration_id === 'pi0')).toEqual([
        { integration_id: 'pi0', worker: victim, outcome: 'abandoned' },
        { integration_id: 'pi0', worker: survivor, outcome: 'succeeded' },
      ]);
      expect(consoles.sweeps.get('i0')).toEqual([victim, survivor]);
      await expectAllWell(names);
    }));
});
