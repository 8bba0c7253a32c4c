// The same request by command line and over HTTP: what each is made of, what must come of it, and what has no counterpart.
// test/api/pairs.test.ts makes them one after the other, in two worlds that are equal.

/** What is known in a world under names that are the same in both. */
export interface Names {
  /** Ids of integrations by name. */
  integration(name: string): string;
  webhook(name: string): string;
  key(name: string): string;
  /** Of the fleet: an agent's id, and its serial number. */
  agents: readonly { id: string; serial: string }[];
}

/** `changes`: exactly one group of events. `confirms`: a revision without an event. `tells`: a refusal that is an event. */
export type Outcome = 'changes' | 'nothing' | 'confirms' | 'answers' | 'refused' | 'tells';

/** What was answered by command line: its JSON lines, the first of which most want; or over HTTP: the body. */
// biome-ignore lint/suspicious/noExplicitAny: each pair knows what it asked for
export type Told = any;

/** What must agree, of the JSON lines of the command, and of the body. */
export type Facts = [(lines: Told[]) => unknown, (body: Told) => unknown];

export interface Pair {
  name: string;
  /** The operation of the API. */
  does: string;
  command: (names: Names) => string[];
  stdin?: string;
  request: (names: Names) => readonly [method: string, path: string, body?: unknown, type?: string];
  outcome: Outcome;
  /** Of a change: what revisions say that it was. */
  cause?: string;
  /** Of a refusal: the status over HTTP; the command ends with 2 for 400, and else with 1. */
  status?: number;
  /** Of a refusal: what the command says where the API has other words for it; what it says is compared by default. */
  said?: (message: string) => string;
  facts?: Facts;
  /** Without --json. */
  plain?: boolean;
  /** How the command ends, where that is not as usual. */
  exit?: number;
}

export const net = '/api/v2/tailnet/-';
const device = (id: string) => `/api/v2/device/${id}`;
const single = (id: string) => `/api/v2/posture/integrations/${id}`;
export const same: Facts = [([first]) => first, body => body];

export const refused = (status: number): Pick<Pair, 'outcome' | 'status'> => ({ outcome: 'refused', status });
export const changes = (cause: string): Pick<Pair, 'outcome' | 'cause'> => ({ outcome: 'changes', cause });
const nothing = { outcome: 'nothing' } as const;
export const answers = { outcome: 'answers' } as const;

const barely = (text: string | null) => text ?? '';
const tagged = (tags: string[]) => tags.map(tag => `tag:${tag}`);
/** A device by command and over HTTP, where absent texts are empty and tags have their prefix. */
const ofDevice: Facts = [
  ([d]) => [d.id, barely(d.hostname), barely(d.user), barely(d.os), d.addresses, tagged(d.tags), d.serials, d.match],
  b => [b.id, b.hostname, b.user, b.os, b.addresses, b.tags, b.serials, b.match],
];
const ofDevices: Facts = [
  lines => lines.map(d => [d.id, d.match, d.attributes, d.expiries]),
  ({ devices }) => devices.map((b: Told) => [b.id, b.match, b.attributes, b.expiries]),
];

const lines = (...records: object[]) => records.map(record => JSON.stringify(record)).join('\n');
const inventory = lines(
  { id: 'lt-3', user: 'carl@example.com', tags: ['phone'] },
  { id: 'lt-4', addresses: ['10.1.0.4'] },
);

const one = { hostname: 'LT-1', user: 'anna@example.com', addresses: ['10.1.0.1'] };
const words = ['--hostname', 'LT-1', '--user', 'anna@example.com', '--address', '10.1.0.1'];

