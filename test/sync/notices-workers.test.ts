// Several senders, and one that is killed between sending and marking: each notice is one worker's at a time, none is lost.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createPool } from '../../src/store/client.ts';
import { startScheduler } from '../../src/sync/scheduler.ts';
import { root } from '../support/checkout.ts';
import { noticesContext, type Receiver, tellFlips } from '../support/receiver.ts';
import type { SendOrder } from '../support/send-until.ts';
import { addWebhook, deliveriesOf, receiverOf, startSender, until } from '../support/sender.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let receiver: Receiver;
beforeEach(async () => {
  world = await createWorld();
  receiver = await receiverOf();
});

it('after kill -9 between sending and marking a notice is sent again, by another worker and with the same id', async () => {
  await addWebhook(world, 'w', receiver.url);
  await tellFlips(world, 'd1 failing', 'd1 passing', 'd2 failing');
  const order: SendOrder = { databaseUrl: world.database.url, at: world.now().toISOString() };
  const script = path.join(root, 'test/support/send-until.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await until(world, () => receiver.got.length, 2);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  expect((await deliveriesOf(world, 'w')).map(({ state, attempts }) => [state, attempts])).toEqual([
    ['waiting', 0],
    ['waiting', 0],
    ['waiting', 0],
  ]);
  startSender(world);
  await until(world, () => receiver.taken.length, 5);
  const of = (device: string) => receiver.taken.filter(told => told.startsWith(device));
  expect(of('d1')).toEqual(['d1 failing', 'd1 failing', 'd1 passing']);
  expect(of('d2')).toEqual(['d2 failing', 'd2 failing']);
  expect(new Set(receiver.got.map(({ headers }) => headers['webhook-id'])).size).toBe(3);
});

it('three workers send each notice once, in order within a device', async () => {
  await addWebhook(world, 'a', receiver.url);
  const other = await receiverOf();
  await addWebhook(world, 'b', other.url);
  const flips = ['failing', 'passing', 'unknown'].flatMap(state =>
    Array.from({ length: 8 }, (_, i) => `d${i} ${state}`),
  );
  for (let n = 0; n < 3; n++) startSender(world);
  await tellFlips(world, ...flips);
  for (const each of [receiver, other]) {
    await until(world, () => each.taken.length, flips.length);
    for (let i = 0; i < 8; i++)
      expect(each.taken.filter(told => told.startsWith(`d${i} `))).toEqual(flips.filter(f => f.startsWith(`d${i} `)));
  }
  // Nothing was sent twice.
  await until(world, async () => (await deliveriesOf(world, 'b')).every(({ state }) => state === 'delivered'), true);
  expect([receiver.got.length, other.got.length]).toEqual([flips.length, flips.length]);
});

it('the scheduler of a worker sends notices', async () => {
  await addWebhook(world, 'w', receiver.url);
  const pool = createPool(world.database.url, { max: 2 });
  const context = noticesContext(world.context, pool);
  const auditRetentionMs = 400 * 24 * 3_600_000;
  const scheduler = startScheduler({ ...world.context, ...context, concurrency: 1, auditRetentionMs });
  onTestFinished(async () => {
    await scheduler.stop();
    context.egress.close();
    await pool.end();
  });
  await tellFlips(world, 'd1 failing');
  await until(world, () => receiver.taken, ['d1 failing']);
});

it('a sender that stops waits for what is under way, and leaves the rest to the next one', async () => {
  await addWebhook(world, 'w', receiver.url);
  const gate = Promise.withResolvers<void>();
  receiver.answer = async (_, response) => {
    await gate.promise;
    response.writeHead(200).end();
  };
  const sender = startSender(world);
  await tellFlips(world, 'd1 failing', 'd1 passing');
  await until(world, () => receiver.got.length, 1);
  const stopped = sender.stop();
  gate.resolve();
  await stopped;
  expect((await deliveriesOf(world, 'w')).map(({ state }) => state)).toEqual(['delivered', 'waiting']);
  startSender(world);
  await until(world, () => receiver.taken, ['d1 failing', 'd1 passing']);
});
