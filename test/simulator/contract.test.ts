// The simulated console keeps the contract of the real one: paging, limits, filters, errors.
import { describe, expect, test } from 'vitest';
import { isListed } from '../../src/simulator/agent.ts';
import { ask, ids, noon, simulate, sweepQuery, walk } from './support.ts';

describe('paging', () => {
  test('walking the cursors shows every listed agent once, ascending by id', async () => {
    const simulator = await simulate();
    const seen = ids(await walk(simulator, 77));
    expect(seen).toEqual(simulator.fleet.agents.filter(isListed).map(agent => agent.id));
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(seen.length).toBe(300);
  });

  test('totalItems is told on the first page only', async () => {
    const simulator = await simulate();
    expect((await walk(simulator)).map(page => page.totalItems)).toEqual([300, 0, 0]);
  });

  test('a page that ends exactly with the fleet has no next cursor', async () => {
    const simulator = await simulate();
    expect((await ask(simulator, `/agents?limit=300&${sweepQuery}`)).nextCursor).toBeNull();
  });

  test('cursors arrive percent-encoded, end in %3D and hold base64 JSON of the place', async () => {
    const simulator = await simulate();
    for (const limit of [10, 11, 12, 13]) {
      const { nextCursor, data } = await ask(simulator, `/agents?limit=${limit}`);
      expect(nextCursor).toMatch(/%3D$/);
      const place = JSON.parse(Buffer.from(decodeURIComponent(nextCursor ?? ''), 'base64').toString());
      expect(place).toMatchObject({ id_value: data.at(-1)?.id, sort_by_column: 'AgentView.id', sort_order: 'asc' });
    }
  });

  test('a cursor works raw and decoded once and encoded once, and is refused when encoded twice', async () => {
    const simulator = await simulate();
    const { nextCursor } = await ask(simulator, `/agents?limit=10&${sweepQuery}`);
    const raw = nextCursor ?? '';
    const second = await ask(simulator, `/agents?limit=10&${sweepQuery}&cursor=${raw}`);
    const again = encodeURIComponent(decodeURIComponent(raw));
    expect((await ask(simulator, `/agents?limit=10&${sweepQuery}&cursor=${again}`)).data).toEqual(second.data);
    expect((await ask(simulator, `/agents?limit=10&${sweepQuery}&cursor=${encodeURIComponent(raw)}`)).status).toBe(400);
  });

  test('an empty cursor is page 1 and a wrong one is answered 400', async () => {
    const simulator = await simulate();
    expect((await ask(simulator, `/agents?limit=5&cursor=`)).totalItems).toBe(300);
    for (const cursor of ['x', 'bm8ganNvbg%3D%3D', '%7B%7D']) {
      expect((await ask(simulator, `/agents?limit=5&cursor=${cursor}`)).status).toBe(400);
    }
  });

  test('the page size may change on the way', async () => {
    const simulator = await simulate();
    const first = await ask(simulator, `/agents?limit=200&${sweepQuery}`);
    const rest = await ask(simulator, `/agents?limit=50&${sweepQuery}&cursor=${first.nextCursor}`);
    expect(ids([first, rest])).toEqual(
      simulator.fleet.agents
        .filter(isListed)
        .slice(0, 250)
        .map(agent => agent.id),
    );
  });

  test('every sorting shows every agent once, up and down', async () => {
    const simulator = await simulate();
    const all = ids(await walk(simulator)).sort();
    for (const sort of ['updatedAt', 'lastActiveDate', 'computerName', 'isActive', 'id']) {
      for (const order of ['asc', 'desc']) {
        const query = `sortBy=${sort}&sortOrder=${order}&isDecommissioned=False&isUninstalled=False`;
        expect(ids(await walk(simulator, 90, query)).sort()).toEqual(all);
      }
    }
  });

  test('ten rows are given when no limit is asked for', async () => {
    expect((await ask(await simulate(), '/agents')).data).toHaveLength(10);
  });

  test('skip leaves rows out, countOnly gives the total alone, skipCount gives none', async () => {
    const simulator = await simulate();
    const first = await ask(simulator, '/agents?limit=5');
    expect((await ask(simulator, '/agents?limit=1&skip=4')).data).toEqual(first.data.slice(4));
    expect(await ask(simulator, '/agents?countOnly=true')).toMatchObject({ data: [], totalItems: 300 });
    expect((await ask(simulator, '/agents?skipCount=true')).totalItems).toBe(0);
  });
});

