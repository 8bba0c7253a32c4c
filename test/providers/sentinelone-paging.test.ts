// How SentinelOne's list of agents is asked for, page by page, and when its end is believed.
import nock from 'nock';
import { describe, expect, test } from 'vitest';
import { ProviderError } from '../../src/errors.ts';
import type { ProviderHttp } from '../../src/providers/provider.ts';
import { sentinelone } from '../../src/providers/sentinelone/index.ts';
import { answerAgents, ask, consoleUrl, page, row, rows } from './console.ts';
import { collect, contextOf, openWay, secret } from './support.ts';

const settings = { url: consoleUrl, token: secret, requestsPerSecond: 20 };

describe('what is asked', () => {
  test('a sweep asks for 1000 agents, sorted by id, without decommissioned and uninstalled ones', async () => {
    const queries = answerAgents(page(rows(1), null, 1));
    await ask();
    expect(queries).toEqual(['limit=1000&sortBy=id&sortOrder=asc&isDecommissioned=False&isUninstalled=False']);
  });

  test('sites and accounts of the settings narrow every query', async () => {
    const queries = answerAgents(page(rows(1), null, 1));
    await ask({ kind: 'all' }, { siteIds: ['11', '22'], accountIds: ['33'] });
    expect(queries[0]).toContain('&siteIds=11,22&accountIds=33&isDecommissioned=False');
  });

  test('changes are asked for by updatedAt', async () => {
    const queries = answerAgents(page([], null, 0));
    await ask({ kind: 'changed', since: new Date('2026-11-20T10:00:00Z') });
    expect(queries[0]).toContain(
      '&isDecommissioned=False&isUninstalled=False&updatedAt__gte=2026-11-20T10%3A00%3A00.000Z',
    );
  });

  test('agents asked for by id may be decommissioned or uninstalled', async () => {
    const queries = answerAgents(page([row({ isDecommissioned: true })], null, 1));
    const { pages } = await ask({ kind: 'some', ids: ['1000000000000000001'], serials: [] });
    expect(queries).toEqual([
      'limit=1000&sortBy=id&sortOrder=asc&isDecommissioned=True,False&isUninstalled=True,False&ids=1000000000000000001',
    ]);
    expect(pages[0]?.agents[0]?.decommissioned).toBe(true);
  });

  test('ids that the API would refuse the whole query for are not sent, and are skipped instead of absent', async () => {
    const queries = answerAgents(page([], null, 0));
    const ids = ['12', 'abc', '12', '1000000000000000001', '1000000000000000001', '100000000000000000001'];
    const { pages } = await ask({ kind: 'some', ids, serials: [] });
    expect(queries.map(query => query.split('&ids=')[1])).toEqual(['1000000000000000001']);
    expect(pages.flatMap(({ skipped }) => skipped)).toEqual(
      ['12', 'abc', '100000000000000000001'].map(id => ({ id, reason: 'cannot be asked for by id' })),
    );
  });

  test('nothing is asked when nothing can be asked for', async () => {
    const { pages, error } = await ask({ kind: 'some', ids: ['12'], serials: ['x', ''] });
    expect(error).toBeNull();
    expect(pages.map(({ agents, skipped }) => [agents, skipped.map(({ id }) => id)])).toEqual([[[], ['12']]]);
    expect((await ask({ kind: 'some', ids: [], serials: ['x', ''] })).pages).toEqual([]);
  });

  test('many ids are asked for in several lists whose URLs stay short', async () => {
    const ids = rows(600).map(({ id }) => String(id));
    const queries = answerAgents(page([], null, 0), page([], null, 0), page([], null, 0));
    const { error } = await ask({ kind: 'some', ids, serials: [] });
    expect(error).toBeNull();
    expect(queries.map(query => query.split('&ids=')[1]?.split(',').length)).toEqual([250, 250, 100]);
    expect(Math.max(...queries.map(query => query.length))).toBeLessThan(7_500);
  });

  test('serial numbers are searched for as parts, and rows without such a part are left out', async () => {
    const data = [row({ serialNumber: 'xx-abc-1-yy' }), row({ id: '1000000000000000002', serialNumber: 'OTHER' })];
    const queries = answerAgents(page([...data, row({ serialNumber: null })], null, 3));
    const { ids } = await ask({ kind: 'some', ids: [], serials: ['ABC-1', 'a'] });
    expect(queries[0]).toContain('&serialNumber__contains=ABC-1');
    expect(ids).toEqual(['1000000000000000001']);
  });

  test('of a serial number with a comma its longest part is searched for', async () => {
    const queries = answerAgents(page([], null, 0));
    await ask({ kind: 'some', ids: [], serials: ['A,LONGER PART,B'] });
    expect(queries[0]).toContain('&serialNumber__contains=LONGER%20PART');
  });

  test.each([
    ['none', undefined],
    ['null', null],
    ['a number', 1e18],
    ['empty', ''],
  ])('a row whose id is %s may be the one that was asked for: it is skipped without an id', async (_, id) => {
    answerAgents(page([row({ id })], null, 1));
    const { pages, ids } = await ask({ kind: 'some', ids: ['1000000000000000001'], serials: [] });
    expect(ids).toEqual([]);
    expect(pages.flatMap(({ skipped }) => skipped)).toEqual([
      { id: null, reason: 'the row has no id that can be used' },
    ]);
  });

  test('an answer by id that falls short of its own total says so, and one with an empty page more does not', async () => {
    const query = { kind: 'some', ids: ['1000000000000000001', '1000000000000000002'], serials: [] } as const;
    answerAgents(page([row(), {}], null, 2));
    const short = await ask(query);
    expect(short.ids).toEqual(['1000000000000000001']);
    expect(short.pages.flatMap(({ skipped }) => skipped)).toEqual([
      { id: null, reason: 'of 2 agents that the console counts 1 came' },
    ]);
    answerAgents(page(rows(2), 'a', 2), page([{}, {}]));
    expect((await ask(query)).pages.flatMap(({ skipped }) => skipped)).toEqual([]);
  });

  test('rows that were not asked for are left out', async () => {
    answerAgents(page(rows(3), null, 3));
    const { ids } = await ask({ kind: 'some', ids: ['1000000000000000002'], serials: [] });
    expect(ids).toEqual(['1000000000000000002']);
  });
});

