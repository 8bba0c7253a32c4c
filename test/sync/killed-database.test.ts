// kill -9 of PostgreSQL at each point of a run, on a server of this file's own: the run fails, what was committed is there
// when the server is back, and the next run brings all right.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SyncPoint } from '../../src/sync/context.ts';
import { runSync } from '../../src/sync/run.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { type OwnServer, startOwnServer } from '../support/own-server.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, minute, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };

describe('after kill -9 of PostgreSQL', () => {
  let server: OwnServer;
  let world: World;

  beforeAll(async () => {
    server = await startOwnServer();
    world = await createWorld(server.database);
  });

  afterAll(() => server?.stop());

  it.each(['page staged', 'before head', 'before commit', 'after commit'] satisfies SyncPoint[])(
    'at "%s" the run fails, nothing is lost or doubled, and the next one is right',
    async point => {
      const name = point.replace(' ', '-');
      const console = await world.integration(name);
      await world.devices(...[1, 2, 3, 4, 5].map(n => ({ id: `${name}-${n}`, serialNumbers: [`${name}-SER-${n}`] })));
      for (const n of [1, 2, 3, 4]) console.set(fakeAgent(`${n}`, `${name}-SER-${n}`));
      await world.sync(name);
      const before = await world.db.query('select revision from head');
      console.set(fakeAgent('1', `${name}-SER-1`, { values: { 'fake:threats': 7 } }), fakeAgent('5', `${name}-SER-5`));
      console.agents.delete('2');
      world.pass(minute);
      let isKilled = false;
      const run = runSync(world.context, `p${name}`, {
        signal: new AbortController().signal,
        async reached(reached) {
          if (reached !== point || isKilled) return;
          isKilled = true;
          await server.kill();
        },
      });
      await expect(run).rejects.toThrow();
      await server.untilBack();
      const wasMerged = point === 'after commit';
      const between = await world.db.query('select revision from head');
      expect(between.rows[0].revision - before.rows[0].revision).toBe(wasMerged ? 1 : 0);
      await world.verify();
      await expectWholeLog(world.db);
      expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', events: wasMerged ? 0 : 3 });
      expect(await world.values(`${name}-1`)).toEqual({ threats: 7 });
      expect(await world.values(`${name}-2`)).toEqual({});
      expect(await world.values(`${name}-5`)).toEqual(healthy);
      const runs = await world.db.query('select outcome from sync_runs where integration_id = $1 order by id', [
        `p${name}`,
      ]);
      expect(runs.rows.map(row => row.outcome)).toEqual(['succeeded', 'abandoned', 'succeeded']);
      await world.verify();
      await expectWholeLog(world.db);
    },
  );
});
