// Many evaluations in one request: others are answered in between.
import { expect, it } from 'vitest';
import { addAuthZen } from '../../src/gateway/authzen.ts';
import type { Decider } from '../../src/gateway/decisions.ts';
import { startService } from '../support/http.ts';

it('lets others have a turn between the evaluations of one request, which are told in their order all the same', async () => {
  let turns = 0;
  const turnsBefore: number[] = [];
  const count = () => {
    turns++;
    if (turnsBefore.length < 5) setImmediate(count);
  };
  const nothing = { posture: null, refusals: [], grounds: [], device: null, validUntil: null, refresh: null };
  const decider: Decider = {
    decide() {
      if (turnsBefore.length === 0) count();
      turnsBefore.push(turns);
      // As long as a large policy takes for many of them.
      const begun = performance.now();
      while (performance.now() - begun < 20);
      const as = { revision: 1, policyRevision: 1, viewAgeMs: 0, at: 0 };
      return { ...nothing, ...as, id: `d${turnsBefore.length}`, allowed: true, outcome: 'allowed', rule: 'acls[0]' };
    },
  };
  const routes: Parameters<typeof addAuthZen>[1] = { decider, publicUrl: 'https://posture.example.com' };
  const service = await startService({ routes: server => addAuthZen(server, routes) });
  const key = await service.key('pep', ['gateway:decide']);
  const one = { subject: { type: 'device', id: 'a' }, action: { name: 'read' }, resource: { type: 'record', id: '7' } };
  const response = await fetch(`${service.url}/access/v1/evaluations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ evaluations: [one, one, one, one, one] }),
  });
  const { evaluations } = (await response.json()) as { evaluations: { context: { id: string } }[] };
  expect(evaluations.map(({ context }) => context.id)).toEqual(['d1', 'd2', 'd3', 'd4', 'd5']);
  expect(new Set(turnsBefore).size).toBe(5);
});
