// A provider in memory: a list of agents that tests change between runs, pages of a chosen size, and failures by script. It
// stands at the border where the outside world is faked; everything behind it is the real thing.
import { z } from 'zod';
import { ProviderError, type ProviderErrorKind } from '../../src/errors.ts';
import type { AttributeSpec } from '../../src/posture/attributes.ts';
import type { Agent, AgentPage, AgentQuery, Provider } from '../../src/providers/provider.ts';

export const fakeAttributes: readonly AttributeSpec[] = [
  { name: 'fake:isActive', type: 'boolean', about: '' },
  { name: 'fake:threats', type: 'number', about: '' },
  { name: 'fake:state', type: 'string', about: '' },
  { name: 'fake:lastSeen', type: 'time', about: '', resolutionMs: 6 * 3_600_000 },
];

/** What a console holds, and how it misbehaves. */
export class FakeConsole {
  agents = new Map<string, Agent>();
  /** Ids whose rows come, but cannot be read. */
  unreadable = new Set<string>();
  /** Ids whose rows come without their id. */
  nameless = new Set<string>();
  /** Ids of which a second row comes that cannot be read. */
  hollow = new Set<string>();
  pageSize = 3;
  /** Thrown instead of the page of that number, from 0; `some` counts asking by id. */
  fail: { page: number | 'some'; kind: ProviderErrorKind; retryAfterMs?: number } | null = null;
  /** Added to the true total. */
  totalOff = 0;
  /** Agents that no sweep shows although they are there when asked for by id. */
  hidden = new Set<string>();
  /** Rows that come twice. */
  repeated = new Set<string>();
  account: AgentPage['account'] = { scope: ['Account / Site'], tokenExpiresAt: null };
  /** Every query asked. */
  queries: AgentQuery[] = [];
  /** Called before each page, for stopping and looking in the middle. */
  beforePage: (page: number) => Promise<void> | void = () => {};
  /** The same before it answers for some agents. */
  beforeSome: () => Promise<void> | void = () => {};

  set(...agents: Agent[]): this {
    for (const agent of agents) this.agents.set(agent.id, agent);
    return this;
  }
}

/** An agent with one serial and everything fine; `change` says what differs. */
export function fakeAgent(id: string, serial: string | null, change: Partial<Agent> = {}): Agent {
  return {
    id,
    hostname: `host-${id}`,
    identifiers: serial === null ? [] : [{ kind: 'serial', value: serial }],
    decommissioned: false,
    active: true,
    registeredAt: new Date('2026-01-01T00:00:00Z'),
    lastActiveAt: null,
    values: { 'fake:isActive': true, 'fake:threats': 0, 'fake:state': 'na' },
    ...change,
  };
}

const Settings = z.object({
  url: z.string(),
  token: z.string().meta({ secret: true }),
  requestsPerSecond: z.number().default(20),
  console: z.string().default(''),
});

/** @param consoleOf the console that an integration's settings mean */
export function fakeProvider(
  consoleOf: (settings: { console: string }) => FakeConsole,
  id = 'fake',
): Provider<typeof Settings> {
  return {
    id,
    title: 'Fake',
    guide: null,
    namespace: 'fake',
    Settings,
    attributes: fakeAttributes,
    reads: ['all', 'some'],
    someAtOnce: 2,
    limits: { requestsPerSecond: 1000, atOnce: 1, pageTimeoutMs: 1000 },
    async *agents(settings, query, { signal }) {
      const it = consoleOf(settings);
      it.queries.push(query);
      const failAt = (page: number | 'some') => {
        if (it.fail?.page === page)
          throw new ProviderError(it.fail.kind, `scripted ${it.fail.kind}`, {
            retryAfterMs: it.fail.retryAfterMs ?? null,
          });
      };
      const sorted = [...it.agents.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      if (query.kind === 'some') {
        await it.beforeSome();
        signal.throwIfAborted();
        failAt('some');
        const wanted = [...it.agents.values()]
          .sort((a, b) => (a.id < b.id ? -1 : 1))
          .filter(
            ({ id, identifiers }) =>
              query.ids.includes(id) || identifiers.some(({ value }) => query.serials.some(s => value.includes(s))),
          );
        yield page(it, wanted, null);
        return { claimedTotal: null };
      }
      const listed = sorted
        .filter(agent => !agent.decommissioned && !it.hidden.has(agent.id))
        .flatMap(agent => (it.repeated.has(agent.id) ? [agent, agent] : [agent]));
      const total = new Set(listed.map(agent => agent.id)).size + it.totalOff;
      for (let n = 0; n === 0 || n * it.pageSize < listed.length; n++) {
        await it.beforePage(n);
        signal.throwIfAborted();
        failAt(n);
        const answer = page(it, listed.slice(n * it.pageSize, (n + 1) * it.pageSize), n === 0 ? total : null);
        yield n === 0 && it.account ? { ...answer, account: it.account } : answer;
      }
      return { claimedTotal: it.totalOff === 0 ? null : total };
    },
  };
}

function page(it: FakeConsole, agents: Agent[], claimedTotal: number | null): AgentPage {
  const skipped = agents.flatMap(({ id }): { id: string | null; reason: string }[] => {
    if (it.nameless.has(id)) return [{ id: null, reason: 'scripted' }];
    return it.unreadable.has(id) || it.hollow.has(id) ? [{ id, reason: 'scripted' }] : [];
  });
  return {
    agents: agents.filter(({ id }) => !it.unreadable.has(id) && !it.nameless.has(id)),
    skipped,
    claimedTotal,
    unset: {},
  };
}
