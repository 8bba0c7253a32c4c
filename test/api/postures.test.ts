// Postures over HTTP: counts, causes, and the devices behind them, as the command line tells them.
import { beforeEach, describe, expect, it } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { runCommand } from '../support/cli.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { inForce, openKeeper } from '../support/standings.ts';
import { createWorld, type World } from '../support/world.ts';

const all = '/api/v2/tailnet/-/postures';
let world: World;
let api: TestApi;
const get = async (path = '') => (await api.call('GET', `${all}${path}`)).body;
const run = async (...words: string[]) =>
  (await runCommand(['posture', ...words, '--json'], { DATABASE_URL: world.database.url })).json();
const ids = (body: { devices: { device: string }[] }) => body.devices.map(({ device }) => device);

beforeEach(async () => {
  world = await createWorld();
  const console = await world.integration('hq');
  for (const [id, threats] of Object.entries({ a: 0, b: 2, c: 2, d: 3 })) {
    await world.devices({ id, serialNumbers: [`SER-${id}`] });
    console.set(fakeAgent(id, `SER-${id}`, { values: { 'fake:threats': threats, 'fake:isActive': id !== 'c' } }));
  }
  await world.devices({ id: 'e' });
  await world.sync('hq');
  const conditions = ['fake:threats == 0', 'fake:isActive'];
  await inForce(world, {
    'posture:clean': { conditions, description: 'Nothing found.' },
    'posture:any': ['fake:threats >= 0'],
  });
  api = await startApi({ database: world.database, now: world.now });
});

const judged = async () => await (await openKeeper(world)).judge();

describe('postures', () => {
  it('are listed with their counts, and how current these are, as by command line', async () => {
    expect((await get()).asOf).toMatchObject({ isCurrent: false, waiting: 5 });
    await judged();
    const { postures, asOf } = await get();
    expect(postures).toEqual([
      { posture: 'posture:clean', description: 'Nothing found.', passing: 1, failing: 3, unknown: 1, devices: 5 },
      { posture: 'posture:any', description: null, passing: 4, failing: 0, unknown: 1, devices: 5 },
    ]);
    expect(asOf).toMatchObject({ isCurrent: true, waiting: 0 });
    expect(await run('list')).toEqual(postures.map((posture: object) => ({ ...posture, asOf })));
  });

  it('say what keeps devices from passing, as by command line', async () => {
    await judged();
    const view = await get('/clean');
    expect(view).toMatchObject({ failing: 3, conditions: ['fake:threats == 0', 'fake:isActive'], causesTotal: 5 });
    expect(view.causes[0]).toEqual({
      ...{
        posture: 'posture:clean',
        condition: 'fake:threats == 0',
        attribute: 'fake:threats',
        found: 2,
        unknown: null,
      },
      ...{ devices: 2, examples: ['b', 'c'] },
    });
    expect(await get('/posture:clean')).toEqual(view);
    expect(await run('show', 'clean')).toEqual([view]);
    expect((await get('/clean?limit=1')).causes).toHaveLength(1);
  });

  it('list the devices in a state, by cause and in pages, as by command line', async () => {
    await judged();
    const first = await get('/clean/devices?limit=2');
    expect([ids(first), typeof first.nextCursor]).toEqual([['b', 'c'], 'string']);
    const rest = await get(`/clean/devices?limit=2&cursor=${first.nextCursor}`);
    expect([ids(rest), rest.nextCursor]).toEqual([['d'], null]);
    expect(await run('show', 'clean', '--state', 'failing')).toEqual([...first.devices, ...rest.devices]);
    const inactive = await get(`/clean/devices?condition=${encodeURIComponent('fake:isActive == true')}`);
    expect(ids(inactive)).toEqual(['c']);
    expect(await run('show', 'clean', '--state', 'failing', '--condition', 'fake:isActive == true')).toEqual(
      inactive.devices,
    );
    expect(ids(await get('/clean/devices?state=unknown'))).toEqual(['e']);
    expect(ids(await get('/clean/devices?state=passing&limit=1'))).toEqual(['a']);
    const one = await get('/clean/devices/b');
    expect(one).toMatchObject({ device: 'b', state: 'failing', reasons: [{ found: 2, integration: 'hq' }] });
    expect(await run('show', 'clean', '--device', 'b')).toEqual([one]);
  });

  it.each([
    [404, '/nope', 'the policy in force has no posture:nope; it has posture:clean, posture:any'],
    [404, '/nope/devices', 'the policy in force has no posture:nope'],
    [404, '/clean/devices/zz', 'there is no device zz'],
    [400, '/clean/devices?state=odd', 'state: '],
    [400, '/clean/devices?limit=1001', 'limit: '],
    [400, '/clean?colour=red', 'colour: there is no such field'],
  ])('answer %i to %s', async (status, path, message) => {
    const answer = await api.call('GET', `${all}${path}`);
    expect([answer.status, answer.body]).toEqual([status, { message: expect.stringContaining(message) }]);
  });

  it('are not there while no policy is in force', async () => {
    const bare = await startApi();
    const answer = await bare.call('GET', all);
    expect([answer.status, answer.body.message]).toEqual([404, expect.stringContaining('no policy is in force')]);
  });
});