describe('filters', () => {
  test('decommissioned and uninstalled agents are shown when both values are asked for', async () => {
    const simulator = await simulate();
    const query = 'isDecommissioned=True,False&isUninstalled=True,False';
    const pages = await walk(simulator, 1_000, query);
    expect(ids(pages)).toEqual(simulator.fleet.agents.map(agent => agent.id));
    const gone = await walk(simulator, 1_000, 'isDecommissioned=True');
    expect(ids(gone).length).toBeGreaterThan(0);
    expect(gone[0]?.data.every(row => row.isDecommissioned === true)).toBe(true);
  });

  test('ids finds exactly those agents, gone ones when asked for', async () => {
    const simulator = await simulate();
    const [a, b] = simulator.fleet.agents.filter(isListed);
    const gone = simulator.fleet.agents.find(agent => agent.decommissioned);
    const wanted = [a?.id, gone?.id, b?.id, '999999999999999999'].join(',');
    expect(ids([await ask(simulator, `/agents?ids=${wanted}`)])).toEqual([a?.id, b?.id]);
    const all = await ask(
      simulator,
      `/agents?limit=1000&ids=${wanted}&isDecommissioned=True,False&isUninstalled=True,False`,
    );
    expect(ids([all]).sort()).toEqual([a?.id, b?.id, gone?.id].sort());
  });

  test('infected, sites, serial parts and times narrow a listing', async () => {
    const simulator = await simulate();
    const listed = simulator.fleet.agents.filter(isListed);
    const expectIds = async (query: string, wanted: typeof listed): Promise<void> => {
      expect(wanted.length).toBeGreaterThan(0);
      expect(ids(await walk(simulator, 1_000, query))).toEqual(wanted.map(agent => agent.id));
    };
    await expectIds(
      'infected=true',
      listed.filter(agent => agent.infected),
    );
    const site = listed[0]?.site;
    await expectIds(
      `siteIds=${site?.id}`,
      listed.filter(agent => agent.site === site),
    );
    await expectIds(
      `accountIds=${site?.accountId}`,
      listed.filter(agent => agent.site.accountId === site?.accountId),
    );
    await expectIds(
      'serialNumber__contains=vmware,c02',
      listed.filter(agent => /vmware|c02/i.test(agent.serial ?? '')),
    );
    const silent = listed.filter(agent => !agent.active && agent.changedAt < noon.getTime() - 86_400_000);
    await expectIds(`isActive=false&updatedAt__lt=${new Date(noon.getTime() - 86_400_000).toISOString()}`, silent);
  });

  test('a changed agent is found by updatedAt__gte, one that merely fell silent is not', async () => {
    const simulator = await simulate();
    const [changed, silent] = simulator.fleet.agents.filter(agent => isListed(agent) && agent.active);
    simulator.fleet.advance({ minutes: 60, changePercent: 0 });
    simulator.fleet.change(changed?.id ?? '', { firewall: false });
    Object.assign(silent ?? {}, { active: false, lastActiveAt: simulator.fleet.at });
    const since = new Date(simulator.fleet.at - 1_000).toISOString();
    expect(ids(await walk(simulator, 1_000, `updatedAt__gte=${since}`))).toEqual([changed?.id]);
  });

  test('the count endpoint takes the same filters', async () => {
    const simulator = await simulate();
    expect(JSON.parse((await ask(simulator, '/agents/count?isDecommissioned=False')).text)).toEqual({
      data: { total: 300 },
    });
  });
});

