// What becomes of tests and previews when workers stop, break or are killed, and when settings change between the asking and the answer.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { askForPreview, askForTest, type Check, type CheckKind, checkResult } from '../../src/operations/checks.ts';
import { createAnswerBell } from '../../src/store/answer-bell.ts';
import type { SyncPoint } from '../../src/sync/context.ts';
import { testKeys } from '../support/api.ts';
import { startChecker } from '../support/checking.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { unansweredFirst } from '../support/killed-worker.ts';
import '../support/registered.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const askedOf = ({ db, now }: World) => ({ db, now, actor: tester, keys: testKeys, allowedHosts: ['127.0.0.1'] });

async function answered<Kind extends CheckKind>({ db, database }: World, kind: Kind, id: number): Promise<Check<Kind>> {
  const bell = createAnswerBell(database.url);
  onTestFinished(() => bell.stop());
  const look = async () => await checkResult(db, kind, 'phq', id);
  await bell.until(id, async () => (await look())?.finishedAt != null, 120_000, new AbortController().signal);
  const check = await look();
  if (check?.finishedAt == null) throw new Error(`no answer: ${JSON.stringify(check)}`);
  return check;
}

const attempts = async ({ db }: World) => (await db.query('select attempts, secret from requests')).rows;

describe('a request', () => {
  let world: World;
  let console: FakeConsole;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-A'));
    await world.devices({ id: 'a', serialNumbers: ['SER-A'] });
    await world.sync('hq');
    console.queries.length = 0;
  });

  const askPreview = async () => await askForPreview(askedOf(world), await world.row('hq'), null);

  it('whose worker stops is taken by the next one', async () => {
    const asked = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    console.beforePage = async () => {
      asked.resolve();
      await goOn.promise;
    };
    const first = startChecker(world);
    const id = await askPreview();
    await asked.promise;
    const stopped = first.stop();
    goOn.resolve();
    await stopped;
    expect(await checkResult(world.db, 'preview', 'phq', id)).toMatchObject({ state: 'under_way', finishedAt: null });
    startChecker(world);
    expect(await answered(world, 'preview', id)).toMatchObject({ state: 'done' });
    expect(await attempts(world)).toEqual([{ attempts: 2, secret: null }]);
  });

  it('that breaks whoever takes it is given up after three times, with its secret', async () => {
    const reachedInPreview = () => {
      throw new Error('a bug of ours');
    };
    startChecker(world, { reachedInPreview });
    const changes = { settings: { token: 'another-secret' } };
    const id = await askForPreview(askedOf(world), await world.row('hq'), changes);
    const { state, error } = await answered(world, 'preview', id);
    expect([state, error?.message]).toEqual(['failed', expect.stringContaining('internal error')]);
    expect(await attempts(world)).toEqual([{ attempts: 4, secret: null }]);
  });

  it('about settings that were changed meanwhile asks nobody: a stored secret goes with the stored address alone', async () => {
    const changes = { settings: { requestsPerSecond: 5 } };
    const ids = [
      ['test', await askForTest(askedOf(world), await world.row('hq'), changes)],
      ['preview', await askForPreview(askedOf(world), await world.row('hq'), changes)],
    ] as const;
    await world.db.query(
      'update integrations set settings_version = settings_version + 1, settings = settings || \'{"url": "https://new.test"}\'',
    );
    startChecker(world);
    for (const [kind, id] of ids) {
      const check = await answered(world, kind, id);
      expect(check).toMatchObject({
        state: 'failed',
        error: { kind: 'conflict', message: expect.stringContaining('ask again') },
      });
    }
    expect(console.queries).toEqual([]);
  });

  it('is answered as overtaken where the settings change while it runs, or the integration is removed', async () => {
    const bump = 'update integrations set settings_version = settings_version + 1';
    for (const [statement, message] of [
      [bump, 'ask again'],
      ['delete from integrations', 'was removed'],
    ] as const) {
      let isFirst = true;
      const reachedInPreview = async (point: SyncPoint) => {
        if (point !== 'page staged' || !isFirst) return;
        isFirst = false;
        await world.db.query(statement);
      };
      const worker = startChecker(world, { reachedInPreview });
      const id = await askPreview();
      const { state, error } = await answered(world, 'preview', id);
      expect([state, error?.kind === 'conflict' || error?.message.includes(message)]).toEqual(['failed', true]);
      await worker.stop();
    }
  });

  // It waits for 3 s: a machine that stalls for as long needs another try.
  it('lets a sync that is due go first', { retry: 3 }, async () => {
    await world.db.query('update integrations set next_sync_at = $1', [world.now()]);
    startChecker(world);
    const id = await askPreview();
    await expect.poll(async () => (await checkResult(world.db, 'preview', 'phq', id))?.state).toBe('under_way');
    expect(console.queries).toEqual([]);
    await world.sync('hq');
    expect(await answered(world, 'preview', id)).toMatchObject({ state: 'done' });
    expect(console.queries).toHaveLength(2);
  });
});

it('a test whose worker process is killed is done by another one at once', async () => {
  const world = await createWorld();
  const { firstAsked, start } = await unansweredFirst(world);
  const killFirst = start('first');
  const id = await askForTest(askedOf(world), await world.row('hq'), { settings: { token: 'x'.repeat(40) } });
  await firstAsked;
  start('second');
  await killFirst();
  expect(await answered(world, 'test', id)).toMatchObject({ state: 'done', result: { ok: true, agents: 1 } });
  expect(await attempts(world)).toEqual([{ attempts: 2, secret: null }]);
});