export const devicePairs: Pair[] = [
  {
    ...{ name: 'a device is created', does: 'createDevice', ...changes('device add'), facts: ofDevice },
    command: ({ agents: [a] }) => ['device', 'add', 'lt-1', ...words, '--serial', `${a?.serial}`, '--tag', 'laptop'],
    request: ({ agents: [a] }) => [
      ...(['POST', `${net}/devices`] as const),
      { id: 'lt-1', ...one, serialNumbers: [a?.serial], tags: ['laptop'] },
    ],
  },
  {
    ...{ name: 'a device is not created twice', does: 'createDevice', ...refused(409) },
    command: () => ['device', 'add', 'lt-1'],
    request: () => ['POST', `${net}/devices`, { id: 'lt-1' }],
  },
  {
    ...{ name: 'an address of many is none', does: 'createDevice', ...refused(400) },
    command: () => ['device', 'add', 'lt-9', '--address', '10.0.0.0/8'],
    request: () => ['POST', `${net}/devices`, { id: 'lt-9', addresses: ['10.0.0.0/8'] }],
  },
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{ name: `a device is replaced: ${outcome}`, does: 'replaceDevice', outcome, cause: 'device replace' },
      command: ({ agents: [a] }) => [
        'device',
        'replace',
        'lt-1',
        ...words,
        '--os',
        'macOS',
        '--serial',
        `${a?.serial}`,
      ],
      request: ({ agents: [a] }) => ['PUT', device('lt-1'), { ...one, os: 'macOS', serialNumbers: [a?.serial] }],
      facts: ofDevice,
    }),
  ),
  {
    ...{ name: 'nobody is replaced', does: 'replaceDevice', ...refused(404) },
    command: () => ['device', 'replace', 'nobody'],
    request: () => ['PUT', device('nobody'), {}],
  },
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{ name: `many devices come in: ${outcome}`, does: 'bulkUpsertDevices', outcome, cause: 'device import' },
      ...{ command: () => ['device', 'import', '-', '--format', 'ndjson'], stdin: `${inventory}\noops` },
      request: () => ['POST', `${net}/devices/bulk`, `${inventory}\noops`, 'application/x-ndjson'],
      facts: [
        ([{ rejected, rejectedTotal, ...counts }]) => [{ ...counts, rejected: rejectedTotal }, rejected],
        body => {
          const all = body
            .trim()
            .split('\n')
            .map((line: string) => JSON.parse(line));
          const told = all.filter((line: Told) => line.outcome === 'rejected');
          return [all.at(-1), told.map(({ line, message }: Told) => ({ line, message }))];
        },
      ],
    }),
  ),
  {
    ...{
      name: 'serial numbers are set by hand',
      does: 'setDeviceSerials',
      ...changes('device serials'),
      facts: ofDevice,
    },
    command: ({ agents: [, b] }) => ['device', 'serials', 'lt-3', `${b?.serial}`],
    request: ({ agents: [, b] }) => ['PUT', `${device('lt-3')}/serials`, { serialNumbers: [b?.serial] }],
  },
  {
    ...{ name: 'serial numbers are set again', does: 'setDeviceSerials', ...nothing, facts: ofDevice },
    command: ({ agents: [, b] }) => ['device', 'serials', 'lt-3', `${b?.serial}`],
    request: ({ agents: [, b] }) => ['PUT', `${device('lt-3')}/serials`, { serialNumbers: [b?.serial] }],
  },
  {
    ...{ name: 'a serial number that another one holds', does: 'setDeviceSerials', outcome: 'tells', status: 409 },
    cause: 'device serials',
    command: ({ agents: [, b] }) => ['device', 'serials', 'lt-4', `${b?.serial}`],
    request: ({ agents: [, b] }) => ['PUT', `${device('lt-4')}/serials`, { serialNumbers: [b?.serial] }],
  },
  {
    ...{ name: 'a serial number that identifies nothing', does: 'setDeviceSerials', ...refused(400) },
    command: () => ['device', 'serials', 'lt-4', 'Default string'],
    request: () => ['PUT', `${device('lt-4')}/serials`, { serialNumbers: ['Default string'] }],
  },
  {
    ...{
      name: 'back to reported serial numbers',
      does: 'setDeviceSerials',
      ...changes('device serials'),
      facts: ofDevice,
    },
    command: () => ['device', 'serials', 'lt-3', '--clear'],
    request: () => ['PUT', `${device('lt-3')}/serials`, { serialNumbers: [] }],
  },
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{
        name: `an agent is bound: ${outcome}`,
        does: 'bindDeviceAgent',
        outcome,
        cause: 'device bind',
        facts: ofDevice,
      },
      command: ({ agents: [, , c] }) => ['device', 'bind', 'lt-4', `${c?.id}`],
      request: ({ agents: [, , c] }) => ['PUT', `${device('lt-4')}/agents/${c?.id}`],
    }),
  ),
  {
    ...{ name: 'an agent that nobody knows is not bound', does: 'bindDeviceAgent', ...refused(404) },
    command: () => ['device', 'bind', 'lt-4', '17', '--integration', 'hq'],
    request: () => ['PUT', `${device('lt-4')}/agents/17?integration=hq`],
  },
  {
    ...{ name: 'an agent of another device is not freed', does: 'unbindDeviceAgent', ...refused(409) },
    command: ({ agents: [, , c] }) => ['device', 'bind', 'lt-3', `${c?.id}`, '--undo'],
    request: ({ agents: [, , c] }) => ['DELETE', `${device('lt-3')}/agents/${c?.id}`],
  },
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{
        name: `an agent is freed: ${outcome}`,
        does: 'unbindDeviceAgent',
        outcome,
        cause: 'device bind',
        facts: ofDevice,
      },
      command: ({ agents: [, , c] }) => ['device', 'bind', 'lt-4', `${c?.id}`, '--undo'],
      request: ({ agents: [, , c] }) => ['DELETE', `${device('lt-4')}/agents/${c?.id}`],
    }),
  ),
  {
    ...{ name: 'a device is shown', does: 'getDevice', ...answers, facts: ofDevice },
    command: () => ['device', 'show', 'lt-1'],
    request: () => ['GET', `${device('lt-1')}?fields=all`],
  },
  {
    ...{ name: 'nobody is shown', does: 'getDevice', ...refused(404) },
    command: () => ['device', 'show', 'nobody'],
    request: () => ['GET', device('nobody')],
  },
  {
    ...{ name: 'devices are listed with values', does: 'listTailnetDevices', ...answers, facts: ofDevices },
    command: () => ['device', 'list', '--attributes'],
    request: () => ['GET', `${net}/devices?fields=all&attributes=true`],
  },
  {
    ...{ name: 'devices are found by filters', does: 'listTailnetDevices', ...answers, facts: ofDevices },
    command: () => ['device', 'list', '--attribute', 'sentinelOne:isActive', '--search', 'lt', '--attributes'],
    request: () => ['GET', `${net}/devices?attribute=sentinelOne:isActive&search=lt&fields=all&attributes=true`],
  },
  {
    ...{ name: 'a standing is in a posture', does: 'listTailnetDevices', ...refused(400) },
    command: () => ['device', 'list', '--standing', 'failing'],
    request: () => ['GET', `${net}/devices?standing=failing`],
  },
  {
    ...{ name: 'devices are looked through', does: 'listDeviceTable', ...answers },
    command: () => ['device', 'list', '--posture-identity', 'has-posture-identity', '--integration', 'hq'],
    request: () => [
      ...([
        'GET',
        `${net}/devices/table?postureIdentity=has-posture-identity&integration=hq&sort=id&column=user`,
      ] as const),
    ],
    facts: [all => all.map((d: Told) => [d.id, d.user]), ({ devices }) => devices.map((d: Told) => [d.id, d.user])],
  },
  {
    ...{ name: 'devices of an integration that there is not', does: 'listDeviceTable', ...refused(404) },
    command: () => ['device', 'list', '--integration', 'nope'],
    request: () => ['GET', `${net}/devices/table?integration=nope`],
  },
  {
    ...{ name: 'devices are exported', does: 'exportDevices', ...answers, plain: true },
    command: () => ['device', 'export', '--column', 'serials', '--sort', 'created', '--descending'],
    request: () => ['GET', `${net}/devices/csv?column=serials&sort=-created`],
    facts: [(text: Told) => text, body => body],
  },
  {
    ...{ name: 'a device stands in postures', does: 'getDevicePostures', ...answers },
    command: () => ['device', 'postures', 'lt-1'],
    request: () => ['GET', `${device('lt-1')}/postures`],
    facts: [([{ at: _, ...told }]) => told, ({ at: _, ...told }) => told],
  },
  {
    ...{ name: 'a device is explained', does: 'explainDevice', ...answers, facts: same },
    command: () => ['explain', 'lt-1'],
    request: () => ['GET', `${device('lt-1')}/explain`],
  },
  {
    ...{ name: 'nobody is explained', does: 'explainDevice', ...refused(404) },
    command: () => ['explain', 'nobody'],
    request: () => ['GET', `${device('nobody')}/explain`],
  },
  {
    ...{ name: 'nobody is read again', does: 'refetchDevice', ...refused(404) },
    command: () => ['device', 'refetch', 'nobody'],
    request: () => ['POST', `${device('nobody')}/refetch?wait=0`],
  },
];

