// Service-wide settings: each field is kept as it was set, is checked, and tells of its change by its event.
import { beforeEach, describe, expect, it } from 'vitest';
import { changeSettings, readSettings, settingNames } from '../../src/operations/settings.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const defaults = {
  postureIdentityCollectionOn: true,
  aclsExternallyManagedOn: false,
  aclsExternalLink: '',
  devicesApprovalOn: false,
  devicesAutoUpdatesOn: false,
  devicesKeyDurationDays: 180,
  usersApprovalOn: false,
  usersRoleAllowedToJoinExternalTailnets: 'none',
  networkFlowLoggingOn: false,
  regionalRoutingOn: false,
  routeSelection: 'active-passive-failover',
  httpsEnabled: false,
  allowMultipleIntegrations: false,
};
const others = {
  postureIdentityCollectionOn: false,
  aclsExternallyManagedOn: true,
  aclsExternalLink: 'https://git.example.com/acls?branch=main#top',
  devicesApprovalOn: true,
  devicesAutoUpdatesOn: true,
  devicesKeyDurationDays: 1,
  usersApprovalOn: true,
  usersRoleAllowedToJoinExternalTailnets: 'member',
  networkFlowLoggingOn: true,
  regionalRoutingOn: true,
  routeSelection: 'regional-routing',
  httpsEnabled: true,
  allowMultipleIntegrations: true,
};
const unconfirmed = { confirm: null, isConfirmRequired: false };

let world: World;
beforeEach(async () => {
  world = await createWorld();
});

const change = (changes: unknown) =>
  changeSettings({ db: world.db, now: world.now, actor: tester }, changes, unconfirmed);
const revision = async () => (await world.db.query('select revision from head')).rows[0].revision;

