// Every route that there is against every scope, as the router has them: a new route cannot be forgotten.
import { describe, expect, it } from 'vitest';
import { addOpenApi } from '../../src/api/openapi.ts';
import { openApiDocument } from '../../src/cli/openapi-document.ts';
import { addRoutes, type RouteParts } from '../../src/cli/service.ts';
import type { FeedParts } from '../../src/gateway/changes.ts';
import { anyKey, noKey } from '../../src/http/guard.ts';
import { createStreams } from '../../src/http/streams.ts';
import { includes, isScope, type Scope, scopes } from '../../src/posture/scopes.ts';
import { startService } from '../support/http.ts';
import { send } from '../support/wire-request.ts';

interface Operation {
  'x-scope': string;
  operationId?: string;
  summary?: string;
  parameters?: { name: string; in: string }[];
  responses: Record<string, { description: string; content?: object }>;
}

const document = JSON.parse(await openApiDocument()) as { paths: Record<string, Record<string, Operation>> };
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    route: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path: path.replace(/\{\w+\}/g, 'x'),
    needs: operation['x-scope'],
    operation,
  })),
);

/** What needs no key, and what it answers where nothing is sent. */
const open = new Map([
  ...['GET /healthz', 'GET /readyz', 'GET /api/v2/sign-in'].map(route => [route, 200] as const),
  ...operations.flatMap(({ route }) => (route.includes('/.well-known/') ? [[route, 200] as const] : [])),
  // People sign in, where nobody said by which provider.
  ...[['POST /api/v2/session', 400] as const, ['GET /sign-in/openid', 404] as const],
  ['GET /sign-in/openid/callback', 404],
]);

/** Every scope that does not include this one. */
const allBut = (needed: Scope) => scopes.filter(scope => !includes(scope, needed));

describe('a route', () => {
  it('is refused to whoever has no key, and to a key with every scope but its own, which is named', async () => {
    // Nothing stands behind the routes: whoever gets so far is answered 500, and was let through.
    const known = {
      publicUrl: 'http://127.0.0.1:8080',
      identifyBy: [],
      trustedProxies: [],
      tailnet: 'x',
      builtPages: '/dist/web',
      viewed: null,
      signIn: { openId: null },
    };
    const service = await startService({
      isWhole: true,
      routes: async server => {
        await addOpenApi(server, { version: '0', publicUrl: known.publicUrl });
        addRoutes(server, known as unknown as RouteParts, { streams: createStreams(server) } as FeedParts);
      },
    });
    const keys = new Map<string, string>();
    for (const needed of new Set(operations.map(({ needs }) => needs)))
      if (isScope(needed)) keys.set(needed, await service.key(`not ${needed.replaceAll(':', '.')}`, allBut(needed)));
    const poor = await service.key('poor', ['devices:report']);
    const found: unknown[] = [];
    for (const { route, method, path, needs } of operations) {
      const ask = async (key?: string) => {
        const headers = key === undefined ? [] : [['Authorization', `Bearer ${key}`] as const];
        const answer = await send(service.url, path, { method, headers });
        const text = answer.body;
        return { status: answer.status, names: method === 'HEAD' || text.includes(`"${needs}\\"`) };
      };
      const [nobody, stranger] = [await ask(), await ask('psk_wrong')];
      const other = await ask(needs === anyKey || needs === noKey ? poor : keys.get(needs));
      found.push([route, nobody.status, stranger.status, other.status, other.names]);
    }
    for (const [i, { route, path, needs }] of operations.entries()) {
      const isOpen = open.has(route);
      expect([route, needs === noKey]).toEqual([route, isOpen]);
      const status = open.get(route) ?? 401;
      // It takes any key that may read something of what it tells, as live.test.ts shows.
      const given = path.endsWith('/live') ? 403 : (open.get(route) ?? 200);
      if (needs === anyKey || isOpen) expect(found[i]).toMatchObject([route, status, status, given, expect.anything()]);
      else expect(found[i]).toEqual([route, 401, 401, 403, true]);
    }
  });

  it('has a name of its own, by which generated clients call it, and says what it takes and answers', () => {
    const names = operations.map(({ operation }) => operation.operationId);
    expect(names.length).toBeGreaterThan(50);
    expect(new Set(names).size).toBe(names.length);
    expect(names).not.toContain(undefined);
    for (const { route, operation } of operations) {
      const { summary, responses, parameters = [] } = operation;
      expect([route, typeof summary]).toEqual([route, 'string']);
      const told = Object.values(responses).filter(({ description }) => description !== 'Default Response');
      const known = Object.values(responses).filter(({ content }) => content !== undefined);
      expect([route, told.length + known.length > 0]).toEqual([route, true]);
      const inPath = parameters.flatMap(({ name, in: place }) => (place === 'path' ? [name] : []));
      const wanted = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect([route, inPath.toSorted()]).toEqual([route, wanted.toSorted()]);
    }
  });
});