const ends = '2099-01-01T00:00:00.000Z';
const tier = `${device('lt-1')}/attributes/custom:tier`;
const nodes = { 'lt-3': { 'custom:tier': { value: 'silver' } }, 'lt-4': { 'custom:score': { value: 5 } } };

export const attributePairs: Pair[] = [
  ...(['changes', 'confirms'] as const).map(
    (outcome): Pair => ({
      ...{ name: `an attribute is set: ${outcome}`, does: 'setDeviceAttribute', outcome, cause: 'attribute set' },
      command: () => ['attribute', 'set', 'lt-1', 'custom:tier', 'gold', '--comment', 'ticket 1', '--expiry', ends],
      request: () => [...(['POST', tier] as const), { value: 'gold', comment: 'ticket 1', expiry: ends }],
      facts: [
        ([{ value, type, expiresAt }]) => [value, type, expiresAt],
        ({ attributes, details, expiries }) => [
          ...[attributes['custom:tier'], details['custom:tier'].type, expiries['custom:tier']],
        ],
      ],
    }),
  ),
  {
    ...{ name: 'an attribute of another type', does: 'setDeviceAttribute', ...refused(400) },
    command: () => ['attribute', 'set', 'lt-1', 'custom:tier', '5'],
    request: () => ['POST', tier, { value: 5 }],
  },
  {
    ...{ name: "a provider's attribute is not set", does: 'setDeviceAttribute', ...refused(400) },
    command: () => ['attribute', 'set', 'lt-1', 'sentinelOne:isActive', 'true'],
    request: () => ['POST', `${device('lt-1')}/attributes/sentinelOne:isActive`, { value: true }],
  },
  {
    ...{ name: 'many attributes are set', does: 'patchDeviceAttributes', ...changes('attribute batch') },
    ...{ command: () => ['attribute', 'batch', '-', '--comment', 'all'], stdin: JSON.stringify({ nodes }) },
    request: () => ['PATCH', `${net}/device-attributes`, { nodes, comment: 'all' }],
  },
  {
    ...{ name: 'many attributes are set, and one is wrong', does: 'patchDeviceAttributes', ...refused(400) },
    command: () => ['attribute', 'batch', '-'],
    stdin: JSON.stringify({ nodes: { 'lt-3': { 'custom:tier': { value: 1 } } } }),
    request: () => ['PATCH', `${net}/device-attributes`, { nodes: { 'lt-3': { 'custom:tier': { value: 1 } } } }],
  },
  {
    ...{ name: 'attributes are listed', does: 'getDeviceAttributes', ...answers },
    command: () => ['attribute', 'list', 'lt-1'],
    request: () => ['GET', `${device('lt-1')}/attributes`],
    facts: [
      all =>
        all.map(({ name, value, type, integration, confirmedAt }) => [name, value, type, integration, confirmedAt]),
      ({ attributes, details }) =>
        Object.entries(attributes).map(([name, value]) => {
          const { type, integration, confirmedAt } = details[name];
          return [name, value, type, integration, confirmedAt];
        }),
    ],
  },
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{
        name: `an attribute is deleted: ${outcome}`,
        does: 'deleteDeviceAttribute',
        outcome,
        cause: 'attribute delete',
      },
      command: () => ['attribute', 'delete', 'lt-1', 'custom:tier', '--comment', 'done'],
      request: () => ['DELETE', `${tier}?comment=done`],
    }),
  ),
  {
    ...{ name: 'what became of attributes', does: 'listAttributeChanges', ...answers },
    command: () => ['attribute', 'history', 'lt-1', '--key', 'custom:tier'],
    request: () => ['GET', `${device('lt-1')}/attributes/history?key=custom:tier`],
    facts: [all => all, ({ changes: all }) => all],
  },
  {
    ...{ name: 'nothing became of nobody', does: 'listAttributeChanges', ...refused(404) },
    command: () => ['attribute', 'history', 'nobody'],
    request: () => ['GET', `${device('nobody')}/attributes/history`],
  },
  {
    ...{ name: 'nobody loses an attribute', does: 'deleteDeviceAttribute', ...refused(404) },
    command: () => ['attribute', 'delete', 'nobody', 'custom:tier'],
    request: () => ['DELETE', `${device('nobody')}/attributes/custom:tier`],
  },
  ...(['changes', 'refused'] as const).map(
    (outcome): Pair => ({
      ...{
        name: `a device is deleted: ${outcome}`,
        does: 'deleteDevice',
        outcome,
        status: 404,
        cause: 'device remove',
      },
      command: () => ['device', 'remove', 'lt-3', '--yes'],
      request: () => ['DELETE', device('lt-3')],
    }),
  ),
];

