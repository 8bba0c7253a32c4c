// Answers that are ready in one turn of the event loop leave it together, after all that came in is read. Whoever waits for them on the
// same machine, a gateway, is then woken once and not for each, which gives half as many answers again a second (docs/results.md).
import type { ServerResponse } from 'node:http';
import type { Log } from '../log.ts';

/** @param send writes an answer; where it throws, the connection is cut: an answer of which a part is out cannot be mended */
export type SendTogether = (response: ServerResponse, send: () => void) => void;

declare module 'fastify' {
  interface FastifyInstance {
    sendTogether: SendTogether;
  }
}

export function createSendTogether(log: Log): SendTogether {
  let waiting: Parameters<SendTogether>[] = [];
  const flush = () => {
    const due = waiting;
    waiting = [];
    for (const [response, send] of due) {
      try {
        send();
      } catch (error) {
        log.error({ err: error }, 'an answer could not be sent');
        response.destroy();
      }
    }
  };
  return (response, send) => {
    if (waiting.push([response, send]) === 1) setImmediate(flush);
  };
}
