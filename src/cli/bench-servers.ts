// What benches compare the service with, each a process of its own started by bench-processes.ts: a bare HTTP server that answers
// from a Map, one that asks the database at each request, and one of Fastify alone. Ends with its parent.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import fastify from 'fastify';
import { benchValuesQuery } from '../store/bench.ts';
import { createPool } from '../store/client.ts';

export interface BenchServerSetup {
  kind: 'bare' | 'select' | 'fastify';
  databaseUrl: string;
}

/** The three conditions of the bench, written by hand. */
function isHealthy(values: Record<string, unknown> | undefined): boolean {
  return (
    values?.['sentinelOne:isActive'] === true &&
    values['sentinelOne:activeThreats'] === 0 &&
    values['sentinelOne:operationalState'] === 'na'
  );
}

async function allValues(databaseUrl: string): Promise<Map<string, Record<string, unknown>>> {
  const pool = createPool(databaseUrl);
  const { rows } = await pool.query(benchValuesQuery(null));
  await pool.end();
  return new Map(rows.map(row => [row.device_id, row.values]));
}

async function bare(databaseUrl: string): Promise<RequestListener> {
  const healthy = new Map([...(await allValues(databaseUrl))].map(([id, values]) => [id, isHealthy(values)]));
  return (request, response) => {
    response.statusCode = healthy.get(request.headers['x-device-id'] as string) ? 200 : 403;
    response.end();
  };
}

function select(databaseUrl: string): RequestListener {
  const pool = createPool(databaseUrl, { max: 8 });
  return (request, response) => {
    pool.query(benchValuesQuery(String(request.headers['x-device-id']))).then(({ rows }) => {
      response.statusCode = isHealthy(rows[0]?.values) ? 200 : 403;
      response.end();
    });
  };
}

/** The least that routes of the API can be: what they answer is there, and nothing is looked at. */
async function startFastify(databaseUrl: string): Promise<string> {
  const values = await allValues(databaseUrl);
  const thousand = [...values].slice(0, 1_000).map(([id, attributes]) => ({ id, attributes }));
  const server = fastify({ bodyLimit: 1024 ** 3 });
  server.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload));
  server.get<{ Params: { id: string } }>('/device/:id/attributes', async ({ params }) => ({
    attributes: values.get(params.id) ?? {},
  }));
  server.get('/devices', async () => ({ devices: thousand }));
  server.post('/bulk', async ({ body }, reply) => {
    const answers = async function* () {
      for await (const line of createInterface({ input: body as Readable }))
        yield `${JSON.stringify({ id: JSON.parse(line).id, outcome: 'created' })}\n`;
    };
    return await reply.type('application/x-ndjson').send(Readable.from(answers()));
  });
  return await server.listen({ port: 0, host: '127.0.0.1' });
}

process.once('message', async ({ kind, databaseUrl }: BenchServerSetup) => {
  if (kind === 'fastify') {
    process.send?.(await startFastify(databaseUrl));
    return;
  }
  const server = createServer(kind === 'bare' ? await bare(databaseUrl) : select(databaseUrl));
  server.listen(0, '127.0.0.1', () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});
process.once('disconnect', () => process.exit(0));
