// Agents of an integration as files, and a search among more of them than are looked through at once.
import { beforeEach, describe, expect, it } from 'vitest';
import { csvLine } from '../../src/operations/csv.ts';
import { listAgents } from '../../src/store/agents.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, type World } from '../support/world.ts';

const of = (end: string) => `/api/v2/posture/integrations/phq${end}`;

describe('the agents of an integration', () => {
  let world: World;
  let api: TestApi;

  beforeEach(async () => {
    world = await createWorld();
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { hostname: '=HYPERLINK("http://evil.example","x")' }));
    console.set(fakeAgent('2', 'SER-2', { hostname: 'a "quoted", name' }));
    console.set(fakeAgent('3', null, { hostname: 'no serial' }));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    await world.sync('hq');
    api = await startApi({ database: world.database, now: world.now });
  });

  it('are exported as CSV in which no cell is a formula', async () => {
    const { status, headers, body } = await api.call('GET', of('/agents/export'));
    expect([status, headers.get('content-type')]).toEqual([200, 'text/csv; charset=utf-8']);
    expect(headers.get('content-disposition')).toBe('attachment; filename="hq-all-agents.csv"');
    const lines = body.split('\r\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/^agent,hostname,serialNumbers,device,boundDevice,reason,explanation,active,/);
    expect(lines[1]).toMatch(/^1,"'=HYPERLINK\(""http:\/\/evil.example"",""x""\)",SER-1,a,,,,true,/);
    expect(lines[2]).toMatch(/^2,"a ""quoted"", name",SER-2,,,no_device,No device has this serial number.,true,/);
    expect(lines[3]).toMatch(/^3,no serial,,,,no_serial,/);
  });

  it('are exported as lines that are those of the list, and by the same filters', async () => {
    const query = 'match=unmatched&reason=no_device';
    const { headers, body } = await api.call('GET', of(`/agents/export?format=ndjson&${query}`));
    expect(headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    expect(headers.get('content-disposition')).toContain('hq-unmatched-no_device-agents.ndjson');
    const lines = body.trimEnd().split('\n');
    const listed = (await api.call('GET', of(`/agents?${query}`))).body.agents;
    expect(lines.map((line: string) => JSON.parse(line))).toEqual(listed);
    expect(listed).toHaveLength(1);
    expect((await api.call('GET', of('/agents/export?format=ndjson&search=nothing'))).body).toBe('');
  });

  it('are looked through piece by piece by a search, which says where to go on also where it found none', async () => {
    const filter = { integrationId: 'phq', match: null, reason: null, search: 'no serial', limit: 5 };
    expect(await listAgents(world.db, { ...filter, after: null }, 2)).toEqual({ agents: [], next: '2' });
    const rest = await listAgents(world.db, { ...filter, after: '2' }, 2);
    expect([rest.agents.map(({ id }) => id), rest.next]).toEqual([['3'], null]);
    const both = await listAgents(world.db, { ...filter, search: 'e', limit: 1, after: null }, 2);
    expect([both.agents.map(({ id }) => id), both.next]).toEqual([['1'], '1']);
  });
});

it.each([
  ['=1+1', "'=1+1"],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@x', "'@x"],
  ['\t=1', "'\t=1"],
  [' =1', "' =1"],
  ['\r=1', `"'\r=1"`],
  ['＝1', "'＝1"],
  ['a=1', 'a=1'],
  [' a ', '" a "'],
  ['a,b', '"a,b"'],
  ['"', '""""'],
  ['', ''],
])('a cell of CSV with %j is %j', (text, cell) => {
  expect(csvLine([text])).toBe(`${cell}\r\n`);
});
