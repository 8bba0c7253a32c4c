// Reports of devices' identity: what whoever has the key may do, and above all what not, with the reporter's secret and without.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createReportLimits, reportLimits } from '../../src/http/limits.ts';
import { bindAgent, setSerials } from '../../src/operations/devices.ts';
import { reportedDeviceId } from '../../src/operations/reports.ts';
import { changeSettings } from '../../src/operations/settings.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

const path = '/api/v2/tailnet/-/devices/report';
const secretOf = (name: string) => name.padEnd(40, '-');

describe('a report', () => {
  let world: World;
  let api: TestApi;
  let key: string;
  const revision = async (): Promise<number> => (await world.db.query('select revision from head')).rows[0].revision;
  const refusals = () => world.events('NODE.REFUSE.POSTURE_IDENTITY');
  const report = (name: string, serialNumbers: unknown, more: Record<string, unknown> = {}) =>
    api.call('POST', path, { reporterSecret: secretOf(name), serialNumbers, ...more }, { key });
  const device = async (id: string) => (await api.call('GET', `/api/v2/device/${id}?fields=all`)).body;

  beforeEach(async () => {
    world = await createWorld();
    api = await startApi({ database: world.database, now: world.now });
    key = await api.keyFor('devices:report');
  });
  afterEach(() => world.verify());

  it('makes a device of one that is not known, which has the values of its agent at once; again it writes nothing', async () => {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true } }));
    await world.sync('hq');
    const started = await revision();
    const made = await report('anna', ['ser-1', 'Default string'], { hostname: 'ANNA-LT', os: 'linux' });
    const id = reportedDeviceId(secretOf('anna'));
    expect([made.status, made.body]).toEqual([200, { device: id, outcome: 'created', refusedSerialNumbers: [] }]);
    expect(await device(id)).toMatchObject({
      ...{ hostname: 'ANNA-LT', os: 'linux', user: '', tags: [], addresses: [], match: { state: 'matched' } },
      serials: [
        { serial: 'Default string', source: 'reported', problem: 'placeholder_serial' },
        { serial: 'ser-1', source: 'reported', problem: null },
      ],
    });
    const [created, ...others] = await world.events('NODE.CREATE');
    expect([created?.target.id, created?.actor.type, others.length]).toEqual([id, 'OAUTH_CLIENT', 1]);
    const before = await revision();
    expect(before - started).toBe(1);
    for (const more of [{ hostname: 'ANNA-LT', os: 'linux' }, {}])
      expect((await report('anna', ['SER-1', 'default string'], more)).body.outcome).toBe('unchanged');
    expect(await revision()).toBe(before);
    const changed = await report('anna', ['SER-1', 'SER-2'], { hostname: 'ANNA-2' });
    expect(changed.body.outcome).toBe('changed');
    expect(await device(id)).toMatchObject({ hostname: 'ANNA-2', os: 'linux' });
    expect((await device(id)).postureIdentity.serialNumbers.sort()).toEqual(['SER-2', 'ser-1']);
  });

  it('that could read no serial number leaves those that were read before', async () => {
    await report('anna', ['SER-1']);
    const before = await revision();
    for (const serials of [[], ['Default string'], ['']])
      expect((await report('anna', serials)).body.outcome).toBe('unchanged');
    expect(await revision()).toBe(before);
    expect((await report('anna', [], { hostname: 'ANNA' })).body.outcome).toBe('changed');
    expect((await device(reportedDeviceId(secretOf('anna')))).postureIdentity.serialNumbers).toEqual(['SER-1']);
  });

  it.each([
    ['imported', async (w: World) => w.devices({ id: 'lt-1', serialNumbers: ['SER-1'] })],
    [
      'set by hand',
      async (w: World) => {
        await w.devices({ id: 'lt-1' });
        await setSerials({ db: w.db, now: w.now, actor: tester }, 'lt-1', ['SER-1']);
      },
    ],
    [
      'replaced by hand',
      async (w: World) => {
        await w.devices({ id: 'lt-1', serialNumbers: ['SER-1'] });
        await setSerials({ db: w.db, now: w.now, actor: tester }, 'lt-1', ['SER-9']);
      },
    ],
  ])('never gets a serial number that another device has, %s: both are named, once a day', async (_, prepare) => {
    await prepare(world);
    const known = await device('lt-1');
    const before = await revision();
    const thief = reportedDeviceId(secretOf('thief'));
    for (let n = 0; n < 5; n++) {
      const refused = await report('thief', [' ser-1 '], { hostname: 'THIEF' });
      expect([refused.status, refused.body.message]).toEqual([409, expect.stringContaining('another device has')]);
      // Who it is stays the administrator's to know.
      expect(JSON.stringify(refused.body)).not.toContain('lt-1');
      // Others cannot make the log longer either by giving themselves other names.
      expect((await report(`thief-${n}`, ['SER-1'])).status).toBe(409);
    }
    expect(await revision()).toBe(before + 1);
    expect(await refusals()).toMatchObject([
      {
        target: { id: 'lt-1' },
        actor: { type: 'OAUTH_CLIENT' },
        new: { serialNumber: 'ser-1', device: thief, heldBy: 'lt-1', hostname: 'THIEF' },
      },
    ]);
    expect((await api.call('GET', `/api/v2/device/${thief}`)).status).toBe(404);
    expect(await device('lt-1')).toEqual(known);
    world.pass(25 * hour);
    await report('thief', ['SER-1']);
    expect(await refusals()).toHaveLength(2);
  });

  it('with some serial numbers of another device keeps the rest, and each such pair is told', async () => {
    await world.devices({ id: 'lt-1', serialNumbers: ['BOARD-1'] }, { id: 'lt-2', serialNumbers: ['CHASSIS-2'] });
    const all = ['SER-1', 'BOARD-1', 'CHASSIS-2'];
    const made = await report('anna', all);
    expect(made.body).toMatchObject({ outcome: 'created', refusedSerialNumbers: ['BOARD-1', 'CHASSIS-2'] });
    const before = await revision();
    // Now that it is known, it is told by its own name: once.
    for (let n = 0; n < 3; n++) expect((await report('anna', all)).body.outcome).toBe('unchanged');
    expect(await revision()).toBe(before);
    expect((await refusals()).map(({ target }) => target.id).sort()).toEqual(['lt-1', 'lt-2']);
    for (const id of ['lt-1', 'lt-2']) expect((await device(id)).conflicts).toEqual([]);
    expect((await report('bob', ['SER-1'])).status).toBe(409);
  });

  it('reaches no device but its own: neither by what it says nor by the ids of others', async () => {
    await report('anna', ['SER-1'], { hostname: 'ANNA' });
    await world.devices({ id: 'lt-1', hostname: 'BOB' });
    const [anna, lt] = [await device(reportedDeviceId(secretOf('anna'))), await device('lt-1')];
    const before = await revision();
    for (const more of [
      ...[{ id: 'lt-1' }, { device: 'lt-1' }, { nodeId: anna.id }, { user: 'anna@example.com' }, { tags: ['laptop'] }],
      ...[{ addresses: ['10.0.0.1'] }, { certificateFingerprints: [] }, { attributes: { 'custom:a': true } }],
    ]) {
      const refused = await report('thief', ['SER-7'], more);
      expect([refused.status, refused.body.message]).toEqual([400, `${Object.keys(more)[0]}: there is no such field`]);
    }
    expect((await report(anna.id, ['SER-1'])).status).toBe(409);
    expect(await device(anna.id)).toEqual(anna);
    expect(await device('lt-1')).toEqual(lt);
    // The one event is that of the last refusal.
    expect(await revision()).toBe(before + 1);
  });

  it('is all that its key may do', async () => {
    await world.devices({ id: 'lt-1', serialNumbers: ['SER-1'] });
    for (const [method, asked] of [
      ['GET', '/api/v2/tailnet/-/devices'],
      ['GET', '/api/v2/device/lt-1'],
      ['GET', '/api/v2/device/lt-1/attributes'],
      ['POST', '/api/v2/device/lt-1/attributes/custom:a'],
      ['POST', '/api/v2/tailnet/-/devices'],
      ['PUT', '/api/v2/device/lt-1/serials'],
      ['DELETE', '/api/v2/device/lt-1'],
    ] as const)
      expect([asked, (await api.call(method, asked, undefined, { key })).status]).toEqual([asked, 403]);
  });

  it('gets no serial number of an agent that is another device’s by another one, or bound to it', async () => {
    const console = await world.integration('hq');
    const several = [
      { kind: 'serial' as const, value: 'SER-1' },
      { kind: 'serial' as const, value: 'BOARD-1' },
    ];
    console.set(fakeAgent('1', null, { identifiers: several }), fakeAgent('2', 'SER-2'));
    await world.devices({ id: 'lt-1', serialNumbers: ['SER-1'] }, { id: 'lt-2' });
    await world.sync('hq');
    await bindAgent({ db: world.db, now: world.now, actor: tester }, 'lt-2', '2');
    const [one, two] = [await world.values('lt-1'), await world.values('lt-2')];
    for (const serial of ['BOARD-1', 'SER-2']) expect((await report('thief', [serial])).status).toBe(409);
    expect([await world.values('lt-1'), await world.values('lt-2')]).toEqual([one, two]);
    expect([one, two]).toEqual([
      expect.objectContaining({ isActive: true }),
      expect.objectContaining({ isActive: true }),
    ]);
    expect((await refusals()).map(({ target }) => target.id).sort()).toEqual(['lt-1', 'lt-2']);
  });

  it('of two devices with one serial number at once is taken from one of them', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => report(`device-${i}`, ['SER-1'])));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)]);
    expect(await world.events('NODE.CREATE')).toHaveLength(1);
    expect(await refusals()).toHaveLength(1);
  });

  it('gives way to serial numbers that an administrator sets by hand', async () => {
    await report('anna', ['SER-1']);
    const id = reportedDeviceId(secretOf('anna'));
    await setSerials({ db: world.db, now: world.now, actor: tester }, id, ['SER-9']);
    expect((await report('anna', ['SER-1', 'SER-2'])).body.outcome).toBe('changed');
    expect((await device(id)).postureIdentity.serialNumbers).toEqual(['SER-9']);
    await world.devices({ id: 'lt-2' });
    await setSerials({ db: world.db, now: world.now, actor: tester }, 'lt-2', ['SER-3']);
    expect((await report('anna', ['SER-3'])).body).toMatchObject({ refusedSerialNumbers: ['SER-3'] });
    expect((await device('lt-2')).conflicts).toEqual([]);
  });

  it('is refused clearly while identity collection is off, and nothing is stored', async () => {
    await changeSettings(
      { db: world.db, now: world.now, actor: tester },
      { postureIdentityCollectionOn: false },
      { confirm: null, isConfirmRequired: false },
    );
    const before = await revision();
    const refused = await report('anna', ['SER-1']);
    expect([refused.status, refused.body.message]).toEqual([409, expect.stringContaining('switched off')]);
    expect(await revision()).toBe(before);
  });

  it('of one device is taken 20 times an hour, then 429 says when to come back', async () => {
    for (let n = 0; n < reportLimits.perDevice; n++) expect((await report('anna', ['SER-1'])).status).toBe(200);
    const refused = await report('anna', ['SER-1']);
    expect([refused.status, refused.body.message]).toEqual([429, expect.stringMatching(/^too many requests/)]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3_000);
    expect((await report('bob', ['SER-2'])).status).toBe(200);
  });
});

describe('limits of reports', () => {
  it('count devices that are not known by key, so that made-up ones come to an end', () => {
    let at = 0;
    const { take } = createReportLimits(() => at);
    for (let n = 0; n < reportLimits.perKeyOfNewDevices; n++) expect(take('k1', `made-up-${n}`, true)).toBe(0);
    expect(take('k1', 'another', true)).toBe(3_600);
    expect([take('k2', 'another', true), take('k1', 'known', false)]).toEqual([0, 0]);
    at += 3_600_000;
    expect(take('k1', 'another', true)).toBe(0);
  });
});
