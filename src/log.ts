// The one logger. Messages are static, what varies stands in fields before them, so that log lines group. Levels say who
// must act: `error` wakes us, an administrator's wrong token is `info` plus a visible state.
import { pino } from 'pino';

export type Log = pino.Logger;

/** Field names whose values are never written, at any of the first three depths. */
const secretFields = ['token', 'apiToken', 'secret', 'clientSecret', 'password', 'authorization', 'Authorization'];

/**
 * @param level a pino level, for example 'info' or 'silent'
 * @param destination where lines go; standard error by default, so that standard output stays the command's answer
 */
export function createLog(level: string, destination: pino.DestinationStream = pino.destination(2)): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretFields.flatMap(name => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
    },
    destination,
  );
}
