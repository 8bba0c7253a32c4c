// The OpenAPI file as a document: of a service that has all its routes and nothing behind them.
import { addOpenApi } from '../api/openapi.ts';
import type { FeedParts } from '../gateway/changes.ts';
import { createServer } from '../http/server.ts';
import { createStreams } from '../http/streams.ts';
import { createLog } from '../log.ts';
import { addRoutes, type RouteParts } from './service.ts';

/** Whoever is asked for anything fails: routes are added and never called. */
const nothing = {} as never;

/** @returns the text of docs/openapi.json */
export async function openApiDocument(): Promise<string> {
  const server = await createServer({
    log: createLog('silent'),
    trustedProxies: [],
    keys: nothing,
    refusals: nothing,
    unreadiness: async () => [],
    describe: fresh => addOpenApi(fresh, { version: '0', publicUrl: 'http://127.0.0.1:8080' }),
  });
  const known = {
    publicUrl: 'http://127.0.0.1:8080',
    identifyBy: [],
    trustedProxies: [],
    tailnet: 'default',
    viewed: null,
    signIn: { openId: null },
  };
  addRoutes(server, known as unknown as RouteParts, { streams: createStreams(server) } as FeedParts);
  await server.ready();
  const document = server.swagger();
  await server.close();
  return `${JSON.stringify(document, null, 2)}\n`;
}
