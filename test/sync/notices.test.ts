// Notices to a real receiver on loopback that is down, slow, lying, redirecting or gone for days: nothing is lost, nothing is
// reordered within a device, and nobody is stormed.
import { Webhook } from 'standardwebhooks';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { enableWebhook, rotateWebhookSecret, testWebhook, updateWebhook } from '../../src/operations/webhooks.ts';
import { createEgress } from '../../src/providers/http.ts';
import { pace } from '../../src/sync/notices.ts';
import { type Got, keys, type Receiver, tellFlips } from '../support/receiver.ts';
import { addWebhook, deliveriesOf, receiverOf, startSender, until, webhookOf } from '../support/sender.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const day = 24 * hour;

let world: World;
let receiver: Receiver;
beforeEach(async () => {
  world = await createWorld();
  receiver = await receiverOf();
});

const request = () => ({ db: world.db, now: world.now, actor: tester, keys, allowedHosts: ['127.0.0.1'] });
const stateOf = async (name: string) => (await webhookOf(world, name)).state;
const statesOf = async (name: string) => (await deliveriesOf(world, name)).map(({ state }) => state);
const answering = (status: number) => (_: Got, response: { writeHead(status: number): { end(): unknown } }) =>
  void response.writeHead(status).end();

/** The verification of the standard's own library, at the time of the world's clock. */
function verify(secret: string, { headers, body }: Got): unknown {
  vi.useFakeTimers({ now: world.now(), toFake: ['Date'] });
  try {
    return new Webhook(secret).verify(body, headers);
  } finally {
    vi.useRealTimers();
  }
}

describe('a notice', () => {
  it("is signed so that the standard's own library verifies it, and says what the audit log says", async () => {
    const secret = await addWebhook(world, 'w', receiver.url);
    startSender(world);
    await tellFlips(world, 'd1 failing');
    await until(world, () => receiver.taken, ['d1 failing']);
    const [got] = receiver.got as [Got];
    const { rows } = await world.db.query('select revision from head');
    expect(verify(secret, got)).toEqual({
      type: 'device.posture_failed',
      timestamp: world.now().toISOString(),
      data: {
        device: { id: 'd1', name: 'd1' },
        old: null,
        new: { posture: 'posture:p', state: 'failing' },
        event: 'NODE.UPDATE.POSTURE_STANDING',
        revision: rows[0].revision,
      },
    });
    expect(got.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': expect.stringMatching(/^wh\w+$/),
    });
    expect(() => verify(secret, { ...got, body: got.body.replace('failing', 'passing') })).toThrow();
    await until(world, () => statesOf('w'), ['delivered']);
    expect((await deliveriesOf(world, 'w'))[0]?.id).toBe(got.headers['webhook-id']);
  });

  it('is signed with both secrets for a day after a rotation, and with the new one alone after that, or at once', async () => {
    const first = await addWebhook(world, 'w', receiver.url);
    startSender(world);
    const { secret: second, view } = await rotateWebhookSecret(request(), 'w', { atOnce: false });
    expect(view.oldSecretEnds).toEqual(new Date(world.now().getTime() + day));
    world.pass(day - minute);
    await tellFlips(world, 'd1 failing');
    await until(world, () => receiver.got.length, 1);
    for (const secret of [first, second]) expect(verify(secret, receiver.got[0] as Got)).toBeTruthy();
    world.pass(2 * minute);
    await tellFlips(world, 'd1 passing');
    await until(world, () => receiver.got.length, 2);
    expect(verify(second, receiver.got[1] as Got)).toBeTruthy();
    expect(() => verify(first, receiver.got[1] as Got)).toThrow();
    const { secret: third } = await rotateWebhookSecret(request(), 'w', { atOnce: true });
    await tellFlips(world, 'd1 failing');
    await until(world, () => receiver.got.length, 3);
    expect(verify(third, receiver.got[2] as Got)).toBeTruthy();
    expect(() => verify(second, receiver.got[2] as Got)).toThrow();
  });

  it('goes to each webhook that gets its kind, and a test to the one that was asked for alone', async () => {
    const other = await receiverOf();
    await addWebhook(world, 'passed', receiver.url, ['device.posture_passed']);
    await addWebhook(world, 'all', other.url);
    startSender(world);
    await tellFlips(world, 'd1 failing', 'd1 unknown', 'd1 passing');
    await testWebhook(request(), 'passed');
    await until(world, () => receiver.taken, ['d1 passing', 'webhook.test']);
    await until(world, () => other.taken, ['d1 failing', 'd1 unknown', 'd1 passing']);
    await until(world, () => statesOf('all'), ['delivered', 'delivered', 'delivered']);
  });
});

