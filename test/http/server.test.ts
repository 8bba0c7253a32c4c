// The HTTP server: health, readiness, errors that say nothing of our inside, and a stop that lets answers finish.
import { afterEach, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { createServer, listen } from '../../src/http/server.ts';
import { createLog } from '../../src/log.ts';

let reasons: string[] = [];
let logged: string[] = [];
const open: { close(): Promise<unknown> }[] = [];

async function server() {
  const log = createLog('info', { write: line => logged.push(line) });
  const made = await createServer({ log, trustedProxies: [], unreadiness: async () => reasons });
  open.push(made);
  return made;
}

afterEach(async () => {
  reasons = [];
  logged = [];
  for (const made of open.splice(0)) await made.close();
});

test('it is healthy, and ready unless there is a reason not to be', async () => {
  const made = await server();
  expect((await made.inject('/healthz')).json()).toEqual({ status: 'ok' });
  expect((await made.inject('/readyz')).json()).toEqual({ status: 'ready' });
  reasons = ['the database cannot be reached'];
  const answer = await made.inject('/readyz');
  expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'not ready', reasons }]);
  expect(answer.headers['retry-after']).toBe('5');
  expect((await made.inject('/healthz')).statusCode).toBe(200);
});

test('errors are JSON; what is ours is logged, and its text goes nowhere else', async () => {
  const made = await server();
  made.get('/refused', async () => {
    throw new AppError('conflict', 'taken already');
  });
  made.get('/busy', async () => {
    throw new AppError('busy', 'later');
  });
  made.get('/broken', async () => {
    throw new Error('inner text');
  });
  made.post('/body', async () => ({}));
  expect([(await made.inject('/nowhere')).statusCode, (await made.inject('/nowhere')).json()]).toEqual([
    404,
    { message: 'there is nothing here' },
  ]);
  const refused = await made.inject('/refused');
  expect([refused.statusCode, refused.json()]).toEqual([409, { message: 'taken already' }]);
  const busy = await made.inject('/busy');
  expect([busy.statusCode, busy.headers['retry-after']]).toEqual([503, '1']);
  const broken = await made.inject('/broken');
  expect([broken.statusCode, broken.json()]).toEqual([500, { message: 'internal error' }]);
  expect(logged.join()).toContain('inner text');
  const body = { method: 'POST', url: '/body', headers: { 'content-type': 'application/json' }, payload: '{' } as const;
  expect((await made.inject(body)).statusCode).toBe(400);
});

test('answers carry security headers', async () => {
  const { headers } = await (await server()).inject('/healthz');
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN' });
});

test('a stop lets an answer under way finish', async () => {
  const made = await server();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  made.get('/slow', async () => {
    begin();
    await finished;
    return { done: true };
  });
  const running = await listen(made, '127.0.0.1', 0);
  const answer = fetch(`${running.url}/slow`);
  await begun;
  const stopped = running.stop();
  finish();
  expect(await (await answer).json()).toEqual({ done: true });
  await stopped;
  await expect(fetch(`${running.url}/healthz`)).rejects.toThrow();
});

test('a port that is taken is told in a line', async () => {
  const running = await listen(await server(), '127.0.0.1', 0);
  const port = Number(new URL(running.url).port);
  await expect(listen(await server(), '127.0.0.1', port)).rejects.toThrow(
    `port ${port}: it is taken; set HOST and PORT`,
  );
});
