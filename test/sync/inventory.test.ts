// The inventory as it is imported: what a line keeps, clears and rejects, in files of any length.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { devicesFromAgents, type ImportLine, importDevices } from '../../src/operations/device-import.ts';
import { bindAgent, setSerials } from '../../src/operations/devices.ts';
import { deviceById } from '../../src/store/devices.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { Random } from '../support/random.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const seed = 4_711;

describe('an import', () => {
  let world: World;
  let name: string;
  let count = 0;
  beforeAll(async () => {
    world = await createWorld();
  });
  beforeEach(() => {
    name = `n${count++}`;
  });

  const request = () => ({ db: world.db, now: world.now, actor: tester });
  const linesOf = (records: unknown[]): ImportLine[] => records.map((record, i) => ({ line: i + 1, record }));
  const run = (...records: unknown[]) => importDevices(request(), linesOf(records));
  const stored = (id: string) => deviceById(world.db, id);
  const eventsOf = async (id: string) =>
    (await world.events('NODE.'))
      .filter(entry => entry.target.id === id)
      .map(({ event, old, new: after }) => [event, old, after]);
  const whole = (id: string) => ({
    id,
    hostname: 'laptop',
    user: 'ada',
    os: 'macOS',
    tags: ['x', 'y'],
    serialNumbers: [`${id}-S1`, `${id}-S2`],
  });

  it('keeps what a line does not name, clears what is null, and leaves other devices alone', async () => {
    await run(whole(`${name}-a`), whole(`${name}-b`));
    const other = await stored(`${name}-b`);
    expect(await run({ id: `${name}-a`, hostname: 'desktop' })).toEqual({
      created: 0,
      changed: 1,
      unchanged: 0,
      rejected: [],
      rejectedTotal: 0,
    });
    expect(await stored(`${name}-a`)).toMatchObject({
      hostname: 'desktop',
      user: 'ada',
      os: 'macOS',
      tags: ['x', 'y'],
    });
    expect((await stored(`${name}-a`))?.serials).toHaveLength(2);
    await run({ id: `${name}-a`, hostname: null, user: null, os: null, tags: null, serialNumbers: null });
    expect(await stored(`${name}-a`)).toMatchObject({ hostname: null, user: null, os: null, tags: [], serials: [] });
    expect(await stored(`${name}-b`)).toEqual(other);
    expect((await eventsOf(`${name}-a`)).slice(1)).toEqual([
      ['NODE.UPDATE', { hostname: 'laptop' }, { hostname: 'desktop' }],
      [
        'NODE.UPDATE',
        { hostname: 'desktop', user: 'ada', os: 'macOS', tags: ['x', 'y'] },
        { hostname: null, user: null, os: null, tags: [] },
      ],
      ['NODE.UPDATE.POSTURE_IDENTITY', { serialNumbers: [`${name}-a-S1`, `${name}-a-S2`] }, { serialNumbers: [] }],
    ]);
  });

  it('of the same again writes nothing, however the serials are spelled', async () => {
    await run(whole(`${name}-a`));
    const before = (await world.db.query('select revision from head')).rows;
    const again = { ...whole(`${name}-a`), serialNumbers: [`${name}-A-s2 `, `${name}-a-S1`, `${name}-a-s1`] };
    expect(await run(again)).toEqual({ created: 0, changed: 0, unchanged: 1, rejected: [], rejectedTotal: 0 });
    expect((await world.db.query('select revision from head')).rows).toEqual(before);
  });

  it('rejects bad lines alone, with their numbers and the field that is wrong', async () => {
    const good = (n: number) => ({ id: `${name}-${n}` });
    const bad: [unknown, RegExp][] = [
      [{}, /^id: /],
      [{ id: '' }, /^id: must not be empty/],
      [{ id: ' x' }, /^id: must not be empty, nor begin or end with a space/],
      [{ id: 7 }, /^id: .*string/],
      [{ id: 'x'.repeat(129) }, /^id: /],
      [{ id: 'nul\0' }, /^id: holds a NUL character/],
      [{ id: 'half\ud83d' }, /^id: is not valid Unicode/],
      [{ ...good(0), serialNumbers: 'S1' }, /^serialNumbers: .*array/],
      [{ ...good(0), serialNumbers: [7] }, /^serialNumbers.0: /],
      [{ ...good(0), tags: Array(101).fill('t') }, /^tags: /],
      [{ ...good(0), serialNumber: 'S1' }, /serialNumber/],
      [{ ...good(0), hostname: 'x'.repeat(256) }, /^hostname: /],
      ['text', /^record: /],
      [null, /^record: /],
      [[], /^record: /],
    ];
    const records = bad.flatMap(([record], i) => [record, good(i + 1)]);
    const lines: ImportLine[] = [...linesOf(records), { line: 99, message: 'the line is no JSON' }];
    const result = await importDevices(request(), lines);
    expect(result).toMatchObject({ created: bad.length, changed: 0, unchanged: 0 });
    expect(result.rejected.map(({ line }) => line)).toEqual([...bad.map((_, i) => 2 * i + 1), 99]);
    for (const [i, [, message]] of bad.entries()) expect(result.rejected[i]?.message).toMatch(message);
    expect(await stored(`${name}-0`)).toBeNull();
  });

  it('writes a device that comes twice twice, in the order of the file', async () => {
    const id = `${name}-a`;
    expect(
      await run({ id, hostname: 'one' }, { id: `${name}-b` }, { id, hostname: 'two' }, { id, os: 'Linux' }),
    ).toEqual({
      created: 2,
      changed: 2,
      unchanged: 0,
      rejected: [],
      rejectedTotal: 0,
    });
    expect(await stored(id)).toMatchObject({ hostname: 'two', os: 'Linux' });
    expect((await eventsOf(id)).map(([event]) => event)).toEqual(['NODE.CREATE', 'NODE.UPDATE', 'NODE.UPDATE']);
  });

  it('of 10,000 lines with repetitions and bad ones ends as if each were written alone, and attributes are there', async () => {
    const random = new Random(seed);
    const console = await world.integration(name);
    console.pageSize = 1000;
    for (let n = 0; n < 500; n++) console.set(fakeAgent(`${n}`, `${name}-SER-${n}`));
    await world.sync(name);
    const wanted = new Map<string, { hostname: string; serial: number }>();
    const rejected: number[] = [];
    const records = Array.from({ length: 10_000 }, (_, i) => {
      if (random.below(100) === 0) {
        rejected.push(i + 1);
        return { id: `${name}-bad`, colour: 'red' };
      }
      // A repetition now and then.
      const [id, serial] = [`${name}-d${random.below(500) === 0 ? random.below(i + 1) : i}`, i];
      wanted.set(id, { hostname: `h${i}`, serial });
      return { id, hostname: `h${i}`, serialNumbers: [`${name}-ser-${serial}`] };
    });
    const done: number[] = [];
    const result = await importDevices(request(), linesOf(records), {
      onProgress: lines => done.push(lines),
    });
    expect(
      result.rejected.map(({ line }) => line),
      `seed ${seed}`,
    ).toEqual(rejected);
    expect(result).toMatchObject({
      created: wanted.size,
      changed: 10_000 - rejected.length - wanted.size,
      unchanged: 0,
    });
    expect(done.at(-1)).toBe(10_000);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    const { rows } = await world.db.query(
      'select d.id, d.hostname, x.identifier from devices d join device_identifiers x on x.device_id = d.id where starts_with(d.id, $1)',
      [`${name}-`],
    );
    expect(new Map(rows.map(row => [row.id, [row.hostname, row.identifier]])), `seed ${seed}`).toEqual(
      new Map([...wanted].map(([id, w]) => [id, [w.hostname, `serial:${name.toUpperCase()}-SER-${w.serial}`]])),
    );
    const matched = [...wanted.values()].filter(({ serial }) => serial < 500).length;
    expect((await world.sync(name)).matched).toBe(matched);
    await world.verify();
  });

  it('from agents makes a device of each unmatched one, once', async () => {
    const world = await createWorld();
    const console = await world.integration(name);
    await world.devices({ id: `${name}-known`, serialNumbers: [`${name}-K`] });
    console.set(
      fakeAgent(`${name}1`, `${name}-K`),
      fakeAgent(`${name}2`, `${name}-NEW`, { hostname: 'older' }),
      fakeAgent(`${name}3`, `${name}-NEW`, { hostname: 'newer', registeredAt: new Date('2026-02-02T00:00:00Z') }),
      fakeAgent(`${name}4`, null),
      fakeAgent(`${name}5`, 'Default string'),
      fakeAgent(`${name}6`, null, {
        identifiers: [`${name}-M1`, `${name}-M2`].map(value => ({ kind: 'serial' as const, value })),
      }),
    );
    await world.sync(name);
    const from = { db: world.db, now: world.now, actor: tester };
    const stored = (id: string) => deviceById(world.db, id);
    expect(await devicesFromAgents(from)).toMatchObject({ created: 2, changed: 0, rejected: [] });
    expect(await stored(`agent-${name}3`)).toMatchObject({ hostname: 'newer', serials: [{ serial: `${name}-NEW` }] });
    expect((await stored(`agent-${name}6`))?.serials).toHaveLength(2);
    expect(await world.values(`agent-${name}3`)).toMatchObject({ threats: 0 });
    expect(await devicesFromAgents(from)).toEqual({
      created: 0,
      changed: 0,
      unchanged: 0,
      rejected: [],
      rejectedTotal: 0,
    });
    expect((await world.sync(name)).matched).toBe(3);
    await world.verify();
  });

  it('from agents overwrites no device, though two integrations have an agent of one id', async () => {
    const world = await createWorld();
    const [one, two] = [await world.integration('first'), await world.integration('second')];
    one.set(fakeAgent('77', 'FROM-1'));
    two.set(fakeAgent('77', 'FROM-2'));
    await world.sync('first');
    await world.sync('second');
    const from = { db: world.db, now: world.now, actor: tester };
    expect(await devicesFromAgents(from)).toMatchObject({ created: 2, changed: 0 });
    expect((await world.explain('FROM-1')).device?.id).not.toBe((await world.explain('FROM-2')).device?.id);
    await world.verify();
  });

  it('that fails in the middle has written the portions before, and may be repeated', async () => {
    const records = Array.from({ length: 4_500 }, (_, i) => ({ id: `${name}-d${i}` }));
    async function* broken(): AsyncGenerator<ImportLine> {
      for (const line of linesOf(records)) {
        if (line.line === 4_100) throw new Error('the file ends unexpectedly');
        yield line;
      }
    }
    await expect(importDevices(request(), broken())).rejects.toThrow('the file ends unexpectedly');
    expect(await importDevices(request(), linesOf(records))).toEqual({
      created: 500,
      changed: 0,
      unchanged: 4_000,
      rejected: [],
      rejectedTotal: 0,
    });
  });

  it('leaves a log that tells everything', async () => {
    await world.verify();
    await expectWholeLog(world.db);
  });
});

it('changes of serials and agents by hand are told, with who did it', async () => {
  const world = await createWorld();
  const request = { db: world.db, now: world.now, actor: tester };
  const console = await world.integration('one');
  console.set(fakeAgent('1', null));
  await world.devices({ id: 'a', serialNumbers: ['REPORTED-1'] });
  await world.sync('one');
  await setSerials(request, 'a', ['BY-HAND-1']);
  await bindAgent(request, 'a', '1', 'one');
  await bindAgent(request, null, '1', 'one');
  const told = (await world.events('NODE.')).filter(({ event }) => /IDENTITY|BIND/.test(event));
  expect(told.map(({ event, target, actor }) => [event, target.id, actor.id])).toEqual(
    ['NODE.UPDATE.POSTURE_IDENTITY', 'NODE.BIND.AGENT', 'NODE.BIND.AGENT'].map(event => [event, 'a', 'test']),
  );
  await expectWholeLog(world.db);
});
