// Schemathesis against a real service process, by the OpenAPI file that the service gives out: whatever is sent, no answer is a failure
// of ours, each is as the file says, and what the file does not allow is refused. .ci/install-schemathesis brings it. Longer:
// SCHEMATHESIS_EXAMPLES=500 vitest run test/schemathesis
import { execFile } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { root } from '../support/checkout.ts';
import { programOf, temporaryPlace } from '../support/gateways.ts';
import { startServiceProcess } from '../support/service-process.ts';

const program = programOf('schemathesis');
const examples = Number(process.env.SCHEMATHESIS_EXAMPLES ?? 5);
const folder = path.join(root, 'test/schemathesis');

const policy = { postures: { 'posture:healthy': ['sentinelOne:infected == false'] } };

/** @returns a service that has one of each thing, and their ids as variables of schemathesis.toml */
async function place() {
  const service = await startServiceProcess();
  onTestFinished(() => service.stop());
  const ask = async (what: string, body: object) => {
    const headers = { authorization: `Bearer ${service.key}`, 'content-type': 'application/json' };
    const url = `${service.url}/api/v2/tailnet/-/${what}`;
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(200);
    return (await answer.json()) as Record<string, string>;
  };
  for (const id of ['lt-1', 'lt-2']) await ask('devices', { id, serialNumbers: [`SER-${id}`], tags: ['laptop'] });
  await ask('acl', policy);
  const integration = { provider: 'sentinelone', cloudId: '127.0.0.1', clientSecret: 'eyJ-a-token-of-nobody' };
  const { id: INTEGRATION = '' } = await ask('posture/integrations', integration);
  const { endpointId: WEBHOOK = '' } = await ask('webhooks', { endpointUrl: 'https://127.0.0.1/hook' });
  return { service, variables: { API_KEY: service.key, INTEGRATION, WEBHOOK, POLICY_REVISION: '3' } };
}

/** @returns its exit status, and all that it wrote */
async function run(words: string[], variables: Record<string, string>): Promise<{ status: number; said: string }> {
  const env = {
    PATH: process.env.PATH ?? '',
    SCHEMATHESIS_HOOKS: 'hooks',
    PYTHONPATH: folder,
    PYTHONDONTWRITEBYTECODE: '1',
    ...variables,
  };
  // It keeps what it found beside itself, and would begin with that the next time.
  const { place: cwd, remove } = temporaryPlace();
  onTestFinished(remove);
  const options = { cwd, env, maxBuffer: 64 * 1024 * 1024 };
  return await new Promise(resolve =>
    execFile(program ?? '', words, options, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), said: stdout + stderr }),
    ),
  );
}

describe.skipIf(program === null)('whatever Schemathesis sends', () => {
  it('is answered as the OpenAPI file says, and never by a failure', {
    timeout: 600_000 + examples * 60_000,
  }, async () => {
    const { service, variables } = await place();
    // The change feed and the live stream go on as long as somebody listens.
    const streams = ['/gateway/changes', '/api/v2/tailnet/{tailnet}/live'];
    const which = streams.flatMap(each => ['--exclude-path', each]);
    const words = ['--no-color', '--config-file', path.join(folder, 'schemathesis.toml'), 'run', ...which];
    const sending = run([...words, '-n', String(examples), `${service.url}/openapi.json`], variables);
    const { status, said } = await sending;
    expect(service.said()).not.toMatch(/"level":50/);
    expect(status, said).toBe(0);
    expect(said).toMatch(/Tested: [1-9]/);
  });
});