const bySame = (names: readonly string[]): Facts => [
  ([view]) => names.map(name => view[name]),
  body => names.map(name => body[name]),
];
/** What both tell of an integration under the same names. */
const ofIntegration = bySame([
  ...['id', 'name', 'provider', 'state', 'pauseReason', 'pausedUntil', 'lastSuccess', 'nextSync', 'evidenceExpires'],
  ...['settings', 'expireAfter', 'holdFloor', 'holdShare', 'held', 'failingSince', 'warnings', 'scope', 'error'],
]);
const secret = 'eyJ0-a-token-of-sixteen';
const unknown = (message: string) =>
  message.replace('there is no integration "nope"', 'there is no posture integration "nope"').replace(/;.*/, '');
const theirUrl = (message: string) => `cloudId: ${message}`;

export const integrationPairs: Pair[] = [
  {
    ...{ name: 'an integration is added', does: 'createPostureIntegration', ...changes('integration add') },
    ...{ stdin: secret, facts: ofIntegration },
    command: () => [
      'integration',
      'add',
      '--name',
      'branch',
      '--provider',
      'sentinelone',
      '--url',
      'b.sentinelone.net',
    ],
    request: () => [
      ...(['POST', `${net}/posture/integrations?allowMultiple=true`] as const),
      { provider: 'sentinelone', name: 'branch', cloudId: 'b.sentinelone.net', clientSecret: secret },
    ],
  },
  {
    ...{ name: 'an integration of the same name', does: 'createPostureIntegration', ...refused(409), stdin: secret },
    command: () => [
      'integration',
      'add',
      '--name',
      'branch',
      '--provider',
      'sentinelone',
      '--url',
      'c.sentinelone.net',
    ],
    request: () => [
      ...(['POST', `${net}/posture/integrations?allowMultiple=true`] as const),
      { provider: 'sentinelone', name: 'branch', cloudId: 'c.sentinelone.net', clientSecret: secret },
    ],
  },
  {
    ...{ name: 'an address that is none', does: 'createPostureIntegration', ...refused(400), stdin: secret },
    command: () => ['integration', 'add', '--name', 'x', '--provider', 'sentinelone', '--url', 'http://10.0.0.1'],
    request: () => [
      ...(['POST', `${net}/posture/integrations?allowMultiple=true`] as const),
      { provider: 'sentinelone', name: 'x', cloudId: 'http://10.0.0.1', clientSecret: secret },
    ],
    said: theirUrl,
  },
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{ name: `an integration is changed: ${outcome}`, does: 'updatePostureIntegration', outcome },
      ...{ cause: 'integration update', facts: ofIntegration },
      command: () => ['integration', 'update', 'branch', '--hold-share', '30%', '--expire-after', '5d'],
      request: ({ integration }) => ['PATCH', single(integration('branch')), { holdShare: 0.3, expireAfter: '5d' }],
    }),
  ),
  {
    ...{ name: 'a token is replaced', does: 'updatePostureIntegration', ...changes('integration update') },
    ...{ stdin: `${secret}-2`, facts: ofIntegration },
    command: () => ['integration', 'update', 'branch'],
    request: ({ integration }) => ['PATCH', single(integration('branch')), { clientSecret: `${secret}-2` }],
  },
  {
    ...{ name: 'another host without its token', does: 'updatePostureIntegration', ...refused(400) },
    command: () => ['integration', 'update', 'branch', '--url', 'z.sentinelone.net'],
    request: ({ integration }) => ['PATCH', single(integration('branch')), { cloudId: 'z.sentinelone.net' }],
    said: message => message.replace(/\burl: /, 'cloudId: '),
  },
  ...(['pause', 'resume'] as const).flatMap(verb =>
    (['changes', 'nothing'] as const).map(
      (outcome): Pair => ({
        ...{ name: `an integration is to ${verb}: ${outcome}`, does: `${verb}PostureIntegration`, outcome },
        ...{ cause: `integration ${verb}`, facts: ofIntegration },
        command: () => ['integration', verb, 'branch'],
        request: ({ integration }) => ['POST', `${single(integration('branch'))}/${verb}`],
      }),
    ),
  ),
  {
    ...{ name: 'what is paused is not synced', does: 'syncPostureIntegration', ...refused(409) },
    command: () => ['sync', 'idle'],
    request: ({ integration }) => ['POST', `${single(integration('idle'))}/sync`],
  },
  {
    ...{ name: 'what is held is listed', does: 'listHeldLosses', ...answers },
    command: () => ['integration', 'held', 'hq'],
    request: ({ integration }) => ['GET', `${single(integration('hq'))}/held`],
    // The hold of both worlds is of no device: test/api/held.test.ts has devices.
    facts: [all => [all.length, all], ({ devices }) => [devices.length, devices]],
  },
  {
    ...{ name: 'providers are listed', does: 'listPostureProviders', ...answers },
    command: () => ['integration', 'providers'],
    request: () => ['GET', `${net}/posture/providers`],
    facts: [all => all, ({ providers }) => providers],
  },
  {
    ...{ name: 'an integration is not paused until a time gone by', does: 'pausePostureIntegration', ...refused(400) },
    command: () => ['integration', 'pause', 'branch', '--until', '2020-01-01'],
    request: ({ integration }) => ['POST', `${single(integration('branch'))}/pause`, { until: '2020-01-01' }],
  },
  {
    ...{ name: 'losses are accepted', does: 'acceptPostureIntegration', ...changes('losses accepted') },
    ...{ facts: ofIntegration, command: () => ['integration', 'accept', 'hq'] },
    request: ({ integration }) => ['POST', `${single(integration('hq'))}/accept`],
  },
  {
    ...{ name: 'no losses are accepted', does: 'acceptPostureIntegration', ...refused(409) },
    command: () => ['integration', 'accept', 'branch'],
    request: ({ integration }) => ['POST', `${single(integration('branch'))}/accept`],
  },
  {
    ...{ name: 'an integration is shown', does: 'getPostureIntegration', ...answers, facts: ofIntegration },
    command: () => ['integration', 'show', 'hq'],
    request: ({ integration }) => ['GET', single(integration('hq'))],
  },
  {
    ...{ name: 'what is not there is not shown', does: 'getPostureIntegration', ...refused(404), said: unknown },
    command: () => ['integration', 'show', 'nope'],
    request: () => ['GET', single('nope')],
  },
  {
    ...{ name: 'integrations are listed', does: 'listPostureIntegrations', ...answers },
    command: () => ['integration', 'list'],
    request: () => ['GET', `${net}/posture/integrations`],
    facts: [
      all => all.map(view => ofIntegration[0]([view])),
      ({ integrations }) => integrations.map((view: Told) => ofIntegration[1](view)),
    ],
  },
  {
    ...{ name: 'runs are listed', does: 'listSyncRuns', ...answers },
    command: () => ['integration', 'runs', 'hq'],
    request: ({ integration }) => ['GET', `${single(integration('hq'))}/runs`],
    facts: [
      all =>
        all.map(({ id, outcome, agents, matched, unmatched, startedAt }) => [
          id,
          outcome,
          agents,
          matched,
          unmatched,
          startedAt,
        ]),
      ({ runs }) =>
        runs.map(({ id, outcome, agents, matched, unmatched, startedAt }: Told) => [
          id,
          outcome,
          agents,
          matched,
          unmatched,
          startedAt,
        ]),
    ],
  },
  {
    ...{ name: 'agents are listed', does: 'listAgents', ...answers },
    command: () => ['integration', 'agents', 'hq', '--match', 'unmatched'],
    request: ({ integration }) => ['GET', `${single(integration('hq'))}/agents?match=unmatched`],
    facts: [all => all, ({ agents }) => agents],
  },
  {
    ...{ name: 'what removing would take', does: 'getPostureIntegrationLosses', ...answers },
    command: () => ['integration', 'remove', 'hq'],
    request: ({ integration }) => ['GET', `${single(integration('hq'))}/losses`],
    facts: [([{ devices, attributes }]) => ({ devices, attributes }), body => body],
  },
  {
    ...{ name: 'an integration is removed', does: 'deletePostureIntegration', ...changes('integration remove') },
    command: () => ['integration', 'remove', 'branch', '--yes'],
    request: ({ integration }) => ['DELETE', single(integration('branch'))],
  },
  {
    ...{ name: 'what is not there is not removed', does: 'deletePostureIntegration', ...refused(404), said: unknown },
    command: () => ['integration', 'remove', 'nope', '--yes'],
    request: () => ['DELETE', single('nope')],
  },
];
