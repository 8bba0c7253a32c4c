// Each fault of the simulator does what its sentence says.
import { get } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { isListed } from '../../src/simulator/agent.ts';
import { type FaultName, faultNames, parseFault } from '../../src/simulator/faults.ts';
import { ask, ids, noon, type Reply, simulate, sweepQuery, walk } from './support.ts';

/** One page under one fault. */
async function under(name: FaultName, path = `/agents?limit=100&${sweepQuery}`): Promise<Reply> {
  const simulator = await simulate();
  simulator.setFault(name);
  return ask(simulator, path);
}

describe('answers instead of a page', () => {
  test.each([
    ['expired-token', 401, 4010010, 'Authentication Failed'],
    ['forbidden', 403, 4030010, 'Insufficient permissions'],
    ['error-500', 500, 5000010, 'Internal server error'],
    ['error-503', 503, 5030010, 'Service unavailable'],
    ['not-found', 404, 4040010, 'Requested resource was not found'],
    ['bad-request', 400, 4000010, 'Validation Error'],
  ] as const)('%s is %d with code %d', async (name, status, code, title) => {
    const reply = await under(name);
    expect(reply.status).toBe(status);
    expect(reply.errors?.[0]).toMatchObject({ code, title });
    expect(reply.headers.get('content-type')).toBe('application/json');
  });

  test.each([
    ['forbidden-html', 403, '403 Forbidden'],
    ['throttled', 429, '429 Too Many Requests'],
    ['error-502', 502, '502 Bad Gateway'],
  ] as const)('%s is an HTML page with status %d', async (name, status, heading) => {
    const reply = await under(name);
    expect(reply.status).toBe(status);
    expect(reply.headers.get('content-type')).toBe('text/html');
    expect(reply.text).toContain(`<h1>${heading}</h1>`);
    expect(reply.headers.get('retry-after')).toBeNull();
  });

  test('throttled-seconds and throttled-date say when to come again', async () => {
    const simulator = await simulate();
    simulator.setFault('throttled-seconds', { retryAfterSeconds: 7 });
    expect((await ask(simulator, '/agents')).headers.get('retry-after')).toBe('7');
    simulator.clearFaults();
    simulator.setFault('throttled-date');
    const date = (await ask(simulator, '/agents')).headers.get('retry-after') ?? '';
    expect(Date.parse(date)).toBe(noon.getTime() + 30_000);
  });

  test('error-500-html appends a page to the JSON, so that it does not parse', async () => {
    const { status, text } = await under('error-500-html');
    expect(status).toBe(500);
    expect(text).toMatch(/^\{"errors".*<html>/s);
  });

  test('not-found-text, garbage and html-200 are no JSON', async () => {
    expect(await under('not-found-text')).toMatchObject({ status: 404, text: '404 page not found\n' });
    for (const name of ['garbage', 'html-200'] as const) {
      const reply = await under(name);
      expect(reply.status).toBe(200);
      expect(() => JSON.parse(reply.text)).toThrow();
    }
  });

  test('errors-in-200 has rows and errors', async () => {
    const reply = await under('errors-in-200');
    expect([reply.status, reply.data.length, reply.errors?.length]).toEqual([200, 100, 1]);
  });

  test('redirect leads elsewhere', async () => {
    const simulator = await simulate();
    simulator.setFault('redirect', { location: 'http://127.0.0.1:1/' });
    const reply = await ask(simulator, '/agents');
    expect([reply.status, reply.headers.get('location')]).toEqual([302, 'http://127.0.0.1:1/']);
  });

  test('gzip-bomb unpacks to as much valid JSON as told, from a thousandth of it', async () => {
    const simulator = await simulate();
    simulator.setFault('gzip-bomb', { bytes: 2 ** 25 });
    const body = await new Promise<Buffer>((resolve, reject) => {
      const headers = { authorization: `ApiToken ${simulator.token}` };
      get(`${simulator.url}/web/api/v2.1/agents`, { headers }, response => {
        const chunks: Buffer[] = [];
        response.on('data', chunk => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks)));
      }).on('error', reject);
    });
    const unpacked = gunzipSync(body);
    expect(unpacked.length).toBeGreaterThanOrEqual(2 ** 25);
    expect(body.length).toBeLessThan(unpacked.length / 900);
    expect(JSON.parse(unpacked.toString()).data).toEqual([]);
  });
});

