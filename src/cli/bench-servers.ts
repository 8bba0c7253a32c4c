// What `bench decide` compares with, each a process of its own started by bench-decide.ts: a bare HTTP server that answers from a
// Map, and one that asks the database at each request. Ends with its parent.
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { benchValuesQuery } from '../store/bench.ts';
import { createPool } from '../store/client.ts';

export interface BenchServerSetup {
  kind: 'bare' | 'select';
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

async function bare(databaseUrl: string): Promise<RequestListener> {
  const pool = createPool(databaseUrl);
  const { rows } = await pool.query(benchValuesQuery(null));
  await pool.end();
  const healthy = new Map(rows.map(row => [row.device_id, isHealthy(row.values)]));
  return (request, response) => {
    response.statusCode = healthy.get(request.headers['x-device-id']) ? 200 : 403;
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

process.once('message', async ({ kind, databaseUrl }: BenchServerSetup) => {
  const server = createServer(kind === 'bare' ? await bare(databaseUrl) : select(databaseUrl));
  server.listen(0, '127.0.0.1', () => process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});
process.once('disconnect', () => process.exit(0));
