// What the provider tests share: a way out that does not wait, pages collected, failures caught and searched for secrets.
import http from 'node:http';
import { inspect } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import { ProviderError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { createEgress, type EgressOptions, type OpenOptions } from '../../src/providers/http.ts';
import type { AgentPage, ProviderContext, ProviderHttp } from '../../src/providers/provider.ts';

export const secret = 'planted-secret-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEFGHIJKLMNOP';

/** A way out to an allowed host: at once, without pauses between attempts. */
export function openWay(baseUrl: string, options: Partial<EgressOptions & OpenOptions> = {}): ProviderHttp {
  const egress = createEgress({
    allowedHosts: [new URL(baseUrl).host],
    log: createLog('silent'),
    unauthorizedRepeatMs: 0,
    ...options,
    retries: { baseMs: 0, capMs: 5_000, ...options.retries },
  });
  onTestFinished(() => egress.close());
  return egress.open({
    baseUrl,
    credential: secret,
    limits: { requestsPerSecond: 25, atOnce: 2, pageTimeoutMs: 10_000 },
    requestsPerSecond: 10_000,
    ...options,
  });
}

export function contextOf(way: ProviderHttp, signal: AbortSignal = new AbortController().signal): ProviderContext {
  return { http: way, signal, now: () => new Date('2026-11-20T12:00:00.000Z') };
}

/** Reads to the end. `error` is what ended it, if anything did. */
export async function collect(reading: AsyncGenerator<AgentPage, { claimedTotal: number | null }>) {
  const pages: AgentPage[] = [];
  try {
    for (;;) {
      const step = await reading.next();
      if (step.done) return { pages, claimedTotal: step.value.claimedTotal, ids: idsOf(pages), error: null };
      pages.push(step.value);
    }
  } catch (error) {
    return { pages, claimedTotal: null, ids: idsOf(pages), error };
  }
}

function idsOf(pages: readonly AgentPage[]): string[] {
  return pages.flatMap(page => page.agents.map(agent => agent.id));
}

/** @returns the ProviderError that a promise fails with; the test fails when it does not fail, or otherwise */
export async function failureOf(work: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await work.then(
    () => expect.unreachable('it did not fail'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ProviderError);
  return error as ProviderError;
}

/** Everything of an error that could reach a log or a page, its causes included, as one text. */
export function allOf(error: unknown): string {
  const texts = [inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true })];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    texts.push(at.message, at.stack ?? '', JSON.stringify(at), JSON.stringify(Object.getOwnPropertyDescriptors(at)));
  }
  return texts.join('\n');
}

export interface LocalServer {
  url: string;
  port: number;
  /** Method and path of each request so far. */
  requests: string[];
}

/** A real server on loopback, closed with its connections when the test ends. */
export async function serve(answer: http.RequestListener): Promise<LocalServer> {
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return { url: `http://127.0.0.1:${address.port}`, port: address.port, requests };
}
