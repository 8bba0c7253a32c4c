// What ends a stream, and what it outlasts: keys that hold no more, a stop, a database that goes away or back, readers that do
// not read.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { revokeApiKey } from '../../src/operations/keys.ts';
import { askAndNotRead, type FedService, fillDatabase, openEvents, recordsOf, startFeeding } from '../support/feed.ts';
import '../support/registered.ts';
import { Relay } from '../support/relay.ts';
import { createWorld, minute, tester, type World } from '../support/world.ts';

let world: World;
/** Of who does not read nobody is cut for it: this is about what else ends a stream, or does not. */
const patient = { stalledMs: 600_000 };
const request = () => ({ db: world.db, now: world.now, actor: tester });
const revisionOf = async () => (await world.db.query('select revision from head')).rows[0].revision as number;
const poll = (service: FedService, after: number, wait: number) =>
  service.as(service.reader, `/gateway/changes?after=${after}&wait=${wait}`);

beforeEach(async () => {
  world = await createWorld();
  await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
});

describe('a stream', () => {
  it('ends when its key is revoked, also one that is not read', async () => {
    const service = await startFeeding(world, { streamLimits: patient });
    await fillDatabase(world, 1, 40_000);
    const events = await openEvents(service, await revisionOf());
    await events.until(text => text.includes('"end"'));
    await askAndNotRead(service, '/gateway/snapshot', '*/*');
    await expect.poll(() => service.streams.given().length).toBe(2);
    await revokeApiKey(request(), 'reader');
    await events.ended;
    await expect.poll(() => service.streams.given()).toEqual([]);
    expect((await poll(service, 1, 0)).status).toBe(401);
  });

  it('ends when its key expires', async () => {
    const service = await startFeeding(world);
    const reader = await service.key('short', ['gateway:stream'], minute);
    const events = await openEvents({ ...service, reader }, await revisionOf());
    await events.until(text => text.includes('"end"'));
    world.pass(2 * minute);
    await events.ended;
  });

  it('ends at once when the service stops, and a poll that waits is answered', async () => {
    const service = await startFeeding(world);
    const after = await revisionOf();
    const events = await openEvents(service, after);
    await events.until(text => text.includes('"end"'));
    const waiting = poll(service, after, 60);
    await expect.poll(() => service.feed.figures().readers).toBe(2);
    const stopping = service.running.stop();
    await events.ended;
    expect(recordsOf(await (await waiting).text()).at(-1)).toMatchObject({ end: { after, revision: after } });
    await stopping;
    expect(service.streams.given()).toEqual([]);
  });

  it('stays open while the database is away, says so, and goes on when it is back', async () => {
    const relay = await Relay.to(world.database.url);
    onTestFinished(() => relay.stop());
    const service = await startFeeding(world, { url: relay.url });
    const after = await revisionOf();
    const events = await openEvents(service, after);
    await events.until(text => text.includes('"end"'));
    const waiting = poll(service, after, 60);
    await expect.poll(() => service.feed.figures().readers).toBe(2);
    relay.fail('refuses');
    await events.until(text => text.includes(': the database is away\n\n'));
    const answers = [
      await waiting,
      await poll(service, after, 0),
      await service.as(service.reader, '/gateway/snapshot'),
    ];
    for (const response of answers) expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    await world.devices({ id: 'b' });
    relay.heal();
    await events.until(text => text.includes(`id: ${after + 1}\n`));
    expect(events.records().at(-2)).toMatchObject({ device: { id: 'b' } });
  });

  it('ends when the database went back, since what was told is not so any more', async () => {
    const service = await startFeeding(world);
    await world.devices({ id: 'b' });
    const after = await revisionOf();
    const events = await openEvents(service, after);
    await events.until(text => text.includes('"end"'));
    // As one that was restored from a backup.
    await world.db.query('update head set revision = revision - 1');
    await events.ended;
    expect((await poll(service, after, 60)).status).toBe(410);
  });
});

describe('a reader that does not read', () => {
  it('is not waited for: others get all, and little is given to it', async () => {
    const service = await startFeeding(world, { limits: { kept: 2_000_000 }, streamLimits: patient });
    const after = await revisionOf();
    const reading = await openEvents(service, after);
    await reading.until(text => text.includes('"end"'));
    await askAndNotRead(service, `/gateway/changes?after=${after}`, 'text/event-stream');
    await expect.poll(() => service.streams.given().length).toBe(2);
    for (let n = 0; n < 30; n++) {
      const revision = await fillDatabase(world, n * 2_000, (n + 1) * 2_000 - 1);
      await reading.until(text => text.endsWith('\n\n') && text.includes(`id: ${revision}\n`));
    }
    const [given, givenToIdle] = service.streams.given();
    expect(givenToIdle).toBeGreaterThan(0);
    // What fits into the buffers of both ends, and one piece; of some 26 MB.
    expect(given).toBeGreaterThan(20_000_000);
    expect(givenToIdle).toBeLessThan(10_000_000);
    expect(service.feed.figures().keptCharacters).toBeLessThanOrEqual(2_000_000);
  });

  it('is cut after a while, and the others are not', async () => {
    const service = await startFeeding(world, { streamLimits: { stalledMs: 500 } });
    await fillDatabase(world, 1, 40_000);
    const events = await openEvents(service, await revisionOf());
    await events.until(text => text.includes('"end"'));
    const socket = await askAndNotRead(service, '/gateway/snapshot', '*/*');
    const isCut = new Promise(resolve => socket.once('close', resolve));
    await expect.poll(service.snapshotsUnderWay).toBe(1);
    await expect.poll(service.snapshotsUnderWay).toBe(0);
    socket.resume();
    await isCut;
    expect(service.streams.given()).toHaveLength(1);
  });

  it('and reads on later has the same as everybody, in order', async () => {
    const service = await startFeeding(world, { limits: { kept: 500_000 }, streamLimits: patient });
    const after = await revisionOf();
    const socket = await askAndNotRead(service, `/gateway/changes?after=${after}`, 'text/event-stream');
    await expect.poll(() => service.feed.figures().readers).toBe(1);
    let last = 0;
    for (let n = 0; n < 30; n++) last = await fillDatabase(world, n * 1_000, (n + 1) * 1_000 - 1);
    let text = '';
    socket.setEncoding('utf8').on('data', chunk => {
      text += chunk;
    });
    socket.resume();
    await expect.poll(() => text.includes(`id: ${last}\n`)).toBe(true);
    const ids = [...text.matchAll(/"device":\{"id":"(many-\d+)"/g)].map(([, id]) => id);
    expect([ids.length, new Set(ids).size]).toEqual([30_000, 30_000]);
    const revisions = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
  });
});
