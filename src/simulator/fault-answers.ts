// Faults that answer instead of the console: error bodies of every shape, and bodies that are too much.
import { gzipSync } from 'node:zlib';
import { type Answer, badRequest, errorAnswer, nginxAnswer, unauthorized, wrongPath } from './answers.ts';
import type { ActiveFault, FaultName } from './faults.ts';

const loginPage =
  '<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1><p>We are down for maintenance.</p></body></html>';

/** One gzip member of 16 MiB of spaces; members may follow each other, and spaces may stand anywhere in JSON. */
function gzipBomb(bytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(2 ** 24, ' '), { level: 9 });
  const members = Array.from({ length: Math.max(1, Math.ceil(bytes / 2 ** 24)) }, () => member);
  return Buffer.concat([
    gzipSync('{"data":['),
    ...members,
    gzipSync('],"pagination":{"totalItems":0,"nextCursor":null}}'),
  ]);
}

type Maker = (fault: ActiveFault, now: Date) => Answer;

const answers: Partial<Record<FaultName, Maker>> = {
  'expired-token': unauthorized,
  'unauthorized-at-page': unauthorized,
  'token-details-refused': unauthorized,
  forbidden: () => errorAnswer(403, 4030010, 'Insufficient permissions', 'User does not have required permissions.'),
  'forbidden-html': () => nginxAnswer(403, 'Forbidden'),
  'throttled-seconds': fault =>
    nginxAnswer(429, 'Too Many Requests', { 'retry-after': String(fault.options.retryAfterSeconds ?? 30) }),
  'throttled-date': (fault, now) => {
    const until = new Date(now.getTime() + (fault.options.retryAfterSeconds ?? 30) * 1_000);
    return nginxAnswer(429, 'Too Many Requests', { 'retry-after': until.toUTCString() });
  },
  throttled: () => nginxAnswer(429, 'Too Many Requests'),
  'error-500': () => errorAnswer(500, 5000010, 'Internal server error', 'Server could not process the request.'),
  'error-500-html': () => {
    const answer = errorAnswer(500, 5000010, 'Internal server error', 'Server could not process the request.');
    return { ...answer, body: `${answer.body}${nginxAnswer(500, 'Internal Server Error').body}` };
  },
  'error-502': () => nginxAnswer(502, 'Bad Gateway'),
  'error-503': () => errorAnswer(503, 5030010, 'Service unavailable', 'The service is temporarily unavailable.'),
  'not-found': () => errorAnswer(404, 4040010, 'Requested resource was not found', null),
  'not-found-text': wrongPath,
  'bad-request': () => badRequest("dict_values(['isDecommissioned']): Unknown field"),
  garbage: () => ({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: '{"data":[{"id":"1400000000000000001","isActive":tru\u0000e,,"infected":fal',
  }),
  'html-200': () => ({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: loginPage }),
  redirect: fault => ({ status: 302, headers: { location: fault.options.location ?? '/login' }, body: '' }),
  'gzip-bomb': fault => ({
    status: 200,
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    body: gzipBomb(fault.options.bytes ?? 2 ** 30),
  }),
};

/** @returns what the first of the striking faults answers instead of the console, or null when none does */
export function faultAnswer(striking: ReadonlyMap<FaultName, ActiveFault>, now: Date): Answer | null {
  for (const fault of striking.values()) {
    const answer = answers[fault.name]?.(fault, now);
    if (answer) return answer;
  }
  return null;
}
