// What administrators do while a run is on: between its comparing and its merge, and while it ends. Neither loses what the
// other did.
import { beforeAll, describe, expect, it } from 'vitest';
import { bindAgent, removeDevice, setSerials } from '../../src/operations/devices.ts';
import { derive, startDerivation } from '../../src/store/derive.ts';
import { deleteEvidence, deleteIntegration, updateIntegration } from '../../src/store/integrations.ts';
import { write } from '../../src/store/write.ts';
import type { SyncPoint } from '../../src/sync/context.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

const by = { actor: tester, origin: 'CONFIG_API', cause: 'test' } as const;

describe('while a run is on', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });

  const at = (point: SyncPoint, act: () => Promise<unknown>) => ({
    async reached(reached: SyncPoint) {
      if (reached === point) await act();
    },
  });
  const request = () => ({ db: world.db, now: world.now, actor: tester });

  /** Agents 1 and 2 speak for devices a and b; c has no agent. Then agent 1 changes. */
  async function changedFleet(name: string) {
    const console = await world.integration(name);
    await world.devices(...['a', 'b', 'c'].map(d => ({ id: `${name}-${d}`, serialNumbers: [`${name}-SER-${d}`] })));
    console.set(fakeAgent('1', `${name}-SER-a`), fakeAgent('2', `${name}-SER-b`));
    await world.sync(name);
    console.set(fakeAgent('1', `${name}-SER-a`, { values: { 'fake:threats': 7 } }));
    return console;
  }

  it('an agent bound to another device stays bound, and its values go there', async () => {
    await changedFleet('bound');
    const bind = () => bindAgent(request(), 'bound-c', '1', 'bound');
    expect(await world.sync('bound', at('before head', bind))).toMatchObject({ outcome: 'succeeded' });
    expect(await world.values('bound-a')).toEqual({});
    expect(await world.values('bound-c')).toEqual({ threats: 7 });
    await world.verify();
  });

  it('a device that got the agent in between does not keep values when the agent turns out to have another serial', async () => {
    const console = await changedFleet('moved');
    console.set(fakeAgent('1', 'moved-SER-c'));
    const move = () => setSerials(request(), 'moved-b', ['moved-SER-a']);
    expect(await world.sync('moved', at('before head', move))).toMatchObject({ outcome: 'succeeded' });
    expect(await world.values('moved-c')).toMatchObject({ threats: 0 });
    expect(await world.values('moved-b')).toEqual({});
    await world.verify();
  });

  it('a device that got a vanished agent in between does not keep its values', async () => {
    const console = await changedFleet('gone');
    console.agents.delete('1');
    const move = () => setSerials(request(), 'gone-c', ['gone-SER-a']);
    expect(await world.sync('gone', at('before head', move))).toMatchObject({ outcome: 'succeeded' });
    expect(await world.values('gone-a')).toEqual({});
    expect(await world.values('gone-c')).toEqual({});
    await world.verify();
  });

  it('a device that is removed stays removed', async () => {
    await changedFleet('removed');
    const remove = () => removeDevice(request(), 'removed-a');
    expect(await world.sync('removed', at('before head', remove))).toMatchObject({ outcome: 'succeeded' });
    await expect(world.explain('removed-a')).rejects.toThrow('no device');
    await world.verify();
  });

  it('an integration that is removed gets nothing written, and its run ends as abandoned', async () => {
    await changedFleet('dropped');
    const remove = () =>
      write(world.db, world.now, by, async w => {
        await startDerivation(w.client);
        await deleteEvidence(w.client, 'pdropped');
        await deleteIntegration(w.client, 'pdropped');
        await derive(w);
      });
    expect(await world.sync('dropped', at('before head', remove))).toMatchObject({ outcome: 'abandoned', events: 0 });
    expect(await world.values('dropped-a')).toEqual({});
    await world.verify();
  });

  it('changed settings end the run without a trace, and leave the integration due', async () => {
    await changedFleet('settings');
    const change = async () => {
      const client = await world.db.connect();
      await updateIntegration(client, 'psettings', { settingsVersion: 2, nextSyncAt: world.now() });
      client.release();
    };
    expect(await world.sync('settings', at('before head', change))).toMatchObject({ outcome: 'abandoned' });
    expect(await world.values('settings-a')).toMatchObject({ threats: 0 });
    expect((await world.row('settings')).nextSyncAt <= world.now()).toBe(true);
    expect(await world.sync('settings')).toMatchObject({ outcome: 'succeeded' });
    expect(await world.values('settings-a')).toEqual({ threats: 7 });
  });

  it('changed settings that come after the merge keep their schedule', async () => {
    await changedFleet('late');
    const due = world.now();
    const change = () =>
      world.db.query('update integrations set settings_version = 2, next_sync_at = $1 where id = $2', [due, 'plate']);
    expect(await world.sync('late', at('after commit', change))).toMatchObject({ outcome: 'succeeded' });
    expect((await world.row('late')).nextSyncAt).toEqual(due);
  });

  it.each(['unavailable', 'auth'] as const)(
    'a pause by hand stays one by hand when the run then fails with %s',
    async kind => {
      const name = `pause-${kind}`;
      const console = await changedFleet(name);
      console.fail = { page: 0, kind };
      const pause = () =>
        world.db.query("update integrations set pause_reason = 'administrator', paused_until = null where id = $1", [
          `p${name}`,
        ]);
      await world.sync(name, at('claimed', pause));
      expect(await world.row(name)).toMatchObject({ pauseReason: 'administrator', pausedUntil: null, error: { kind } });
      world.pass(25 * hour);
      expect(await world.row(name)).toMatchObject({ pauseReason: 'administrator', pausedUntil: null });
    },
  );

  it('a pause by hand that comes after the merge stays', async () => {
    await changedFleet('paused');
    const pause = () =>
      world.db.query("update integrations set pause_reason = 'administrator' where id = $1", ['ppaused']);
    expect(await world.sync('paused', at('after commit', pause))).toMatchObject({ outcome: 'succeeded' });
    expect(await world.row('paused')).toMatchObject({ pauseReason: 'administrator', error: null });
  });

  it('that it became due again in the middle is not forgotten', async () => {
    await changedFleet('hurried');
    const due = () =>
      world.db.query('update integrations set next_sync_at = $1 where id = $2', [
        new Date(world.now().getTime() + 1),
        'phurried',
      ]);
    await world.sync('hurried', at('after commit', due));
    expect((await world.row('hurried')).nextSyncAt.getTime()).toBe(world.now().getTime() + 1);
  });

  it('an agent that gets a device just when its evidence ends gives it no value', async () => {
    const console = await world.integration('ending', { expire_after_ms: hour });
    await world.devices({ id: 'ending-a', serialNumbers: ['ending-SER-a'] });
    console.set(fakeAgent('1', 'ending-SER-a'), fakeAgent('2', 'ending-SER-b'));
    await world.sync('ending');
    console.unreadable.add('2');
    await world.sync('ending');
    world.pass(hour);
    const { revision } = (await world.db.query('select revision from head')).rows[0];
    const bring = () => world.devices({ id: 'ending-b', serialNumbers: ['ending-SER-b'] });
    expect(await world.sync('ending', at('before times', bring))).toMatchObject({ outcome: 'succeeded' });
    expect(await world.values('ending-b')).toEqual({});
    expect(await world.values('ending-a')).toMatchObject({ threats: 0 });
    // Bringing it in was one write; that nothing turned was no longer so, and took another one.
    expect((await world.db.query('select revision from head')).rows[0].revision).toBe(revision + 2);
    await world.verify();
  });

  it('the log still tells all of it', async () => {
    await world.verify();
    await expectWholeLog(world.db);
  });
});
