// A planted token is searched for in everything that a sync leaves behind, while a console echoes it in every answer it
// can: logs, results, errors, the audit log and every column of the database. It is nowhere.
import http from 'node:http';
import { inspect } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { createLog } from '../../src/log.ts';
import { addIntegration, openSettings, updateIntegration } from '../../src/operations/integrations.ts';
import { createEgress } from '../../src/providers/http.ts';
import { providerOf } from '../../src/providers/registry.ts';
import type { SecretKeys } from '../../src/store/secrets.ts';
import type { SyncContext } from '../../src/sync/context.ts';
import { runSync } from '../../src/sync/run.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { createWorld, minute, tester, type World } from '../support/world.ts';

const secret = 'planted-secret/0123456789+abcdefghijklmnopqrstuvwxyz=ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const later = 'planted-secret-of-later-9876543210-zyxwvutsrqponmlkjihgfedcba';

/** As it may be written: plain, in a URL, in JSON, and as the database shows bytes. */
const forms = [secret, later].flatMap(token => [
  token,
  encodeURIComponent(token),
  JSON.stringify(token).slice(1, -1),
  Buffer.from(token).toString('base64').slice(0, -4),
  Buffer.from(token).toString('hex'),
]);

/** Each answer is given once, then agents are: what was sent comes back wherever a console could put it. */
type Answer = (
  token: string,
  authorization: string,
) => { status: number; headers?: http.OutgoingHttpHeaders; body: string };
const echoes: Record<string, Answer> = {
  '401 with the token in title and detail': (token, whole) => ({
    status: 401,
    headers: { 'X-RQID': token },
    body: JSON.stringify({
      errors: [{ code: 4010010, title: `Refused ${token}`, detail: `The header was "${whole}"` }],
    }),
  }),
  '403 of missing permissions': token => ({
    status: 403,
    body: JSON.stringify({ errors: [{ code: 4030010, title: 'Insufficient permissions', detail: `for ${token}` }] }),
  }),
  'an error page': token => ({
    status: 500,
    headers: { 'content-type': 'text/html' },
    body: `<html><title>Error</title>${'x'.repeat(450)}${token} ${encodeURIComponent(token)}</html>`,
  }),
  'a redirect': token => ({
    status: 302,
    headers: { location: `https://elsewhere.test/?t=${encodeURIComponent(token)}&u=${token}` },
    body: '',
  }),
  '200 with errors': token => ({
    status: 200,
    body: JSON.stringify({ errors: [{ code: 5000010, title: token, detail: token }] }),
  }),
  '200 that is text': token => ({ status: 200, body: `hello ${token}` }),
  '429 with a wait': token => ({
    status: 429,
    headers: { 'retry-after': '7200' },
    body: JSON.stringify({ errors: [{ title: token }] }),
  }),
  'a page of odd agents': token => ({
    status: 200,
    body: JSON.stringify({
      data: [
        { id: token, computerName: token },
        { computerName: token },
        { id: '7', serialNumber: token, computerName: `host ${token}`, agentVersion: token },
      ],
      pagination: { nextCursor: null, totalItems: 3 },
    }),
  }),
};

it('a planted token is in no log, result, error, audit entry or column', async () => {
  const world = await createWorld();
  let answer: Answer | null = null;
  const server = http.createServer((request, response) => {
    const authorization = request.headers.authorization ?? '';
    const good: ReturnType<Answer> = {
      status: 200,
      body: JSON.stringify({ data: [], pagination: { nextCursor: null, totalItems: 0 } }),
    };
    const { status, headers, body } = answer?.(authorization.replace('ApiToken ', ''), authorization) ?? good;
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const host = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';

  const said: string[] = [];
  const log = createLog('trace', { write: line => void said.push(line) });
  const keys: SecretKeys = [{ id: 'one', key: Buffer.alloc(32, 7) }];
  const asked = { db: world.db, now: world.now, actor: tester, keys, allowedHosts: [host] };
  const settings = { url: `http://${host}`, token: secret, requestsPerSecond: 1_000 };
  const egress = createEgress({
    allowedHosts: [host],
    log,
    unauthorizedRepeatMs: 0,
    retries: { attempts: 2, baseMs: 0 },
  });
  onTestFinished(() => egress.close());
  const context: SyncContext = { ...world.context, egress, providerOf, settingsOf: openSettings(keys), log };
  const integration = await addIntegration(asked, { name: 'hq', provider: 'sentinelone', settings });
  const sync = async (run = context) => {
    world.pass(minute);
    const result = await runSync(run, integration.id, { signal: new AbortController().signal }).catch(error => error);
    said.push(show(result));
  };

  const kinds: (string | undefined)[] = [];
  for (const [name, echo] of Object.entries(echoes)) {
    answer = echo;
    await sync();
    const { rows } = await world.db.query('select error from integrations');
    said.push(`${name}: ${show(rows)}`);
    kinds.push(rows[0].error?.kind);
    answer = null;
    await sync();
  }
  // Each was taken for what it is: the echo did come.
  expect(kinds.slice(0, 7)).toEqual([
    'auth',
    'permission',
    'unavailable',
    'settings',
    'unavailable',
    'malformed',
    'throttled',
  ]);
  const changed = await updateIntegration(asked, 'hq', { settings: { token: later } });
  expect(changed.changed).toEqual(['secretChanged']);
  const first = echoes['401 with the token in title and detail'];
  if (first) answer = first;
  await sync();
  // With other keys nothing opens, and a bug that quotes the settings must not make them public either.
  await sync({ ...context, settingsOf: openSettings([{ id: 'one', key: Buffer.alloc(32, 8) }]) });
  await updateIntegration(asked, 'hq', { settings: { url: `http://user:${later}@${host}` } }).catch(error =>
    said.push(show(error)),
  );
  await updateIntegration(asked, 'hq', { settings: { token: `${later} with a space` } }).catch(error =>
    said.push(show(error)),
  );
  await withFakes(world, said);

  const everything = `${said.join('\n')}\n${await allRows(world)}`;
  expect(said.join('\n')).toContain('sync finished');
  expect(everything).toContain('[secret]');
  // Its beginning alone as well: a token that was cut is half told.
  for (const form of [...forms, 'planted-secret'])
    expect(everything.split('\n').filter(line => line.includes(form))).toEqual([]);
});

/** The fake provider's token, through every outcome of a run. */
async function withFakes(world: World, said: string[]): Promise<void> {
  const log = createLog('trace', { write: line => void said.push(line) });
  const context = { ...world.context, log };
  const console = await world.integration('fake');
  console.set(fakeAgent('1', 'FAKE-1'));
  for (const kind of [null, 'auth', 'malformed', 'settings'] as const) {
    console.fail = kind && { page: 0, kind };
    world.pass(minute);
    said.push(show(await runSync(context, 'pfake', { signal: new AbortController().signal })));
  }
}

const show = (value: unknown) => {
  const causes: string[] = [];
  for (let at = value; at instanceof Error; at = at.cause) causes.push(String(at.stack), at.message);
  return `${causes.join('\n')}\n${JSON.stringify(value)}\n${inspect(value, { depth: 20, showHidden: true, getters: true })}`;
};

/** Every row of every table as text: columns of text, json and bytes alike. */
async function allRows(world: World): Promise<string> {
  const { rows: tables } = await world.db.query(
    "select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await world.db.query(`select t::text as text from ${name} t`);
    texts.push(...rows.map(row => `${name}: ${row.text}`));
  }
  expect(tables.map(table => table.name)).toEqual(expect.arrayContaining(['integrations', 'sync_runs', 'agents']));
  return texts.join('\n');
}
