// Which notices come of what happens: the outbox is filled by the audited write itself, whoever writes.
import { beforeEach, describe, expect, it } from 'vitest';
import { setSerials } from '../../src/operations/devices.ts';
import { pauseIntegration, resumeIntegration } from '../../src/operations/integration-states.ts';
import { disableWebhook } from '../../src/operations/webhooks.ts';
import { noticeKinds } from '../../src/posture/notices.ts';
import { write } from '../../src/store/write.ts';
import { keep } from '../../src/sync/keeper.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { tellFlips } from '../support/receiver.ts';
import { addWebhook, deliveriesOf } from '../support/sender.ts';
import '../support/registered.ts';
import { inForce, openKeeper } from '../support/standings.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const day = 24 * hour;
const url = 'http://127.0.0.1:9/in';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await addWebhook(world, 'w', url);
});

const made = async (name = 'w') => (await deliveriesOf(world, name)).map(({ notice, target }) => `${notice} ${target}`);
const look = () => keep({ ...world.context, pool: world.db, auditRetentionMs: 10_000 * day });
const request = () => ({ db: world.db, now: world.now, actor: tester });

describe('of an integration', () => {
  it('failing is told after an hour, once, and recovered after that alone', async () => {
    const console = await world.integration('i');
    console.fail = { page: 0, kind: 'unavailable' };
    await world.sync('i');
    world.pass(58 * minute);
    await world.sync('i');
    await look();
    expect(await made()).toEqual([]);
    console.fail = null;
    await world.sync('i');
    // Short failures make no notice, nor does their end.
    expect(await made()).toEqual([]);
    console.fail = { page: 0, kind: 'unavailable' };
    await world.sync('i');
    world.pass(2 * hour);
    await look();
    await look();
    expect(await made()).toEqual(['integration.failing pi']);
    console.fail = null;
    await world.sync('i');
    expect(await made()).toEqual(['integration.failing pi', 'integration.recovered pi']);
  });

  it('a pause, and its end, are told whoever made them', async () => {
    const console = await world.integration('i');
    console.fail = { page: 0, kind: 'auth' };
    await world.sync('i');
    world.pass(2 * hour);
    await look();
    console.fail = null;
    await resumeIntegration(request(), 'i');
    await pauseIntegration(request(), 'i');
    const [paused, recovered] = ['integration.paused pi', 'integration.recovered pi'];
    expect(await made()).toEqual([paused, recovered, paused]);
  });

  it('a hold, and its end, are told', async () => {
    const console = await world.integration('i');
    await world.devices(...[1, 2, 3, 4].map(n => ({ id: `d${n}`, serialNumbers: [`SER-${n}0`] })));
    for (const n of [1, 2, 3, 4]) console.set(fakeAgent(`${n}`, `SER-${n}0`));
    await world.sync('i');
    console.agents.clear();
    await world.sync('i');
    for (const n of [1, 2, 3, 4]) console.set(fakeAgent(`${n}`, `SER-${n}0`));
    await world.sync('i');
    expect(await made()).toEqual(['integration.held pi', 'integration.recovered pi']);
  });

  it('the end of token and evidence are told before', async () => {
    const console = await world.integration('i');
    console.account = { scope: [], tokenExpiresAt: new Date(world.now().getTime() + 20 * day) };
    await world.devices({ id: 'd1', serialNumbers: ['SER-10'] });
    console.set(fakeAgent('1', 'SER-10'));
    await world.sync('i');
    await look();
    expect(await made()).toEqual(['integration.token_expiring pi']);
    world.pass(30 * hour);
    await look();
    expect(await made()).toEqual(['integration.token_expiring pi', 'integration.evidence_expiring pi']);
  });
});