describe('the settings', () => {
  it('are those of a new installation until somebody changes them', async () => {
    expect(await readSettings(world.db)).toEqual(defaults);
    expect([...settingNames].sort()).toEqual(Object.keys(defaults).sort());
  });

  it('are given back as they were set, each of them, in one write', async () => {
    const { settings, changed } = await change(others);
    expect(settings).toEqual(others);
    expect(await readSettings(world.db)).toEqual(others);
    expect([...changed].sort()).toEqual(Object.keys(others).sort());
    expect(await revision()).toBe(1);
    await change(defaults);
    expect(await readSettings(world.db)).toEqual(defaults);
  });

  it.each(Object.keys(others) as (keyof typeof others)[])(
    '%s can be changed alone, and the others stay',
    async name => {
      // The older and the newer word for one thing.
      const routing = ['regionalRoutingOn', 'routeSelection'] as const;
      const names = routing.some(word => word === name) ? routing : [name];
      const part = (of: typeof others | typeof defaults) => Object.fromEntries(names.map(each => [each, of[each]]));
      expect(await change({ [name]: others[name] })).toMatchObject({ changed: names });
      expect(await readSettings(world.db)).toEqual({ ...defaults, ...part(others) });
      const [event, ...more] = await world.events('TAILNET');
      expect(event).toMatchObject({ old: part(defaults), new: part(others) });
      expect(more).toEqual([]);
    },
  );

  it('leave alone what is null, as clients of Tailscale send the two fields of ACLs, or all of them', async () => {
    await change({ aclsExternallyManagedOn: true, aclsExternalLink: 'https://git.example.com' });
    const nulls = { aclsExternallyManagedOn: null, aclsExternalLink: null };
    expect(await change({ ...nulls, devicesKeyDurationDays: 5 })).toMatchObject({
      changed: ['devicesKeyDurationDays'],
    });
    const kept = { aclsExternallyManagedOn: true, aclsExternalLink: 'https://git.example.com' };
    expect(await readSettings(world.db)).toEqual({ ...defaults, ...kept, devicesKeyDurationDays: 5 });
    const all = Object.fromEntries(settingNames.map(name => [name, null]));
    expect(await change(all)).toMatchObject({ changed: [], settings: { ...kept, devicesKeyDurationDays: 5 } });
  });

  it('tell of routing in the newer word and in the older one, whichever was set', async () => {
    const routing = async (changes: object) => {
      const { regionalRoutingOn, routeSelection } = (await change(changes)).settings;
      return [regionalRoutingOn, routeSelection];
    };
    expect(await routing({ routeSelection: 'magicroute' })).toEqual([false, 'magicroute']);
    expect(await routing({ regionalRoutingOn: false })).toEqual([false, 'magicroute']);
    expect(await routing({ regionalRoutingOn: true })).toEqual([true, 'regional-routing']);
    expect(await routing({ regionalRoutingOn: false })).toEqual([false, 'active-passive-failover']);
    const both = { regionalRoutingOn: true, routeSelection: 'regional-routing' };
    expect(await routing(both)).toEqual([true, 'regional-routing']);
    await expect(change({ ...both, routeSelection: 'magicroute' })).rejects.toMatchObject({
      ...{ code: 'invalid', message: expect.stringContaining('routeSelection: magicroute and regionalRoutingOn true') },
    });
    expect((await world.events('TAILNET')).map(({ event }) => event.split('.').slice(1).join(' '))).toEqual([
      ...['UPDATE SETTINGS', 'ENABLE GEOSTEERING', 'DISABLE GEOSTEERING', 'ENABLE GEOSTEERING'],
    ]);
  });

  it('leave no trace where nothing changes', async () => {
    for (const same of [{}, defaults, { aclsExternalLink: null }, { httpsEnabled: false }])
      expect(await change(same)).toEqual({ settings: defaults, changed: [], losses: { devices: 0, attributes: 0 } });
    expect(await revision()).toBe(0);
    expect(await world.events()).toEqual([]);
  });

  it.each<[object, string]>([
    [{ postureIdentityCollectionOn: 'false' }, 'postureIdentityCollectionOn: true or false'],
    [{ httpsEnabled: 1 }, 'httpsEnabled: true or false'],
    [{ aclsExternallyManagedOn: 'yes' }, 'aclsExternallyManagedOn: true or false'],
    [{ aclsExternalLink: 5 }, 'aclsExternalLink: an address'],
    [{ aclsExternalLink: 'javascript:alert(1)' }, 'aclsExternalLink: an address'],
    [{ aclsExternalLink: 'https://a b' }, 'aclsExternalLink: an address'],
    [{ aclsExternalLink: `https://a/${'x'.repeat(2_000)}` }, 'aclsExternalLink: an address'],
    [{ aclsExternalLink: 'https://a/\u0000' }, 'aclsExternalLink: an address'],
    [{ aclsExternalLink: 'https://a/\ud800' }, 'aclsExternalLink: an address'],
    [{ devicesKeyDurationDays: 0 }, 'devicesKeyDurationDays: a whole number from 1 to 180'],
    [{ devicesKeyDurationDays: 181 }, 'devicesKeyDurationDays: a whole number from 1 to 180'],
    [{ devicesKeyDurationDays: 1.5 }, 'devicesKeyDurationDays: a whole number from 1 to 180'],
    [{ devicesKeyDurationDays: '90' }, 'devicesKeyDurationDays: a whole number from 1 to 180'],
    [{ usersRoleAllowedToJoinExternalTailnets: 'owner' }, 'usersRoleAllowedToJoinExternalTailnets: one of none, admin'],
    [{ postureIdentityColectionOn: false }, 'did you mean "postureIdentityCollectionOn"?'],
    [{ singleton: false }, 'there is no setting "singleton"'],
    [[], 'settings: an object'],
  ])('refuse %j naming what is wrong, and nothing changes', async (wrong, message) => {
    const changes = Array.isArray(wrong) ? wrong : { devicesApprovalOn: true, ...wrong };
    await expect(change(changes)).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining(message) });
    expect(await readSettings(world.db)).toEqual(defaults);
    expect(await revision()).toBe(0);
  });

  it('tell of each change by an event: Tailscale’s own where it has one', async () => {
    await change(others);
    const on = (await world.events('TAILNET')).map(({ event }) => event);
    expect(on.sort()).toEqual([
      'TAILNET.DISABLE.COLLECT_POSTURE_IDENTITY',
      'TAILNET.ENABLE.GEOSTEERING',
      'TAILNET.ENABLE.HTTPS',
      'TAILNET.ENABLE.MACHINE_APPROVAL_NEEDED',
      'TAILNET.ENABLE.NETWORK_FLOW_LOGGING',
      'TAILNET.ENABLE.USER_APPROVAL_REQUIRED',
      'TAILNET.UPDATE.MAX_KEY_DURATION',
      'TAILNET.UPDATE.SETTINGS',
    ]);
    const [ours] = await world.events('TAILNET.UPDATE.SETTINGS');
    const { aclsExternallyManagedOn, aclsExternalLink, devicesAutoUpdatesOn } = others;
    const { usersRoleAllowedToJoinExternalTailnets, allowMultipleIntegrations } = others;
    expect(ours?.new).toEqual({
      ...{ aclsExternallyManagedOn, aclsExternalLink, devicesAutoUpdatesOn },
      ...{ usersRoleAllowedToJoinExternalTailnets, allowMultipleIntegrations },
    });
    await change(defaults);
    const off = (await world.events('TAILNET')).slice(on.length).map(({ event }) => event);
    expect(off).toContain('TAILNET.ENABLE.COLLECT_POSTURE_IDENTITY');
    expect(off.filter(event => event.startsWith('TAILNET.DISABLE.'))).toHaveLength(5);
    expect(new Set((await world.events()).map(({ actor }) => actor.id))).toEqual(new Set(['test']));
  });

  it('are one row, and stay it', async () => {
    await expect(world.db.query('insert into settings (singleton) values (false)')).rejects.toThrow('settings_one_row');
    await expect(world.db.query('insert into settings default values')).rejects.toThrow('duplicate key');
  });
});
