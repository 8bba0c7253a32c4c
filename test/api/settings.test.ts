// The tailnet settings over HTTP, as Tailscale's clients read and change them.
import { beforeEach, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/operations/audit.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, type World } from '../support/world.ts';

const url = '/api/v2/tailnet/-/settings';
const unset = {
  ...{ aclsExternallyManagedOn: false, aclsExternalLink: '', devicesApprovalOn: false, devicesAutoUpdatesOn: false },
  ...{ devicesKeyDurationDays: 180, usersApprovalOn: false, usersRoleAllowedToJoinExternalTailnets: 'none' },
  ...{ networkFlowLoggingOn: false, regionalRoutingOn: false, httpsEnabled: false },
  routeSelection: 'active-passive-failover',
  ...{ postureIdentityCollectionOn: true, allowMultipleIntegrations: false },
};

describe('the settings', () => {
  let world: World;
  let api: TestApi;

  beforeEach(async () => {
    world = await createWorld();
    api = await startApi({ database: world.database, now: world.now });
  });

  it('go through what Terraform does: read, change with the two nulls, read', async () => {
    expect((await api.call('GET', url)).body).toEqual(unset);
    const nulls = { aclsExternallyManagedOn: null, aclsExternalLink: null };
    const changed = await api.call('PATCH', url, { ...nulls, devicesApprovalOn: true, devicesKeyDurationDays: 30 });
    expect([changed.status, changed.body]).toEqual([
      ...[200, { ...unset, devicesApprovalOn: true, devicesKeyDurationDays: 30 }],
    ]);
    expect((await api.call('GET', url)).body).toEqual(changed.body);
    const linked = { aclsExternallyManagedOn: true, aclsExternalLink: 'https://example.com/acl' };
    expect((await api.call('PATCH', url, linked)).body).toMatchObject(linked);
    expect((await api.call('PATCH', url, nulls)).body).toMatchObject(linked);
  });

  it('take every provider value from devices when identity collection is switched off, with the number confirmed', async () => {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true } }));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    await world.sync('hq');
    const off = { postureIdentityCollectionOn: false };
    const asked = await api.call('GET', `${url}/losses`);
    expect([asked.status, asked.body]).toEqual([200, { devices: 1, attributes: 1 }]);
    const refused = await api.call('PATCH', `${url}?confirm=7`, off);
    expect([refused.status, refused.body.message]).toEqual([409, expect.stringContaining('confirm 1')]);
    expect(await world.values('a')).toEqual({ isActive: true });
    expect((await api.call('PATCH', `${url}?confirm=1`, off)).body).toMatchObject(off);
    expect(await world.values('a')).toEqual({});
    // Clients of Tailscale's cannot confirm.
    expect((await api.call('PATCH', url, { postureIdentityCollectionOn: true })).status).toBe(200);
    expect(await world.values('a')).toEqual({ isActive: true });
    expect((await api.call('PATCH', url, off)).status).toBe(200);
    expect(await world.values('a')).toEqual({});
    const told: string[] = [];
    for await (const { event, actor } of readAudit(world.db, {}))
      if (event.includes('COLLECT')) told.push(`${event} ${actor.displayName}`);
    const [on, without] = ['ENABLE', 'DISABLE'].map(verb => `TAILNET.${verb}.COLLECT_POSTURE_IDENTITY admin`);
    expect(told).toEqual([without, on, without]);
  });

  it('allow several integrations of one provider without asking for it each time', async () => {
    const body = { provider: 'sentinelone', clientSecret: 'a-token-of-sixteen', cloudId: 'a.sentinelone.net' };
    const add = () => api.call('POST', '/api/v2/tailnet/-/posture/integrations', body);
    expect([(await add()).status, (await add()).status]).toEqual([200, 409]);
    await api.call('PATCH', url, { allowMultipleIntegrations: true });
    expect((await add()).status).toBe(200);
  });

  it.each<[string, unknown, string]>([
    ['an unknown field', { colour: true }, 'colour: '],
    ['a field of another type', { devicesApprovalOn: 'yes' }, 'devicesApprovalOn: '],
    ['too long a time', { devicesKeyDurationDays: 181 }, 'devicesKeyDurationDays: a whole number from 1 to 180'],
    ['an unknown role', { usersRoleAllowedToJoinExternalTailnets: 'all' }, 'usersRoleAllowedToJoinExternalTailnets: '],
    ['a script for a link', { aclsExternalLink: 'javascript:x' }, 'aclsExternalLink: '],
    ['no object', [], 'the body: '],
  ])('refuse %s, and nothing changes', async (_, body, message) => {
    const { status, body: answer } = await api.call('PATCH', url, body);
    expect([status, answer.message]).toEqual([400, expect.stringContaining(message)]);
    expect((await api.call('GET', url)).body).toEqual(unset);
  });
});