describe('the line', () => {
  test('timeout never answers', async () => {
    const simulator = await simulate();
    simulator.setFault('timeout');
    const given = new AbortController();
    const answer = ask(simulator, '/agents', { signal: given.signal });
    await expect.poll(() => simulator.requests.faulted).toBe(1);
    given.abort();
    await expect(answer).rejects.toThrow();
    expect(simulator.requests).toMatchObject({ total: 1, ok: 0, pages: 0, unanswered: 1 });
  });

  test('cut-before-headers and cut-mid-body break the connection', async () => {
    const simulator = await simulate();
    simulator.setFault('cut-before-headers', { times: 1 });
    await expect(fetch(`${simulator.url}/web/api/v2.1/agents`)).rejects.toThrow();
    simulator.setFault('cut-mid-body', { times: 1 });
    const headers = { authorization: `ApiToken ${simulator.token}` };
    const response = await fetch(`${simulator.url}/web/api/v2.1/agents?limit=100`, { headers });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect((await ask(simulator, '/agents')).status).toBe(200);
  });

  test('slow drips the whole body', async () => {
    const simulator = await simulate();
    simulator.setFault('slow', { dripMs: 0 });
    expect((await ask(simulator, '/agents?limit=50')).data).toHaveLength(50);
  });

  test('huge-body is as long as told', async () => {
    const simulator = await simulate();
    simulator.setFault('huge-body', { bytes: 2 ** 23 });
    const reply = await ask(simulator, '/agents');
    expect(reply.text.length).toBeGreaterThanOrEqual(2 ** 23);
    expect(reply.data).toEqual([]);
  });
});

describe('pages and cursors', () => {
  test('unauthorized-at-page lets page 1 pass and refuses page 2, again and again', async () => {
    const simulator = await simulate();
    simulator.setFault('unauthorized-at-page');
    const [first, second] = await walk(simulator);
    expect([first?.status, second?.status]).toEqual([200, 401]);
    const again = await ask(simulator, `/agents?limit=50&${sweepQuery}&cursor=${first?.nextCursor}`);
    expect(again.status).toBe(401);
  });

  test('any fault can strike at one page, so often, or one kind of request only', async () => {
    const simulator = await simulate();
    simulator.setFault('error-500', { page: 3, times: 1 });
    expect((await walk(simulator)).map(page => page.status)).toEqual([200, 200, 500]);
    expect((await walk(simulator)).map(page => page.status)).toEqual([200, 200, 200]);
    simulator.setFault('error-502', { on: 'ids' });
    expect((await walk(simulator)).map(page => page.status)).toEqual([200, 200, 200]);
    expect((await ask(simulator, '/agents?ids=100000000000000000')).status).toBe(502);
    expect((await ask(simulator, '/agents/count')).status).toBe(200);
  });

  test('empty-page has no rows but loses none', async () => {
    const simulator = await simulate();
    simulator.setFault('empty-page');
    const pages = await walk(simulator);
    expect(pages.map(page => page.data.length)).toEqual([100, 0, 100, 100]);
    expect(new Set(ids(pages)).size).toBe(300);
    simulator.setFault('empty-page', { page: 1 });
    expect((await walk(simulator)).map(page => page.data.length)).toEqual([0, 100, 100, 100]);
  });

  test('ends-early looks like the last page though the total says more', async () => {
    const simulator = await simulate();
    simulator.setFault('ends-early');
    const pages = await walk(simulator);
    expect([ids(pages).length, pages[0]?.totalItems]).toEqual([200, 300]);
  });

  test('extra-page ends with empty objects', async () => {
    const simulator = await simulate();
    simulator.setFault('extra-page');
    const pages = await walk(simulator);
    expect(pages.map(page => page.data.length)).toEqual([100, 100, 100, 3]);
    expect(pages[3]).toMatchObject({ data: [{}, {}, {}], nextCursor: null });
  });

  test('repeated-cursor gives back the cursor just sent', async () => {
    const simulator = await simulate();
    simulator.setFault('repeated-cursor');
    const [first, second, third] = await walk(simulator, 100, sweepQuery, 3);
    expect(second?.nextCursor).toBe(first?.nextCursor);
    expect(third?.data).toEqual(second?.data);
  });

  test('cursor-loop goes round without end', async () => {
    const simulator = await simulate();
    simulator.setFault('cursor-loop');
    const pages = await walk(simulator, 50, sweepQuery, 7);
    expect(pages).toHaveLength(7);
    expect(pages[3]?.data).toEqual(pages[1]?.data);
    expect(pages[1]?.nextCursor).not.toBe(pages[0]?.nextCursor);
  });

  test('duplicate-rows repeats the last row of the page before', async () => {
    const simulator = await simulate();
    simulator.setFault('duplicate-rows');
    const pages = await walk(simulator);
    expect(pages[1]?.data[0]?.id).toBe(pages[0]?.data.at(-1)?.id);
    expect(new Set(ids(pages)).size).toBe(300);
    expect(ids(pages).length).toBeGreaterThan(300);
  });
});

