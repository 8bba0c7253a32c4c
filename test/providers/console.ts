// A SentinelOne console made of nock, for the provider's tests: queries in, bodies out.
import nock from 'nock';
import { afterEach, expect } from 'vitest';
import type { AgentQuery } from '../../src/providers/provider.ts';
import { sentinelone } from '../../src/providers/sentinelone/index.ts';
import { stopGuarding } from '../support/network.ts';
import { collect, contextOf, openWay, secret } from './support.ts';

// nock refuses what it was not told to answer, and would ask the guard of the net before it answers. Only here: every
// connection, those to the database too, would pass through what it puts in between.
nock.restore();
stopGuarding();
nock.activate();
nock.disableNetConnect();
nock.enableNetConnect(/^127\.0\.0\.1(:\d+)?$/);
afterEach(() => nock.cleanAll());

export const consoleUrl = 'https://usea1-011.sentinelone.net';

/** A whole agent as the API has it; `changes` replace fields, undefined removes them. */
export function row(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: '1000000000000000001',
    uuid: 'ff819e70af13be381993075eb0ce5f2f',
    computerName: 'Ada’s MacBook',
    serialNumber: 'C02XL0GYJGH5',
    isActive: true,
    agentVersion: '24.1.2.6',
    activeThreats: 0,
    infected: false,
    firewallEnabled: true,
    encryptedApplications: true,
    operationalState: 'na',
    networkStatus: 'connected',
    isUpToDate: true,
    threatRebootRequired: false,
    isDecommissioned: false,
    isUninstalled: false,
    lastActiveDate: '2026-11-20T09:48:48.123456Z',
    registeredAt: '2025-01-02T03:04:05.678901Z',
    updatedAt: '2026-11-20T09:31:00.000000Z',
    accountName: 'Account One',
    siteName: 'Site A',
    ...changes,
  };
}

/** Rows with rising ids. */
export function rows(count: number, from = 1): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, index) => {
    const id = String(1_000_000_000_000_000_000n + BigInt(from + index));
    return row({ id, serialNumber: `SERIAL${from + index}` });
  });
}

export function page(data: unknown, nextCursor: unknown = null, totalItems: unknown = 0): Record<string, unknown> {
  return { data, pagination: { nextCursor, totalItems } };
}

/** Whatever is asked of /agents is answered by these in turn. @returns the queries, as they were on the wire */
export function answerAgents(...bodies: unknown[]): string[] {
  const queries: string[] = [];
  for (const body of bodies) {
    nock(consoleUrl)
      .get('/web/api/v2.1/agents')
      .query(true)
      .matchHeader('authorization', `ApiToken ${secret}`)
      .reply(200, (request: Request) => {
        queries.push(new URL(request.url).search.slice(1));
        return body as nock.Body;
      });
  }
  return queries;
}

export interface Settings {
  siteIds?: string[];
  accountIds?: string[];
  token?: string;
}

/** Asks the provider and reads to the end. */
export function ask(query: AgentQuery = { kind: 'all' }, settings: Settings = {}) {
  const whole = { url: consoleUrl, token: secret, requestsPerSecond: 20, ...settings };
  return collect(sentinelone.agents(whole, query, contextOf(openWay(consoleUrl))));
}

/** Reads one row. */
export async function read(changes: Record<string, unknown>) {
  answerAgents(page([row(changes)], null, 1));
  const { pages, error } = await ask({ kind: 'changed', since: new Date(0) });
  expect(error).toBeNull();
  const [first] = pages;
  if (!first) throw new Error('no page came');
  return { page: first, agent: first.agents[0] ?? null };
}