describe('paging', () => {
  test('an encoded cursor reaches the wire as it came', async () => {
    const queries = answerAgents(page(rows(1), 'eyJhIjoxfQ%3D%3D', 2), page(rows(1, 2)));
    expect((await ask()).ids).toHaveLength(2);
    expect(queries[1]).toMatch(/&cursor=eyJhIjoxfQ%3D%3D$/);
  });

  test('a cursor that was not encoded is encoded', async () => {
    const queries = answerAgents(page(rows(1), 'a+b/c==', 2), page(rows(1, 2)));
    await ask();
    expect(queries[1]).toMatch(/&cursor=a%2Bb%2Fc%3D%3D$/);
  });

  test('a cursor that looks encoded and is not is taken as it is', async () => {
    const queries = answerAgents(page(rows(1), '100%zz', 2), page(rows(1, 2)));
    await ask();
    expect(queries[1]).toMatch(/&cursor=100%25zz$/);
  });

  test.each([
    ['null', null],
    ['absent', undefined],
    ['empty', ''],
    ['the text "null"', 'null'],
  ])('the list ends where the cursor is %s', async (_, end) => {
    answerAgents(page(rows(2), 'next', 3), page(rows(1, 3), end));
    expect(await ask()).toMatchObject({ error: null, claimedTotal: 3 });
  });

  test('an empty page that has a cursor is not the end', async () => {
    answerAgents(page(rows(1), 'a', 2), page([], 'b'), page(rows(1, 2)));
    expect((await ask()).ids).toHaveLength(2);
  });

  test('a cursor that comes a second time ends the sweep as malformed', async () => {
    answerAgents(page(rows(1), 'a', 9), page(rows(1, 2), 'b'), page(rows(1, 3), 'a'));
    const { ids, error } = await ask();
    expect(ids).toHaveLength(3);
    expect(error).toMatchObject({ kind: 'malformed', message: expect.stringContaining('second time') });
  });

  test('an agent that comes twice is given twice; who stages it keeps one', async () => {
    answerAgents(page([...rows(2), ...rows(1, 2)], null, 2));
    expect(await ask()).toMatchObject({ error: null, claimedTotal: 2 });
  });

  test('only page 1 tells the total: the 0 of later pages is none', async () => {
    answerAgents(page(rows(2), 'a', 3), page(rows(1, 3), null, 0));
    const { pages, claimedTotal } = await ask();
    expect(pages.map(({ claimedTotal: total }) => total)).toEqual([3, null]);
    expect(claimedTotal).toBe(3);
  });

  test('where fewer agents came than page 1 said, the total is asked for again', async () => {
    const queries = answerAgents(page(rows(2), 'a', 5), page([...rows(1, 2), ...rows(1, 3)]), page([], null, 3));
    expect(await ask()).toMatchObject({ error: null, claimedTotal: 3 });
    expect(queries[2]).toBe('countOnly=true&isDecommissioned=False&isUninstalled=False');
  });

  test('where the total is not told again, that of page 1 stands', async () => {
    answerAgents(page(rows(2), null, 5));
    nock(consoleUrl)
      .get(/countOnly/)
      .reply(403, 'no');
    expect(await ask()).toMatchObject({ error: null, claimedTotal: 5 });
  });

  test('a list without a total claims none', async () => {
    answerAgents(page(rows(2), null, 'many'));
    const { pages, claimedTotal, error } = await ask();
    expect([pages[0]?.claimedTotal, claimedTotal, error]).toEqual([null, null, null]);
  });

  test('whoever wants the first page only asks for no other', async () => {
    const queries = answerAgents(page(rows(1), 'a', 2));
    const way = contextOf(openWay(consoleUrl));
    for await (const first of sentinelone.agents(settings, { kind: 'changed', since: new Date(0) }, way)) {
      expect(first.agents).toHaveLength(1);
      break;
    }
    expect(queries).toHaveLength(1);
  });
});