describe('a receiver', () => {
  it('that is down gets everything when it is back, in order within a device', async () => {
    await addWebhook(world, 'w', receiver.url);
    await receiver.leave();
    startSender(world);
    await tellFlips(world, 'd1 failing', 'd2 failing', 'd1 passing', 'd1 failing', 'd2 passing');
    await until(world, () => stateOf('w'), 'failing');
    expect((await webhookOf(world, 'w')).error).toContain('cannot be reached (ECONNREFUSED)');
    await receiver.comeBack();
    const soon = () => {
      world.pass(minute);
      return receiver.taken.length;
    };
    await until(world, soon, 5);
    const of = (device: string) => receiver.taken.filter(told => told.startsWith(device));
    expect(of('d1')).toEqual(['d1 failing', 'd1 passing', 'd1 failing']);
    expect(of('d2')).toEqual(['d2 failing', 'd2 passing']);
    await until(world, () => stateOf('w'), 'active');
  });

  it('that is slow for one device keeps that one waiting, and no other', async () => {
    await addWebhook(world, 'w', receiver.url);
    const open: (() => void)[] = [];
    receiver.answer = async (got, response) => {
      if (got.told.startsWith('slow') && open.length === 0) await new Promise<void>(resolve => open.push(resolve));
      response.writeHead(200).end('ok');
    };
    startSender(world);
    await tellFlips(world, 'slow failing', 'slow passing', 'd1 failing', 'd2 failing', 'd3 failing', 'd4 failing');
    await until(world, () => receiver.taken.toSorted(), ['d1 failing', 'd2 failing', 'd3 failing', 'd4 failing']);
    expect(receiver.got.filter(({ told }) => told === 'slow passing')).toEqual([]);
    open[0]?.();
    await until(world, () => receiver.taken.filter(told => told.startsWith('slow')), ['slow failing', 'slow passing']);
  });

  it('that does not answer in time gets the same notice again, with the same id and a new time', async () => {
    await addWebhook(world, 'w', receiver.url);
    receiver.answer = () => {};
    startSender(world, { noticeTimeoutMs: 100 });
    await tellFlips(world, 'd1 failing');
    await until(world, () => stateOf('w'), 'failing');
    expect((await webhookOf(world, 'w')).error).toContain('did not answer in time');
    receiver.answer = answering(200);
    world.pass(hour);
    await until(world, () => statesOf('w'), ['delivered']);
    const [first, second] = receiver.got as [Got, Got];
    expect(second.body).toBe(first.body);
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(second.headers['webhook-timestamp']).not.toBe(first.headers['webhook-timestamp']);
  });

  it.each<[string, Receiver['answer']]>([
    [
      'an endless body',
      (_, response) =>
        void response
          .writeHead(200)
          .on('drain', function (this: typeof response) {
            this.write('x'.repeat(65_536));
          })
          .write('x'.repeat(65_536)),
    ],
    [
      'a body that is cut',
      (_, response) =>
        void response.writeHead(200, { 'content-length': '100' }).write('{"ok":', () => response.destroy()),
    ],
    [
      'a body that is no gzip',
      (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('lie'),
    ],
    ['a body that says it failed', (_, response) => void response.writeHead(202).end('{"error":"no"}')],
  ])('that answers success with %s has taken the notice', async (_, answer) => {
    await addWebhook(world, 'w', receiver.url);
    receiver.answer = answer;
    startSender(world);
    await tellFlips(world, 'd1 failing');
    await until(world, () => statesOf('w'), ['delivered']);
    expect(receiver.got).toHaveLength(1);
  });

  it.each([301, 302, 307, 308])('that redirects by %i is not followed', async status => {
    const stranger = await receiverOf();
    await addWebhook(world, 'w', receiver.url);
    receiver.answer = (_, response) => void response.writeHead(status, { location: stranger.url }).end();
    startSender(world);
    await tellFlips(world, 'd1 failing');
    await until(world, () => stateOf('w'), 'failing');
    expect((await webhookOf(world, 'w')).error).toBe(`the receiver answered ${status}: redirects are not followed`);
    expect(stranger.got).toEqual([]);
    expect(await statesOf('w')).toEqual(['waiting']);
  });

  it('that is gone for a day is asked seldom, and at its return gets all, in order and at a bounded pace', async () => {
    await addWebhook(world, 'w', receiver.url);
    receiver.answer = answering(503);
    startSender(world);
    const states = ['failing', 'passing', 'unknown'];
    const flips = states.flatMap(state => Array.from({ length: 20 }, (_, i) => `d${i} ${state}`));
    await tellFlips(world, ...flips);
    await until(world, () => stateOf('w'), 'failing');
    const isTriedLater = async () => ((await webhookOf(world, 'w')).nextAttempt ?? world.now()) > world.now();
    for (let hours = 0; hours < 24; hours++) {
      await until(world, isTriedLater, true);
      world.pass(hour);
    }
    await until(world, isTriedLater, true);
    // One an hour at most, and a few in the first minutes.
    expect(receiver.got.length).toBeGreaterThan(10);
    expect(receiver.got.length).toBeLessThan(24 + 10);
    receiver.answer = answering(200);
    receiver.mostAtOnce = 0;
    world.pass(2 * hour);
    const begun = performance.now();
    await until(world, () => receiver.taken.length, flips.length);
    expect(performance.now() - begun).toBeGreaterThan(((flips.length - 5) / pace.perSecond) * 1_000);
    expect(receiver.mostAtOnce).toBeLessThanOrEqual(pace.atOnce);
    for (let i = 0; i < 20; i++)
      expect(receiver.taken.filter(told => told.startsWith(`d${i} `))).toEqual(states.map(state => `d${i} ${state}`));
    await until(
      world,
      () => webhookOf(world, 'w'),
      expect.objectContaining({ state: 'active', waiting: 0, givenUp: 0 }),
    );
  });

  it('that takes nothing for 5 days is disabled with an event, and gets what waited when it is enabled', async () => {
    await addWebhook(world, 'w', receiver.url);
    receiver.answer = answering(500);
    startSender(world);
    await tellFlips(world, 'd1 failing', 'd1 passing');
    await until(world, () => stateOf('w'), 'failing');
    world.pass(5 * day - minute);
    await until(world, () => receiver.got.length, 2);
    expect(await stateOf('w')).toBe('failing');
    // The first notice might be at fault; after an hour's rest the second one shows that it is not.
    const later = async () => {
      world.pass(hour);
      return await stateOf('w');
    };
    await until(world, later, 'disabled');
    const events = await world.events('WEBHOOK_ENDPOINT.DISABLE');
    expect(events).toMatchObject([
      { target: { name: 'w' }, new: { reason: 'failing', error: 'the receiver answered 500' } },
    ]);
    await tellFlips(world, 'd1 unknown');
    receiver.answer = answering(200);
    await enableWebhook(request(), 'w');
    await tellFlips(world, 'd1 failing');
    // What happened while it was disabled it never gets.
    await until(world, () => receiver.taken, ['d1 failing', 'd1 passing', 'd1 failing']);
    await until(world, () => webhookOf(world, 'w'), expect.objectContaining({ state: 'active', waiting: 0 }));
  });

  it('that answers 410 is disabled at once', async () => {
    await addWebhook(world, 'w', receiver.url);
    receiver.answer = answering(410);
    startSender(world);
    await tellFlips(world, 'd1 failing');
    await until(world, () => stateOf('w'), 'disabled');
    await until(world, () => webhookOf(world, 'w'), expect.objectContaining({ disabledReason: 'gone', waiting: 1 }));
    expect(receiver.got).toHaveLength(1);
  });

  it('that asks for time is left alone for it, an hour at most', async () => {
    await addWebhook(world, 'w', receiver.url);
    receiver.answer = (_, response) => void response.writeHead(429, { 'retry-after': '600' }).end();
    startSender(world);
    await tellFlips(world, 'd1 failing');
    await until(world, () => stateOf('w'), 'failing');
    const { nextAttempt } = await webhookOf(world, 'w');
    expect(nextAttempt?.getTime()).toBeGreaterThanOrEqual(world.now().getTime() + 600_000);
    expect(nextAttempt?.getTime()).toBeLessThanOrEqual(world.now().getTime() + 2 * hour);
  });
});

it('a notice that is refused while others are taken is given up after 5 days, and then the next of its device goes', async () => {
  await addWebhook(world, 'w', receiver.url);
  receiver.answer = (got, response) => void response.writeHead(got.told === 'bad failing' ? 400 : 200).end();
  startSender(world);
  await tellFlips(world, 'bad failing', 'bad passing');
  // A refusal is followed by a moment's rest.
  const soon = <T>(look: () => T) => {
    world.pass(minute);
    return look();
  };
  const oldest = async () => (await deliveriesOf(world, 'w'))[0];
  await until(world, async () => ((await oldest())?.attempts ?? 0) > 0, true);
  for (const told of ['d1 failing', 'd2 failing', 'd3 failing', 'd4 failing']) {
    world.pass(day);
    await tellFlips(world, told);
    await until(world, () => soon(() => receiver.taken.at(-1)), told);
    expect(await oldest()).toMatchObject({ state: 'waiting', error: 'the receiver answered 400' });
  }
  expect(receiver.taken).not.toContain('bad passing');
  world.pass(day);
  await tellFlips(world, 'd5 failing');
  await until(world, () => soon(async () => (await oldest())?.state), 'given_up');
  await until(world, () => soon(() => receiver.taken.includes('bad passing')), true);
  await until(world, () => webhookOf(world, 'w'), expect.objectContaining({ givenUp: 1, disabledAt: null }));
});

it('a notice that alone is refused disables no webhook, however quiet it is: it is given up', async () => {
  await addWebhook(world, 'w', receiver.url);
  receiver.answer = (got, response) => void response.writeHead(got.told === 'bad failing' ? 500 : 200).end();
  startSender(world);
  await tellFlips(world, 'bad failing');
  await until(world, () => stateOf('w'), 'failing');
  world.pass(5 * day + hour);
  await until(world, () => statesOf('w'), ['given_up']);
  await until(world, () => webhookOf(world, 'w'), expect.objectContaining({ disabledAt: null, givenUp: 1 }));
  // Weeks later another one shows that the receiver is well.
  world.pass(20 * day);
  await tellFlips(world, 'd1 failing');
  await until(world, () => receiver.taken, ['d1 failing']);
  await until(world, () => stateOf('w'), 'active');
});

it('a notice that was given up alone is kept where the next one shows that the receiver takes nothing', async () => {
  await addWebhook(world, 'w', receiver.url);
  receiver.answer = answering(404);
  startSender(world);
  await tellFlips(world, 'd1 failing');
  await until(world, () => stateOf('w'), 'failing');
  world.pass(5 * day + hour);
  await until(world, () => statesOf('w'), ['given_up']);
  world.pass(day);
  await tellFlips(world, 'd2 failing');
  await until(world, () => stateOf('w'), 'disabled');
  receiver.answer = answering(200);
  await enableWebhook(request(), 'w');
  await until(world, () => receiver.taken.toSorted(), ['d1 failing', 'd2 failing']);
});

it('a notice that is taken while another one is refused shows that the receiver is there', async () => {
  await addWebhook(world, 'w', receiver.url);
  const gate = Promise.withResolvers<void>();
  receiver.answer = async (got, response) => {
    if (got.told === 'd1 failing') await gate.promise;
    response.writeHead(got.told === 'bad failing' ? 400 : 200).end();
  };
  await tellFlips(world, 'd1 failing', 'bad failing');
  startSender(world);
  // Both are on their way; the second one is refused first.
  await until(world, () => stateOf('w'), 'failing');
  gate.resolve();
  await until(world, () => stateOf('w'), 'active');
});

describe('what administrators change', () => {
  it('is not undone by what the receiver before it says late: the new one gets the notice at once', async () => {
    const other = await receiverOf();
    await addWebhook(world, 'w', receiver.url);
    const gate = Promise.withResolvers<void>();
    receiver.answer = async (_, response) => {
      await gate.promise;
      response.writeHead(503, { 'retry-after': '3600' }).end();
    };
    startSender(world);
    await tellFlips(world, 'd1 failing');
    await until(world, () => receiver.got.length, 1);
    await updateWebhook(request(), 'w', { url: other.url });
    gate.resolve();
    await until(world, () => other.taken, ['d1 failing']);
    await until(world, () => webhookOf(world, 'w'), expect.objectContaining({ state: 'active', error: null }));
  });

  it('holds from the next notice on: another URL is another receiver, and gets what waits at once', async () => {
    const other = await receiverOf();
    await addWebhook(world, 'w', receiver.url);
    receiver.answer = answering(500);
    startSender(world);
    await tellFlips(world, 'd1 failing');
    await until(world, () => stateOf('w'), 'failing');
    await updateWebhook(request(), 'w', { url: other.url });
    await until(world, () => other.taken, ['d1 failing']);
    await until(world, () => webhookOf(world, 'w'), expect.objectContaining({ state: 'active', error: null }));
  });

  it('a host that is not allowed any more is not reached', async () => {
    await addWebhook(world, 'w', receiver.url);
    const egress = createEgress({ allowedHosts: [], log: world.context.log });
    startSender(world, { egress });
    onTestFinished(() => egress.close());
    await tellFlips(world, 'd1 failing');
    await until(world, () => stateOf('w'), 'failing');
    expect((await webhookOf(world, 'w')).error).toContain('http is refused');
    expect(receiver.got).toEqual([]);
  });
});
