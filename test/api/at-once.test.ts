// Several who ask for the same thing in the same moment: one of them gets it, none is lost, and each is told what became of it.
import { beforeEach, describe, expect, it } from 'vitest';
import { type Answered, startApi, type TestApi } from '../support/api.ts';
import { createWorld, type World } from '../support/world.ts';

const devices = '/api/v2/tailnet/-/devices';
const settings = '/api/v2/tailnet/-/settings';
const of = (device: string, key = '') => `/api/v2/device/${device}/attributes${key === '' ? '' : `/${key}`}`;

let world: World;
let api: TestApi;
const atOnce = (requests: readonly (readonly [method: string, path: string, body?: unknown])[]): Promise<Answered[]> =>
  Promise.all(requests.map(request => api.call(...request)));
const statuses = (answers: readonly Answered[]) => answers.map(({ status }) => status).sort();
const times = <T>(count: number, each: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => each(i));

beforeEach(async () => {
  world = await createWorld();
  api = await startApi({ database: world.database, now: world.now });
});

describe('at once', () => {
  it('a device is created once, and deleted once', async () => {
    const made = await atOnce(times(6, i => ['POST', devices, { id: 'lt-1', hostname: `h${i}` }] as const));
    expect(statuses(made)).toEqual([200, 409, 409, 409, 409, 409]);
    const winner = made.find(({ status }) => status === 200)?.body;
    expect((await api.call('GET', '/api/v2/device/lt-1')).body.hostname).toBe(winner.hostname);
    const gone = await atOnce(times(6, () => ['DELETE', '/api/v2/device/lt-1'] as const));
    expect(statuses(gone)).toEqual([200, 404, 404, 404, 404, 404]);
    expect((await world.events('NODE')).map(({ event }) => event)).toEqual(['NODE.CREATE', 'NODE.DELETE']);
  });

  it('one serial number set by hand on two devices is that of one of them', async () => {
    await world.devices({ id: 'a' }, { id: 'b' });
    const put = (id: string) => ['PUT', `/api/v2/device/${id}/serials`, { serialNumbers: ['SER-1'] }] as const;
    expect(statuses(await atOnce([put('a'), put('b')]))).toEqual([200, 409]);
    expect((await world.events('NODE.REFUSE')).length).toBe(1);
    await world.verify();
  });

  it('settings keep what each of several changed', async () => {
    const changes = [
      { devicesApprovalOn: true },
      { devicesKeyDurationDays: 30 },
      { httpsEnabled: true },
      { usersApprovalOn: true },
    ];
    expect(statuses(await atOnce(changes.map(change => ['PATCH', settings, change] as const)))).toEqual([
      200, 200, 200, 200,
    ]);
    expect((await api.call('GET', settings)).body).toMatchObject(Object.assign({}, ...changes));
  });

  it('a custom attribute has the type of one first value, and the others are refused', async () => {
    await world.devices({ id: 'a' }, { id: 'b' }, { id: 'c' });
    const values = { a: 1, b: 'one', c: true };
    const set = Object.entries(values).map(([id, value]) => ['POST', of(id, 'custom:x'), { value }] as const);
    const answers = await atOnce(set);
    expect(statuses(answers)).toEqual([200, 400, 400]);
    for (const { status, body } of answers) if (status === 400) expect(body.message).toContain('custom:x of ');
    await world.verify();
  });

  it('values set on a device while it is deleted are gone with it, or find no device', async () => {
    await world.devices({ id: 'a' });
    const [removed, ...set] = await atOnce([
      ['DELETE', '/api/v2/device/a'],
      ...times(5, i => ['POST', of('a', `custom:k${i}`), { value: i }] as const),
    ]);
    expect(removed?.status).toBe(200);
    expect(statuses(set).filter(status => status !== 200 && status !== 404)).toEqual([]);
    expect((await api.call('GET', of('a'))).status).toBe(404);
    const batch = await api.call('PATCH', '/api/v2/tailnet/-/device-attributes', {
      nodes: { a: { 'custom:x': null } },
    });
    expect(batch.status).toBe(404);
    await world.verify();
  });

  it('a webhook is created once under a name, and deleted once', async () => {
    const hook = { endpointUrl: 'https://hooks.example.com/posture', name: 'pager' };
    const made = await atOnce(times(5, () => ['POST', '/api/v2/tailnet/-/webhooks', hook] as const));
    expect(statuses(made)).toEqual([200, 409, 409, 409, 409]);
    const { endpointId } = made.find(({ status }) => status === 200)?.body ?? {};
    const gone = await atOnce(times(3, () => ['DELETE', `/api/v2/webhooks/${endpointId}`] as const));
    expect(statuses(gone)).toEqual([200, 404, 404]);
  });
});