describe('refusals', () => {
  test.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['skip=1001', 'skip'],
    ['ids=123', 'ids'],
    ['serialNumber__contains=a', 'Shorter than minimum length 2.'],
    ['sortBy=shoeSize', 'sortBy'],
    ['sortOrder=up', 'sortOrder'],
    ['infected=perhaps', 'infected'],
    ['updatedAt__gte=yesterday', 'updatedAt__gte'],
    ['agentIds=1', "dict_values(['agentIds']): Unknown field"],
    ['isInfected=true', "dict_values(['isInfected']): Unknown field"],
  ])('%s is answered 400 with a detail', async (query, detail) => {
    const reply = await ask(await simulate(), `/agents?${query}`);
    expect(reply.status).toBe(400);
    expect(reply.errors?.[0]?.code).toBe(4000010);
    expect(reply.errors?.[0]?.detail).toContain(detail);
  });

  test('5,000 ids are taken and 5,001 refused', async () => {
    const simulator = await simulate();
    const many = Array.from({ length: 5_001 }, (_, i) => String(100_000_000_000_000_000n + BigInt(i)));
    const url = (list: string[]): string => `/agents?ids=${list.join(',')}`;
    expect((await ask(simulator, url(many.slice(1)))).status).toBe(200);
    expect((await ask(simulator, url(many))).status).toBe(400);
  });

  test.each([
    ['none', undefined],
    ['another', 'ApiToken wrong'],
    ['a Bearer', 'Bearer x'],
  ])('%s token is answered 401 with code 4010010', async (_name, authorization) => {
    const simulator = await simulate();
    const reply = await ask(simulator, '/agents', { headers: authorization ? { authorization } : {} });
    expect(reply.status).toBe(401);
    expect(reply.errors).toEqual([{ code: 4010010, detail: null, title: 'Authentication Failed' }]);
  });

  test('a wrong path is plain text 404', async () => {
    const reply = await ask(await simulate(), '/agent');
    expect([reply.status, reply.text]).toEqual([404, '404 page not found\n']);
  });

  test('every answer has its own X-RQID', async () => {
    const simulator = await simulate();
    const answers = [await ask(simulator, '/agents'), await ask(simulator, '/agents?x=1'), await ask(simulator, '/no')];
    expect(new Set(answers.map(reply => reply.headers.get('x-rqid'))).size).toBe(3);
  });

  test('the 26th request within a second gets the nginx page, and one a second later is answered', async () => {
    let at = 0;
    const simulator = await simulate({ requestsPerSecond: 25, monotonicMs: () => at });
    for (let i = 0; i < 25; i++) expect((await ask(simulator, '/agents?limit=1')).status).toBe(200);
    const refused = await ask(simulator, '/agents?limit=1');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, null]);
    expect(refused.text).toContain('<center>nginx</center>');
    at = 1_001;
    expect((await ask(simulator, '/agents?limit=1')).status).toBe(200);
    expect(simulator.requests).toMatchObject({ total: 27, ok: 26, throttled: 1, pages: 26, rows: 26 });
  });
});

describe('tokens', () => {
  test('the token is a JWT whose exp is the end of life that the console tells', async () => {
    const expiresAt = new Date('2027-01-31T10:00:00Z');
    const simulator = await simulate({ token: { expiresAt } });
    const payload = JSON.parse(Buffer.from(simulator.token.split('.')[1] ?? '', 'base64url').toString());
    expect(payload.exp * 1_000).toBe(expiresAt.getTime());
    const body = JSON.stringify({ data: { apiToken: simulator.token } });
    const reply = await ask(simulator, '/users/api-token-details', {
      method: 'POST',
      body,
      headers: { authorization: `ApiToken ${simulator.token}`, 'content-type': 'application/json' },
    });
    expect(JSON.parse(reply.text).data.expiresAt).toBe('2027-01-31T10:00:00Z');
  });

  test('a token past its end is answered 401, and a replaced one works', async () => {
    const simulator = await simulate({ token: { expiresAt: new Date(noon.getTime() - 1) } });
    expect((await ask(simulator, '/agents')).status).toBe(401);
    simulator.replaceToken();
    expect((await ask(simulator, '/agents')).status).toBe(200);
  });

  test('a plain token has 80 characters', async () => {
    const simulator = await simulate({ token: { form: 'plain' } });
    expect(simulator.token).toMatch(/^\w{80}$/);
    expect((await ask(simulator, '/agents')).status).toBe(200);
  });

  test('a token of one site sees only its agents, without any error', async () => {
    const simulator = await simulate();
    const site = simulator.fleet.sites[1];
    simulator.replaceToken({ siteIds: [site?.id ?? ''] });
    const pages = await walk(simulator, 1_000);
    expect(new Set(pages[0]?.data.map(row => row.siteName))).toEqual(new Set([site?.name]));
    expect(pages[0]?.totalItems).toBe(pages[0]?.data.length);
  });

  test('the status needs no token', async () => {
    const simulator = await simulate();
    const reply = await ask(simulator, '/system/status', { headers: {} });
    expect(JSON.parse(reply.text)).toEqual({ data: { health: 'ok' } });
  });
});

test('bodies are compressed for a client that asks, unless switched off', async () => {
  const [plain, packed] = [await simulate(), await simulate({ gzip: true })];
  expect((await ask(plain, '/agents?limit=100')).headers.get('content-encoding')).toBeNull();
  const reply = await ask(packed, '/agents?limit=100');
  expect(reply.headers.get('content-encoding')).toBe('gzip');
  expect(reply.data).toHaveLength(100);
});