describe('of a device', () => {
  it('a serial that several devices claim is told once a serial, and again when another device joins', async () => {
    await world.devices({ id: 'd1', serialNumbers: ['SER-10'] });
    await world.devices({ id: 'd2', serialNumbers: ['SER-10'] }, { id: 'd3', serialNumbers: ['SER-30'] });
    expect(await made()).toEqual(['device.serial_conflict d1']);
    const [event] = await world.events('NODE.CONFLICT');
    expect(event?.new).toEqual({ serialNumber: 'SER-10', devices: ['d1', 'd2'], count: 2 });
    await world.devices({ id: 'd3', serialNumbers: ['SER-10', 'SER-30'] });
    await world.devices({ id: 'd3', hostname: 'other' });
    expect(await made()).toEqual(['device.serial_conflict d1', 'device.serial_conflict d3']);
    await setSerials(request(), 'd1', ['SER-10']);
    await world.devices({ id: 'd4', serialNumbers: ['SER-10'] });
    expect((await made()).slice(2)).toEqual(['device.serial_conflict d4']);
    expect((await world.events('NODE.REFUSE')).map(({ target }) => target.id)).toEqual(['d4']);
  });

  it('passing, failing and not being known are told of changes alone', async () => {
    const console = await world.integration('i');
    await world.devices({ id: 'd1', serialNumbers: ['SER-10'] });
    console.set(fakeAgent('1', 'SER-10'));
    await world.sync('i');
    await inForce(world, { 'posture:p': ['fake:threats == 0'] });
    const keeper = await openKeeper(world);
    await keeper.judge();
    expect(await made()).toEqual([]);
    for (const values of [{ 'fake:threats': 3 }, { 'fake:threats': 0 }, { 'fake:isActive': true }]) {
      console.set(fakeAgent('1', 'SER-10', { values }));
      await world.sync('i');
      await keeper.judge();
    }
    const told = ['failed', 'passed', 'unknown'].map(state => `device.posture_${state} d1`);
    expect(await made()).toEqual(told);
    await keeper.end();
  });
});

describe('the outbox', () => {
  it('is filled in the revision that it tells of, or not at all', async () => {
    await tellFlips(world, 'd1 failing');
    const by = { actor: tester, origin: 'CONTROL', cause: 'test' } as const;
    const event = { event: 'NODE.UPDATE.POSTURE_STANDING', targetId: 'd2', targetName: null } as const;
    const broken = write(world.db, world.now, by, async w => {
      await w.event({ ...event, new: { state: 'failing' } });
      throw new Error('broken off');
    });
    await expect(broken).rejects.toThrow('broken off');
    const { rows } = await world.db.query('select d.revision, h.revision as head from webhook_deliveries d, head h');
    expect(rows).toEqual([{ revision: rows[0].head, head: rows[0].head }]);
  });

  it('has nothing for a webhook that is disabled, or gets other kinds', async () => {
    await addWebhook(
      world,
      'other',
      url,
      noticeKinds.filter(kind => kind !== 'device.posture_failed'),
    );
    await disableWebhook(request(), 'w');
    await tellFlips(world, 'd1 failing', 'd1 passing');
    expect(await made()).toEqual([]);
    expect(await made('other')).toEqual(['device.posture_passed d1']);
  });

  it('is emptied of what was delivered a week ago, and of what waits for a disabled webhook for a month', async () => {
    await addWebhook(world, 'off', url);
    await tellFlips(world, 'd1 failing', 'd2 failing');
    await disableWebhook(request(), 'off');
    await world.db.query(
      "update webhook_deliveries set delivered_at = $1 where webhook_id = (select id from webhooks where name = 'w') and subject = 'NODE:d1'",
      [world.now()],
    );
    world.pass(6 * day);
    await look();
    expect([await made(), await made('off')].map(list => list.length)).toEqual([2, 2]);
    world.pass(2 * day);
    await look();
    expect(await made()).toEqual(['device.posture_failed d2']);
    world.pass(24 * day);
    await look();
    expect([await made(), await made('off')].map(list => list.length)).toEqual([1, 0]);
  });
});
