// When an integration's turn is. Turns lie on a grid of the interval, shifted by an offset that is stable for an
// integration: many of them do not call out in the same second, and a restart changes nothing.
import { createHash } from 'node:crypto';
import type { Log } from '../log.ts';

/**
 * @param id of the integration
 * @param after the next turn lies behind this, by half an interval at least
 */
export function nextTurn(id: string, after: Date, intervalMs: number): Date {
  const offset = createHash('sha256').update(id).digest().readUInt32BE(0) % intervalMs;
  const earliest = after.getTime() + intervalMs / 2;
  return new Date(Math.ceil((earliest - offset) / intervalMs) * intervalMs + offset);
}

/**
 * node-cron's own remarks, into our log and at debug: that a tick is passed over because the one before still works is no
 * news, and lines of another form would break whoever reads the log.
 */
export function cronLogger(log: Log) {
  const remark = (message: string | Error) => log.debug({ remark: String(message) }, 'node-cron');
  return { info: remark, warn: remark, error: remark, debug: remark };
}
