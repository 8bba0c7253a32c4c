// The one logger. Messages are static, what varies stands in fields before them, so that log lines group. Levels say who
// must act: `error` wakes us, an administrator's wrong token is `info` plus a visible state.
import { pino } from 'pino';

export type Log = pino.Logger;

/** Field names whose values are never written, at any of the first three depths. */
const secretFields = [
  'token',
  'apiToken',
  'secret',
  'clientSecret',
  'reporterSecret',
  'password',
  'authorization',
  'Authorization',
];

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
      serializers: { err: errorFields },
      redact: { paths: secretFields.flatMap(name => [name, `*.${name}`, `*.*.${name}`]), censor: '[secret]' },
    },
    destination,
  );
}

/** Of an error of the database only these: `detail` and `where` quote rows, and the parameters hold what was to be stored. */
const databaseFields = ['code', 'severity', 'schema', 'table', 'column', 'constraint', 'routine'];
const deepest = 5;

/**
 * An error as it is logged, with its causes. Of a query that failed its text stays and its parameters go, wherever they
 * stand: the wrapper's message repeats them, and so does the stack.
 */
export function errorFields(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error === 'object' && error !== null ? { type: 'object' } : error;
  const values: Record<string, unknown> = Object.fromEntries(Object.entries(error));
  const query = typeof values.query === 'string' ? values.query : null;
  const isOfDatabase = query !== null || typeof values.severity === 'string';
  // Class 22 are wrong values, which its messages quote.
  const isQuoting = isOfDatabase && (query !== null || String(values.code).startsWith('22'));
  const fields = Object.entries(values).filter(
    ([name, value]) =>
      isPlain(value) && (isOfDatabase ? databaseFields.includes(name) : !['params', 'parameters'].includes(name)),
  );
  const frames = (error.stack ?? '').split('\n').filter(line => /^\s+at /.test(line));
  const further = depth < deepest;
  return {
    type: error.name === 'Error' ? error.constructor.name : error.name,
    message: isQuoting ? (query === null ? 'a wrong value' : 'a query failed') : error.message,
    ...Object.fromEntries(fields),
    ...(query === null ? {} : { query }),
    stack: frames.join('\n'),
    ...(further && error.cause !== undefined ? { cause: errorFields(error.cause, depth + 1) } : {}),
    ...(further && error instanceof AggregateError
      ? { errors: error.errors.slice(0, deepest).map(each => errorFields(each, depth + 1)) }
      : {}),
  };
}

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
