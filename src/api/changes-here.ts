// When something was last changed through this process: whoever changed it must read it back, also where an answer could come from
// memory that follows the database.
import type { FastifyInstance, FastifyRequest } from 'fastify';

export interface ChangesHere {
  /** @returns how long ago the last request that may have changed something ended, in ms; 0 while one is under way */
  agoMs(): number;
  /** Somebody is about to be told that a worker's work ended then, or not yet: who knows of it must find what it changed. */
  tell(endedAt: Date | null, at: Date): void;
}

/** What ended longer ago is wherever answers come from: nothing is asked that is 10 s old. */
const justMs = 15_000;

const reading: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** @param scope whose routes are watched, those that are added from now on */
export function watchChanges(scope: FastifyInstance): ChangesHere {
  const underWay = new Set<FastifyRequest>();
  let endedAt = Number.NEGATIVE_INFINITY;
  scope.addHook('onRequest', async request => {
    if (!reading.has(request.method)) underWay.add(request);
  });
  // Also where whoever asked has gone. Those that were refused before they came here are not among them.
  scope.addHook('onResponse', async request => {
    if (underWay.delete(request)) endedAt = performance.now();
  });
  return {
    agoMs: () => (underWay.size > 0 ? 0 : performance.now() - endedAt),
    tell(workEndedAt, at) {
      if (workEndedAt !== null && at.getTime() - workEndedAt.getTime() < justMs) endedAt = performance.now();
    },
  };
}
