// `GET /gateway/whoami`: whose key this is and what it may do, to try a key with.
import type { FastifyInstance } from 'fastify';
import { anyKey, callerOf } from '../http/guard.ts';
import { whoami as described } from './described.ts';

export function addWhoami(server: FastifyInstance): void {
  server.get('/gateway/whoami', { config: { scope: anyKey, described } }, async request => {
    const { id, name, scopes, expiresAt } = callerOf(request);
    return { key: { id, name, scopes, expiresAt } };
  });
}