describe('agents and totals', () => {
  test('empty-fleet has no agents, also by id, and a total of 0', async () => {
    const simulator = await simulate();
    simulator.setFault('empty-fleet');
    expect(await ask(simulator, '/agents?limit=100')).toMatchObject({ data: [], totalItems: 0, nextCursor: null });
    expect((await ask(simulator, `/agents?ids=${simulator.fleet.agents[0]?.id}`)).data).toEqual([]);
    expect((await ask(simulator, '/agents/count')).text).toContain('"total":0');
  });

  test('missing-agents are left out of listings, counted in totals, and found by id', async () => {
    const simulator = await simulate();
    simulator.setFault('missing-agents', { percent: 10 });
    const pages = await walk(simulator);
    const seen = new Set(ids(pages));
    expect([seen.size, pages[0]?.totalItems]).toEqual([270, 300]);
    expect((await ask(simulator, '/agents/count')).text).toContain('"total":300');
    const left = simulator.fleet.agents.filter(agent => isListed(agent) && !seen.has(agent.id)).map(agent => agent.id);
    expect(ids([await ask(simulator, `/agents?limit=1000&ids=${left.join(',')}`)])).toEqual(left);
  });

  test('vanished-agents are gone everywhere, the same ones each time, until it ends', async () => {
    const simulator = await simulate();
    simulator.setFault('vanished-agents', { percent: 20 });
    const pages = await walk(simulator);
    const seen = new Set(ids(pages));
    expect([seen.size, pages[0]?.totalItems]).toEqual([240, 240]);
    const gone = simulator.fleet.agents.filter(agent => isListed(agent) && !seen.has(agent.id)).map(agent => agent.id);
    expect((await ask(simulator, `/agents?limit=1000&ids=${gone.join(',')}`)).data).toEqual([]);
    expect(ids(await walk(simulator))).toEqual([...seen]);
    simulator.clearFaults('vanished-agents');
    expect(ids(await walk(simulator))).toHaveLength(300);
  });

  test('wrong-total is too high on page 1 and right when counted', async () => {
    const simulator = await simulate();
    simulator.setFault('wrong-total');
    const pages = await walk(simulator);
    expect([pages[0]?.totalItems, ids(pages).length]).toEqual([330, 300]);
    expect((await ask(simulator, '/agents/count')).text).toContain('"total":300');
  });

  test('one-site shows the largest site alone', async () => {
    const pages = await under('one-site', '/agents?limit=1000');
    expect(new Set(pages.data.map(row => row.siteName))).toEqual(new Set(['Headquarters']));
    expect(pages.totalItems).toBe(pages.data.length);
    expect(pages.totalItems).toBeLessThan(200);
  });
});

describe('rows', () => {
  test('null-field makes the named fields null for all agents', async () => {
    const simulator = await simulate();
    simulator.setFault('null-field', { fields: ['isActive', 'infected'] });
    const { data } = await ask(simulator, '/agents?limit=100');
    expect(data.every(row => row.isActive === null && row.infected === null)).toBe(true);
  });

  test('serials-vanish makes every serial null', async () => {
    expect((await under('serials-vanish')).data.every(row => row.serialNumber === null)).toBe(true);
  });

  test('rows-without-id and wrong-types damage exactly their share', async () => {
    const simulator = await simulate();
    simulator.setFault('rows-without-id', { percent: 10 });
    const headless = (await walk(simulator)).flatMap(page => page.data).filter(row => !('id' in row));
    expect(headless).toHaveLength(30);
    simulator.clearFaults();
    simulator.setFault('wrong-types', { percent: 10 });
    const odd = (await walk(simulator)).flatMap(page => page.data).filter(row => row.infected === 'perhaps');
    expect(odd).toHaveLength(30);
    expect(odd.every(row => typeof row.id === 'string' && Array.isArray(row.agentVersion))).toBe(true);
  });
});

test('token-details-refused leaves the agents alone', async () => {
  const simulator = await simulate();
  simulator.setFault('token-details-refused');
  expect((await ask(simulator, '/agents')).status).toBe(200);
  const details = await ask(simulator, '/users/api-token-details', {
    method: 'POST',
    headers: { authorization: `ApiToken ${simulator.token}` },
    body: '{}',
  });
  expect(details.status).toBe(401);
});

describe('switching', () => {
  test('every fault has a sentence', () => {
    expect(faultNames.length).toBeGreaterThan(35);
    for (const { about } of faultNames) expect(about).toMatch(/^[A-Z0-9a-z].*\.$/);
  });

  test('the command line names a fault with its options', () => {
    expect(parseFault('throttled')).toEqual({ name: 'throttled', options: {} });
    expect(parseFault('null-field:fields=infected+isActive,page=2,times=1')).toEqual({
      name: 'null-field',
      options: { fields: ['infected', 'isActive'], page: 2, times: 1 },
    });
    expect(parseFault('redirect:location=http://127.0.0.1:1/x')).toMatchObject({
      options: { location: 'http://127.0.0.1:1/x' },
    });
  });

  test.each(['nonsense', 'throttled:page=0', 'throttled:page=x', 'throttled:colour=red', 'throttled:on=mondays'])(
    '%s is refused with what is allowed',
    text => {
      expect(() => parseFault(text)).toThrow(/fault/);
    },
  );

  test('faults can be on from the start', async () => {
    const simulator = await simulate({ faults: ['error-503:times=1', { name: 'null-field' }] });
    expect((await ask(simulator, '/agents')).status).toBe(503);
    expect((await ask(simulator, '/agents')).data[0]?.infected).toBeNull();
    await expect(simulate({ faults: ['nonsense'] })).rejects.toThrow('unknown fault');
  });
});
