// What an answer that takes long is bounded by: few of a kind are made at once, and each ends when whoever asked is gone.
import type { FastifyReply } from 'fastify';
import { AppError } from '../errors.ts';

/** Each holds a session and a transaction. */
const atOnce = 2;

export interface Turns {
  /** @returns what gives the turn back @throws AppError busy */
  take(): () => void;
}

/** @param what are made, for who is refused, such as `policies are being compared` */
export function createTurns(what: string): Turns {
  let underWay = 0;
  return {
    take() {
      if (underWay >= atOnce) throw new AppError('busy', `${atOnce} ${what} already`);
      underWay++;
      return () => underWay--;
    },
  };
}

/** @returns what stops the work once whoever asked is gone: a page asks anew while what it asks about is changed */
export function watchReader(reply: FastifyReply): () => void {
  return () => {
    if (reply.raw.destroyed) throw new AppError('busy', 'whoever asked is gone');
  };
}
