// A service that speaks AuthZEN, for its tests: a real server on a view that follows a real database with a policy in force.
import { expect, onTestFinished } from 'vitest';
import { addAuthZen } from '../../src/gateway/authzen.ts';
import { type Answer, type Asked, createDecider } from '../../src/gateway/decisions.ts';
import { startFollowing } from '../../src/gateway/follow.ts';
import { createLog } from '../../src/log.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { fakeAttributes } from '../support/fake-provider.ts';
import { startService, type TestService } from '../support/http.ts';
import '../support/registered.ts';
import { createWorld, minute, tester, type World } from '../support/world.ts';

/** Of which a test reads what it expects. */
// biome-ignore lint/suspicious/noExplicitAny: what is not there reads as undefined, and fails the test
export type Json = any;

export interface Told {
  status: number;
  headers: Headers;
  body: Json;
}

export interface AuthZen {
  world: World;
  service: TestService;
  /** What was decided, for the decision log. */
  noted: { asked: Asked; answer: Answer }[];
  /** Waits until the view is as new as the database. */
  caughtUp(): Promise<void>;
  apply(policy: object): Promise<void>;
  /** @param body JSON, or a text that is sent as it is */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Told>;
  evaluation(body: unknown): Promise<Told>;
  evaluations(body: unknown): Promise<Told>;
}

export const publicUrl = 'https://posture.example.com/tenant1';

export async function startAuthZen(): Promise<AuthZen> {
  const world = await createWorld();
  const catalogue = createCatalogue(fakeAttributes, null);
  const log = createLog('info', { write: () => {} });
  const follower = startFollowing({ databaseUrl: world.database.url, catalogue, moving: ['fake:lastSeen'], log });
  onTestFinished(() => follower.stop());
  const noted: AuthZen['noted'] = [];
  const decider = createDecider({
    follower,
    catalogue,
    viewMaxAgeMs: 15 * minute,
    now: world.now,
    log,
    decisionLog: { note: (asked, answer) => void noted.push({ asked, answer }) },
  });
  const routes: Parameters<typeof addAuthZen>[1] = { decider, publicUrl };
  const service = await startService({ database: world.database, routes: server => addAuthZen(server, routes) });
  const key = await service.key('pep', ['gateway:decide']);
  const caughtUp = async () => {
    const { rows } = await world.db.query('select revision from head');
    await expect.poll(() => follower.known()?.revision).toBe(rows[0].revision);
  };
  const post: AuthZen['post'] = async (path, body, headers = {}) => {
    const response = await fetch(`${service.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  return {
    world,
    service,
    noted,
    caughtUp,
    async apply(policy) {
      const request = { db: world.db, now: world.now, actor: tester };
      const applied = await applyPolicy(request, { text: JSON.stringify(policy), ifRevision: null });
      expect(applied.check.errors).toEqual([]);
      await caughtUp();
    },
    post,
    evaluation: body => post('/access/v1/evaluation', body),
    evaluations: body => post('/access/v1/evaluations', body),
  };
}