describe('pages that take too long', () => {
  /** A way out on which pages of more agents than that come too late; that they do is shown in http.test.ts. */
  async function slowConsole(most: number) {
    const asked: string[] = [];
    const way: ProviderHttp = {
      request: async ({ path }) => {
        const query = new URL(path, consoleUrl).searchParams;
        asked.push(`${query.get('limit')} from ${query.get('cursor') ?? 'the start'}`);
        if (Number(query.get('limit')) > most) throw new ProviderError('unavailable', 'too late', { timedOut: true });
        const from = Number(query.get('cursor') ?? 0);
        const json = page(rows(1, from + 1), from < 2 ? String(from + 1) : null, 3);
        return { status: 200, headers: {}, json, excerpt: '' };
      },
    };
    const reading = sentinelone.agents(settings, { kind: 'changed', since: new Date(0) }, contextOf(way));
    return { ...(await collect(reading)), asked };
  }

  test('are asked for at half the size, with the cursor kept, until the end', async () => {
    const { asked, ids, error } = await slowConsole(250);
    expect(error).toBeNull();
    expect(ids).toHaveLength(3);
    expect(asked).toEqual([
      '1000 from the start',
      '500 from the start',
      '250 from the start',
      '250 from 1',
      '250 from 2',
    ]);
  });

  test('are given up when a quarter of the size takes too long as well', async () => {
    const { asked, error } = await slowConsole(100);
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ kind: 'unavailable', timedOut: true });
    expect(asked).toEqual(['1000 from the start', '500 from the start', '250 from the start']);
  });
});
