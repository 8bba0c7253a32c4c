// A simulated console for a test, on a clock that stands still, and the requests that tests make of it.
import { onTestFinished } from 'vitest';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts';

export const noon = new Date('2026-11-20T12:00:00.000Z');

/** A console that ends with the test. No rate limit and no compression unless asked for. */
export async function simulate(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await createSimulator({
    agents: 300,
    seed: 7,
    now: () => noon,
    requestsPerSecond: null,
    gzip: false,
    ...options,
  });
  onTestFinished(() => simulator.close());
  return simulator;
}

export interface Row {
  id?: string;
  [field: string]: unknown;
}

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  data: Row[];
  nextCursor: string | null;
  totalItems: number;
  errors: { code: number; title: string; detail: string | null }[] | undefined;
}

/** Asks for a path below /web/api/v2.1 with the simulator's token. Bodies that are no JSON leave the fields empty. */
export async function ask(simulator: Simulator, path: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(`${simulator.url}/web/api/v2.1${path}`, {
    headers: { authorization: `ApiToken ${simulator.token}` },
    redirect: 'manual',
    ...init,
  });
  const text = await response.text();
  const body = parsed(text);
  return {
    status: response.status,
    headers: response.headers,
    text,
    data: body?.data ?? [],
    nextCursor: body?.pagination?.nextCursor ?? null,
    totalItems: body?.pagination?.totalItems ?? -1,
    errors: body?.errors,
  };
}

interface Body {
  data?: Row[];
  pagination?: { nextCursor: string | null; totalItems: number };
  errors?: { code: number; title: string; detail: string | null }[];
}

function parsed(text: string): Body | null {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return null;
  }
}

export const sweepQuery = 'sortBy=id&sortOrder=asc&isDecommissioned=False&isUninstalled=False';

/** Reads pages until the last one, or until `most` were read. The cursor goes back as it came. */
export async function walk(simulator: Simulator, limit = 100, query = sweepQuery, most = 100): Promise<Reply[]> {
  const pages: Reply[] = [];
  let cursor: string | null = null;
  do {
    const page: Reply = await ask(simulator, `/agents?limit=${limit}&${query}${cursor ? `&cursor=${cursor}` : ''}`);
    pages.push(page);
    cursor = page.nextCursor;
  } while (cursor !== null && pages.length < most);
  return pages;
}

export function ids(pages: readonly Reply[]): string[] {
  return pages.flatMap(page => page.data.map(row => row.id ?? ''));
}
