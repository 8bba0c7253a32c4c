// The harness itself: databases of their own, a net that is closed.
import net from 'node:net';
import pg from 'pg';
import { expect, test } from 'vitest';
import { freshDatabase } from './support/database.ts';

test('each test can have a migrated database of its own', async () => {
  const [one, two] = await Promise.all([freshDatabase(), freshDatabase()]);
  await one.pool.query('create table only_here ()');
  const { rows } = await two.pool.query("select to_regclass('only_here') as here, to_regclass('devices') as migrated");
  expect(rows).toEqual([{ here: null, migrated: 'devices' }]);
});

test('a database that is dropped while others are connected tells who', async () => {
  const database = await freshDatabase();
  const left = new pg.Client({ connectionString: database.url, application_name: 'left behind' });
  left.on('error', () => {});
  await left.connect();
  await expect(database.drop(0)).rejects.toThrow('connections were left open: left behind idle');
});

test('nothing but loopback can be reached', async () => {
  await expect(fetch('http://192.0.2.1/')).rejects.toThrow();
  expect(() => net.connect(9, '192.0.2.1')).toThrow('a test tried to connect to 192.0.2.1');
});
