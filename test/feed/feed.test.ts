// The feed as a whole: many changes by several writers that commit out of order, readers that disconnect at random, and a
// database that is killed meanwhile. Its long form: `node test/feed/run.ts --changes 100000 --seed 1`.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordsOf, startFeeding } from '../support/feed.ts';
import '../support/registered.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { Random } from '../support/random.ts';
import { createWorld, hour } from '../support/world.ts';
import { nameOf, type ReaderReport, readUntilLast } from './reader.ts';
import { type Written, writeUntil } from './writers.ts';

const longForm = 'test/feed/run.ts';
const changes = Number(process.env.FEED_CHANGES ?? 5_000);
const seed = Number(process.env.FEED_SEED ?? 1);
const readers = 50;
const writers = 6;

describe(`${changes} changes by ${writers} writers, ${readers} readers that disconnect at random (seed ${seed})`, () => {
  let server: OwnServer;
  beforeAll(async () => {
    // What was committed must outlast the kill: on a server that forgets, revisions would come again.
    server = await startOwnServer();
  });
  afterAll(() => server?.stop());

  it(
    'leave each reader with the exact state, by revisions in order, although the database was killed',
    async () => {
      const world = await createWorld(server.database);
      // Little is kept, so that some have to read for themselves.
      const service = await startFeeding(world, { limits: { kept: 150_000, keptOfBatch: 40_000, heldOfOwn: 50_000 } });
      const began = performance.now();
      const written: Written = { changes: 0, begun: [] };
      let last: number | null = null;
      const reading = Array.from({ length: readers }, (_, n) =>
        readUntilLast({
          url: service.url,
          key: service.reader,
          random: new Random(seed * 1_000 + n),
          polls: n % 5 === 0,
          last: () => last,
        }),
      );
      const context = { db: world.db, now: world.now, written, devices: 1_000 };
      const write = (upTo: number) =>
        Promise.all(
          Array.from({ length: writers }, (_, n) =>
            writeUntil({ ...context, random: new Random(seed * 1_000 + 500 + n) }, upTo),
          ),
        );
      const writing = write(changes);
      await expect.poll(() => written.changes, { timeout: 20 * 60_000, interval: 20 }).toBeGreaterThan(changes / 2);
      await server.kill();
      await writing;
      await server.untilBack();
      last = (await world.db.query('select revision from head')).rows[0].revision as number;
      const wroteMs = performance.now() - began;
      const reports = await Promise.all(reading);
      const readMs = performance.now() - began;

      const isOutOfOrder = written.begun.some(
        ({ transaction }, i) => transaction < (written.begun[i - 1]?.transaction ?? 0),
      );
      expect(isOutOfOrder, 'some began earlier and committed later').toBe(true);
      const truth = recordsOf(await (await service.as(service.reader, '/gateway/snapshot')).text());
      const expected = new Map(
        truth.flatMap(record => {
          const name = nameOf(record);
          return name === null ? [] : [[name, JSON.stringify(record.device ?? record.attributes)] as const];
        }),
      );
      const repeat = `node ${longForm} --changes ${changes} --seed ${seed}`;
      for (const report of reports) expectExact(report, expected, last, repeat);
      const sum = (of: (report: ReaderReport) => number) => reports.reduce((all, report) => all + of(report), 0);
      expect(sum(({ drops }) => drops)).toBeGreaterThan(readers);
      const { batches, ownReads } = service.feed.figures();
      if (process.env.FEED_CHANGES)
        process.stdout.write(
          `${JSON.stringify({
            changes: written.changes,
            revisions: last,
            devices: expected.size,
            drops: sum(({ drops }) => drops),
            snapshots: sum(({ snapshots }) => snapshots),
            batchesSeen: sum(({ revisions }) => revisions.length),
            refused: sum(({ refusals }) => Object.values(refusals).reduce((a, b) => a + b, 0)),
            batchesRead: batches,
            ownReads,
            wroteSeconds: Math.round(wroteMs / 1_000),
            readSeconds: Math.round(readMs / 1_000),
          })}\n`,
        );
    },
    hour / 2,
  );
});

function expectExact(report: ReaderReport, expected: ReadonlyMap<string, string>, last: number, repeat: string): void {
  expect(report.complaints, repeat).toEqual([]);
  expect(report.revisions.at(-1), repeat).toBe(last);
  const isRising = report.revisions.every((revision, i) => revision >= (report.revisions[i - 1] ?? 0));
  expect(isRising, `revisions in order: ${repeat}`).toBe(true);
  const differing = [...expected].filter(([name, text]) => report.copy.get(name) !== text);
  expect({ count: differing.length, first: differing[0] ?? null }, repeat).toEqual({ count: 0, first: null });
  expect(report.copy.size, repeat).toBe(expected.size);
}
