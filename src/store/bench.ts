// A database of its own for a bench, dropped afterwards.
import { randomBytes } from 'node:crypto';
import { connect } from './client.ts';

/** @param serverUrl any database of the server; the user must be allowed to create databases */
export async function createBenchDatabase(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `posture_bench_${randomBytes(4).toString('hex')}`;
  const admin = await connect(serverUrl, { applicationName: 'posture-sync bench' });
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async drop() {
      const client = await connect(serverUrl, { applicationName: 'posture-sync bench' });
      await client.query(`drop database ${name} with (force)`);
      await client.end();
    },
  };
}
