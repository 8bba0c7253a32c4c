// What another process can switch while the simulator runs, and what the command line starts.
import { expect, onTestFinished, test } from 'vitest';
import { isListed } from '../../src/simulator/agent.ts';
import { inventory } from '../../src/simulator/inventory.ts';
import { type Simulator, startSimulator } from '../../src/simulator/simulator.ts';
import { ask, noon, simulate } from './support.ts';

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function control(simulator: Simulator, method: string, path: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${simulator.url}/simulator${path}`, init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test('faults go on and off over HTTP without a token', async () => {
  const simulator = await simulate();
  const on = await control(simulator, 'POST', '/faults', { name: 'error-500', times: 2 });
  expect(on.body.faults).toEqual([{ name: 'error-500', times: 2, strikes: 0 }]);
  expect((await ask(simulator, '/agents')).status).toBe(500);
  expect((await control(simulator, 'DELETE', '/faults/error-500')).body.faults).toEqual([]);
  expect((await ask(simulator, '/agents')).status).toBe(200);
  await control(simulator, 'POST', '/faults', { name: 'forbidden' });
  await control(simulator, 'DELETE', '/faults');
  expect((await ask(simulator, '/agents')).status).toBe(200);
});

test('wrong control requests are answered 400 and say what is wrong', async () => {
  const simulator = await simulate();
  for (const body of [{ name: 'nonsense' }, { name: 'throttled', page: -1 }, [], 'x']) {
    expect((await control(simulator, 'POST', '/faults', body)).status).toBe(400);
  }
  expect((await control(simulator, 'DELETE', '/faults/nonsense')).status).toBe(400);
  expect((await control(simulator, 'POST', '/advance', { minutes: -1 })).status).toBe(400);
  expect((await control(simulator, 'POST', '/advance', { to: 'soon' })).status).toBe(400);
  expect((await fetch(`${simulator.url}/simulator/other`)).status).toBe(404);
});

test('the fleet can be moved on, with an exact share of changes', async () => {
  const simulator = await simulate();
  const moved = await control(simulator, 'POST', '/advance', { minutes: 15, changePercent: 1 });
  expect(moved.body).toMatchObject({ at: '2026-11-20T12:15:00.000Z', changed: 3 });
  expect((await control(simulator, 'POST', '/advance', { minutes: 60, pace: 0 })).body).toMatchObject({ changed: 0 });
  expect((await control(simulator, 'GET', '')).body).toMatchObject({ listed: 300, at: '2026-11-20T13:15:00.000Z' });
});

test('the inventory is given as lines of JSON', async () => {
  const simulator = await simulate();
  const lines = (await (await fetch(`${simulator.url}/simulator/inventory`)).text()).trimEnd().split('\n');
  expect(lines.map(line => JSON.parse(line))).toEqual(inventory(simulator.fleet));
});

test('control requests do not count', async () => {
  const simulator = await simulate();
  await control(simulator, 'GET', '');
  await ask(simulator, '/agents?limit=3');
  expect(simulator.requests).toMatchObject({ total: 1, ok: 1, pages: 1, rows: 3, byStatus: { 200: 1 } });
  expect(simulator.requests.recent).toEqual(['GET /web/api/v2.1/agents?limit=3']);
});

test('a live fleet moves on to the present at the start of a sweep, not within one', async () => {
  let at = noon;
  const simulator = await simulate({ now: () => at, live: true });
  const first = await ask(simulator, '/agents?limit=100');
  at = new Date(noon.getTime() + 900_000);
  await ask(simulator, `/agents?limit=100&cursor=${first.nextCursor}`);
  expect(simulator.fleet.at).toBe(noon.getTime());
  await ask(simulator, '/agents?limit=100');
  expect(simulator.fleet.at).toBe(at.getTime());
});

test('the command line starts a live console on a free port and refuses figures out of range', async () => {
  const simulator = await startSimulator({ agents: 20, seed: 1, faults: ['error-503:times=1'], requestsPerSecond: 0 });
  onTestFinished(() => simulator.close());
  expect((await ask(simulator, '/agents')).status).toBe(503);
  expect((await ask(simulator, '/agents?limit=100')).totalItems).toBe(simulator.fleet.agents.filter(isListed).length);
  await expect(startSimulator({ agents: -1, seed: 1 })).rejects.toThrow('agents must be a number from 0 to');
  await expect(startSimulator({ agents: 1, seed: 1, port: 70_000 })).rejects.toThrow('port must be');
});

test('closing ends connections that wait for an answer', async () => {
  const simulator = await simulate();
  simulator.setFault('timeout');
  const waiting = ask(simulator, '/agents').catch(() => 'cut');
  await expect.poll(() => simulator.requests.total).toBe(1);
  await simulator.close();
  expect(await waiting).toBe('cut');
});
