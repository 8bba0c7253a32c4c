// Pairs as in pairs.ts: policies, simulated decisions, postures, settings, webhooks and the audit log; and the table of what has no
// counterpart, with the reason.
import { answers, changes, type Facts, net, type Pair, refused, same, type Told } from './pairs.ts';

const policy = JSON.stringify({
  hosts: { wiki: 'wiki.example.com' },
  postures: { 'posture:active': ['sentinelOne:isActive == true'] },
  acls: [
    { action: 'accept', src: ['anna@example.com'], dst: ['wiki:443'], srcPosture: ['posture:active'] },
    { action: 'accept', src: ['*'], dst: ['10.0.0.5:22'] },
  ],
});
const broken = '{ "acls": 1 }';
const hujson = 'application/hujson';
/** `-:1:3: message` as the API says it: `line 1, column 3: message`. */
const placed = (message: string) => message.replace(/^-:(\d+):(\d+): ([^\n]*)[\s\S]*$/, 'line $1, column $2: $3');

export const policyPairs: Pair[] = [
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{ name: `a policy is applied: ${outcome}`, does: 'setPolicyFile', outcome, cause: 'policy apply' },
      ...{ command: () => ['policy', 'apply', '-'], stdin: policy },
      request: () => ['POST', `${net}/acl`, policy, hujson],
    }),
  ),
  {
    ...{ name: 'a policy with errors is not applied', does: 'setPolicyFile', ...refused(400), said: placed },
    ...{ command: () => ['policy', 'apply', '-'], stdin: broken, plain: true, exit: 1 },
    request: () => ['POST', `${net}/acl`, broken, hujson],
  },
  {
    ...{ name: 'the policy is shown', does: 'getPolicyFile', ...answers, plain: true },
    command: () => ['policy', 'show'],
    request: () => ['GET', `${net}/acl`],
    facts: [text => text, text => text],
  },
  {
    ...{ name: 'a policy is checked', does: 'validatePolicyFile', ...answers, stdin: broken },
    command: () => ['policy', 'check', '-'],
    request: () => ['POST', `${net}/acl/validate`, broken, hujson],
    facts: [([{ errors }]) => errors, ({ errors = [] }) => errors],
  },
  ...[
    ['--user', 'anna@example.com'],
    ['--to', '10.0.0.5:22'],
  ].map(
    ([option = '', about = '']): Pair => ({
      ...{ name: `rules are previewed by ${option}`, does: 'previewPolicyFile', ...answers, stdin: policy },
      command: () => ['policy', 'preview', '-', option, about],
      request: () => [
        ...(['POST', `${net}/acl/preview?type=${option === '--to' ? 'ipport' : 'user'}&previewFor=${about}`] as const),
        ...([policy, hujson] as const),
      ],
      facts: [all => all, ({ matches }) => matches],
    }),
  ),
  {
    ...{ name: 'the impact of a policy', does: 'getPolicyImpact', ...answers, stdin: '{}' },
    command: () => ['policy', 'impact', '-'],
    request: () => ['POST', `${net}/acl/impact`, '{}', hujson],
    facts: [all => [all.slice(0, -1), all.at(-1)], ({ changes: all, changesTotal: _, ...summary }) => [all, summary]],
  },
  {
    ...{ name: 'policies are listed', does: 'listPolicyRevisions', ...answers },
    command: () => ['policy', 'history'],
    request: () => ['GET', `${net}/acl/history`],
    facts: [
      all => all.map(({ actor: _, ...of }) => of),
      ({ revisions }) => revisions.map(({ actor: _, ...of }: Told) => of),
    ],
  },
  {
    ...{ name: 'what applied no policy is not shown', does: 'getPolicyRevision', ...refused(404) },
    command: () => ['policy', 'show', '--revision', '1'],
    request: () => ['GET', `${net}/acl/history/1`],
  },
  ...Object.entries({
    'of a device': [
      ['lt-1', '--to', 'wiki.example.com:443', '--proto', 'tcp'],
      { device: 'lt-1', destination: { host: 'wiki.example.com', port: 443, proto: 'tcp' } },
    ],
    'by invented values': [
      [
        'lt-1',
        '--posture',
        'active',
        '--attribute',
        'sentinelOne:isActive=false',
        '--attribute',
        '!sentinelOne:infected',
      ],
      {
        device: 'lt-1',
        postures: ['active'],
        attributes: { 'sentinelOne:isActive': false, 'sentinelOne:infected': null },
      },
    ],
    'of an invented device': [
      ['--user', 'anna@example.com', '--attribute', 'sentinelOne:isActive=true', '--to', 'wiki.example.com:443'],
      {
        ...{ user: 'anna@example.com', attributes: { 'sentinelOne:isActive': true } },
        destination: { host: 'wiki.example.com', port: 443 },
      },
    ],
    'of one of our own': [
      ['lt-1', '--to-device', 'lt-4', '--port', '22'],
      { device: 'lt-1', destination: { device: 'lt-4', port: 22 } },
    ],
    'of an action': [
      ['lt-1', '--action', 'read', '--resource', 'record:7', '--property', 'resource:status=open'],
      { device: 'lt-1', use: { action: 'read', resource: 'record:7', properties: { 'resource:status': 'open' } } },
    ],
  } as const).map(
    ([name, [words, body]]): Pair => ({
      ...{ name: `a decision is simulated ${name}`, does: 'simulateDecision', ...answers, facts: same },
      command: () => ['policy', 'simulate', ...words],
      request: () => ['POST', `${net}/decisions/simulate`, body],
    }),
  ),
  {
    ...{ name: 'a decision about nothing', does: 'simulateDecision', ...refused(400) },
    command: () => ['policy', 'simulate', 'lt-1'],
    request: () => ['POST', `${net}/decisions/simulate`, { device: 'lt-1' }],
  },
  {
    ...{ name: 'an attribute that no device can have', does: 'simulateDecision', ...refused(400) },
    command: () => ['policy', 'simulate', '--posture', 'active', '--attribute', 'sentinelOne:nope=1'],
    request: () => [
      ...(['POST', `${net}/decisions/simulate`] as const),
      { postures: ['active'], attributes: { 'sentinelOne:nope': 1 } },
    ],
  },
  {
    ...{ name: 'postures are tried on a device', does: 'simulatePostures', ...answers, facts: same },
    command: () => ['posture', 'simulate', 'lt-1', '--attribute', 'sentinelOne:isActive=true'],
    request: () => [
      ...(['POST', `${net}/postures/simulate`] as const),
      { device: 'lt-1', attributes: { 'sentinelOne:isActive': true } },
    ],
  },
  {
    ...{ name: 'postures are tried on a device that is not there', does: 'simulatePostures', ...refused(404) },
    command: () => ['posture', 'simulate', 'nope'],
    request: () => ['POST', `${net}/postures/simulate`, { device: 'nope' }],
  },
  {
    ...{ name: 'postures are listed', does: 'listPostures', ...answers },
    command: () => ['posture', 'list'],
    request: () => ['GET', `${net}/postures`],
    facts: [all => all, ({ postures, asOf }) => postures.map((posture: Told) => ({ ...posture, asOf }))],
  },
  {
    ...{ name: 'a posture is shown', does: 'getPosture', ...answers, facts: same },
    command: () => ['posture', 'show', 'active'],
    request: () => ['GET', `${net}/postures/active`],
  },
  {
    ...{ name: 'devices by standing', does: 'listPostureDevices', ...answers },
    command: () => ['posture', 'show', 'active', '--state', 'failing'],
    request: () => ['GET', `${net}/postures/active/devices?state=failing`],
    // No worker judges here: test/api/postures.test.ts compares what one found.
    facts: [all => [all.length, all], ({ devices }) => [devices.length, devices]],
  },
  {
    ...{ name: 'a device that was not judged', does: 'getPostureDevice', ...refused(404) },
    command: () => ['posture', 'show', 'active', '--device', 'lt-1'],
    request: () => ['GET', `${net}/postures/active/devices/lt-1`],
  },
];

const off = { postureIdentityCollectionOn: false };

export const settingsPairs: Pair[] = [
  {
    ...{ name: 'settings are shown', does: 'getSettings', ...answers, facts: same },
    command: () => ['settings', 'show'],
    request: () => ['GET', `${net}/settings`],
  },
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{ name: `settings are changed: ${outcome}`, does: 'updateSettings', outcome, cause: 'settings' },
      command: () => ['settings', 'set', 'devicesKeyDurationDays=90', 'allowMultipleIntegrations=true'],
      request: () => ['PATCH', `${net}/settings`, { devicesKeyDurationDays: 90, allowMultipleIntegrations: true }],
      facts: [([{ changed: _, ...settings }]) => settings, body => body],
    }),
  ),
  {
    ...{ name: 'a setting out of its range', does: 'updateSettings', ...refused(400) },
    command: () => ['settings', 'set', 'devicesKeyDurationDays=400'],
    request: () => ['PATCH', `${net}/settings`, { devicesKeyDurationDays: 400 }],
  },
  {
    ...{ name: 'collection is not switched off by another number', does: 'updateSettings', ...refused(409) },
    command: () => ['settings', 'set', 'postureIdentityCollectionOn=false', '--confirm', '99'],
    request: () => ['PATCH', `${net}/settings?confirm=99`, off],
  },
  {
    ...{ name: 'collection is switched off', does: 'updateSettings', ...changes('settings') },
    command: () => ['settings', 'set', 'postureIdentityCollectionOn=false', '--confirm', '1'],
    request: () => ['PATCH', `${net}/settings?confirm=1`, off],
    facts: [([{ changed: _, ...settings }]) => settings, body => body],
  },
];

const hook = (name: string) => `/api/v2/webhooks/${name}`;
const ofWebhook: Facts = [
  ([{ id, url, notices, name, state, disabledReason, waiting, oldSecretEnds }]) => [
    ...[id, url, notices, name, state, disabledReason, waiting, oldSecretEnds],
  ],
  ({ endpointId, endpointUrl, subscriptions, name, state, disabledReason, waiting, oldSecretEnds }) => [
    ...[endpointId, endpointUrl, subscriptions, name, state, disabledReason, waiting, oldSecretEnds],
  ],
];
const url = 'https://hooks.example.com/in';

export const webhookPairs: Pair[] = [
  {
    ...{ name: 'a webhook is created', does: 'createWebhook', ...changes('webhook create'), facts: ofWebhook },
    command: () => ['webhook', 'create', '--name', 'pager', '--url', url],
    request: () => ['POST', `${net}/webhooks`, { name: 'pager', endpointUrl: url }],
  },
  {
    ...{ name: 'a webhook of the same name', does: 'createWebhook', ...refused(409) },
    command: () => ['webhook', 'create', '--name', 'pager', '--url', url],
    request: () => ['POST', `${net}/webhooks`, { name: 'pager', endpointUrl: url }],
  },
  {
    ...{ name: 'a webhook without a secure address', does: 'createWebhook', ...refused(400) },
    command: () => ['webhook', 'create', '--name', 'x', '--url', 'http://10.0.0.1/'],
    request: () => ['POST', `${net}/webhooks`, { name: 'x', endpointUrl: 'http://10.0.0.1/' }],
    said: message => message.replace(/^url: /, 'endpointUrl: '),
  },
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{ name: `a webhook is changed: ${outcome}`, does: 'updateWebhook', outcome, cause: 'webhook update' },
      command: () => ['webhook', 'update', 'pager', '--url', `${url}/2`],
      request: ({ webhook }) => ['PATCH', hook(webhook('pager')), { endpointUrl: `${url}/2` }],
      facts: ofWebhook,
    }),
  ),
  ...(['disable', 'enable'] as const).flatMap(verb =>
    (['changes', 'nothing'] as const).map(
      (outcome): Pair => ({
        ...{ name: `a webhook is to ${verb}: ${outcome}`, does: `${verb}Webhook`, outcome, cause: `webhook ${verb}` },
        command: () => ['webhook', verb, 'pager'],
        request: ({ webhook }) => ['POST', `${hook(webhook('pager'))}/${verb}`],
        facts: ofWebhook,
      }),
    ),
  ),
  ...[[], ['--at-once']].map(
    (words): Pair => ({
      ...{ name: `a secret is replaced ${words}`, does: 'rotateWebhookSecret', ...changes('webhook rotate') },
      command: () => ['webhook', 'rotate', 'pager', ...words],
      request: ({ webhook }) => [
        ...(['POST', `${hook(webhook('pager'))}/rotate${words.length > 0 ? '?atOnce=true' : ''}`] as const),
      ],
      facts: ofWebhook,
    }),
  ),
  {
    ...{ name: 'a webhook is shown', does: 'getWebhook', ...answers, facts: ofWebhook },
    command: () => ['webhook', 'show', 'pager'],
    request: ({ webhook }) => ['GET', hook(webhook('pager'))],
  },
  {
    ...{ name: 'webhooks are listed', does: 'listWebhooks', ...answers },
    command: () => ['webhook', 'list'],
    request: () => ['GET', `${net}/webhooks`],
    facts: [all => all.map(view => ofWebhook[0]([view])), ({ webhooks }) => webhooks.map(ofWebhook[1])],
  },
  {
    ...{ name: 'what is not there gets no secret', does: 'rotateWebhookSecret', ...refused(404) },
    command: () => ['webhook', 'rotate', 'nope'],
    request: () => ['POST', `${hook('nope')}/rotate`],
  },
];

const ofKey: Facts = [
  ([k]) => [k.name, k.prefix.slice(0, 6), k.scopes, k.state, k.expiresAt, k.revokedAt, k.lastUsedAt],
  b => [b.description, b.prefix.slice(0, 6), b.scopes, b.state, b.expires, b.revoked, b.lastUsedAt],
];
const scope = 'gateway:decide';

export const keyPairs: Pair[] = [
  {
    ...{ name: 'a key is made', does: 'createKey', ...changes('key create'), facts: ofKey },
    command: () => ['key', 'create', '--name', 'nginx', '--scope', scope, '--expires', '90d'],
    request: () => [
      ...(['POST', `${net}/keys`] as const),
      { description: 'nginx', scopes: [scope], expirySeconds: 7_776_000 },
    ],
  },
  {
    ...{ name: 'a key of the same name', does: 'createKey', ...refused(409) },
    command: () => ['key', 'create', '--name', 'nginx', '--scope', scope],
    request: () => ['POST', `${net}/keys`, { description: 'nginx', scopes: [scope] }],
  },
  {
    ...{ name: 'a key for what there is not', does: 'createKey', ...refused(400) },
    command: () => ['key', 'create', '--name', 'x', '--scope', 'nope'],
    request: () => ['POST', `${net}/keys`, { description: 'x', scopes: ['nope'] }],
  },
  {
    ...{ name: 'keys are listed', does: 'listKeys', ...answers },
    command: () => ['key', 'list'],
    request: () => ['GET', `${net}/keys`],
    facts: [
      all => all.filter(view => view.name !== 'admin').map(view => ofKey[0]([view])),
      ({ keys }) => keys.filter((body: Told) => body.description !== 'admin').map(ofKey[1]),
    ],
  },
  ...(['changes', 'nothing'] as const).map(
    (outcome): Pair => ({
      ...{ name: `a key is revoked: ${outcome}`, does: 'deleteKey', outcome, cause: 'key revoke' },
      command: () => ['key', 'revoke', 'nginx'],
      request: ({ key }) => ['DELETE', `${net}/keys/${key('nginx')}`],
    }),
  ),
  {
    ...{ name: 'what is not there is not revoked', does: 'deleteKey', ...refused(404) },
    command: () => ['key', 'revoke', 'nope'],
    request: () => ['DELETE', `${net}/keys/nope`],
  },
];

export const lastPairs: Pair[] = [
  {
    ...{ name: 'notices are listed', does: 'listWebhookDeliveries', ...answers },
    command: () => ['webhook', 'show', 'pager'],
    request: ({ webhook }) => ['GET', `${hook(webhook('pager'))}/deliveries`],
    facts: [([{ deliveries }]) => deliveries, ({ deliveries }) => deliveries],
  },
  {
    ...{ name: 'what is disabled is not tested', does: 'disableWebhook', ...changes('webhook disable') },
    command: () => ['webhook', 'disable', 'pager'],
    request: ({ webhook }) => ['POST', `${hook(webhook('pager'))}/disable`],
  },
  {
    ...{ name: 'a webhook that is disabled is not tested', does: 'testWebhook', ...refused(409) },
    command: () => ['webhook', 'test', 'pager'],
    request: ({ webhook }) => ['POST', `${hook(webhook('pager'))}/test`],
  },
  {
    ...{ name: 'a webhook is removed', does: 'deleteWebhook', ...changes('webhook remove') },
    command: () => ['webhook', 'remove', 'pager'],
    request: ({ webhook }) => ['DELETE', hook(webhook('pager'))],
  },
  {
    ...{ name: 'what is not there is not removed', does: 'deleteWebhook', ...refused(404) },
    command: () => ['webhook', 'remove', 'nope'],
    request: () => ['DELETE', hook('nope')],
  },
  {
    ...{ name: 'an import on schedule that there is not', does: 'getDeviceImport', ...refused(404) },
    command: () => ['device', 'import', '--status'],
    request: () => ['GET', `${net}/devices/import`],
  },
  {
    ...{ name: 'the overview', does: 'getOverview', ...answers, facts: same },
    command: () => ['overview'],
    request: () => ['GET', `${net}/overview`],
  },
  {
    ...{ name: 'the overview over time', does: 'getOverviewHistory', ...answers, facts: same },
    command: () => ['overview', '--history', '7d'],
    request: () => ['GET', `${net}/overview/history?period=7d`],
  },
  {
    ...{ name: 'the audit log', does: 'listConfigurationAuditLogs', ...answers },
    command: () => ['audit'],
    request: () => ['GET', `${net}/logging/configuration?start=2000-01-01T00:00:00Z&end=2100-01-01T00:00:00Z`],
    facts: [all => all, ({ logs }) => logs],
  },
  {
    ...{ name: 'the audit log by writes', does: 'listAuditGroups', ...answers },
    command: () => ['audit', '--groups', '--event', 'TAILNET'],
    request: () => ['GET', `${net}/logging/configuration/groups?event=TAILNET`],
    facts: [all => all, ({ groups }) => groups],
  },
  {
    ...{ name: 'the audit log by what is no event', does: 'listAuditGroups', ...refused(400) },
    command: () => ['audit', '--groups', '--event', 'nix nix'],
    request: () => ['GET', `${net}/logging/configuration/groups?event=nix%20nix`],
  },
  {
    ...{ name: 'the entries of a write', does: 'getAuditGroup', ...answers },
    command: () => ['audit', '--group', '2'],
    request: () => ['GET', `${net}/logging/configuration/groups/2`],
    facts: [all => all, ({ logs }) => logs],
  },
  {
    ...{ name: 'the entries of no write', does: 'getAuditGroup', ...refused(404) },
    command: () => ['audit', '--group', '999999'],
    request: () => ['GET', `${net}/logging/configuration/groups/999999`],
  },
  {
    ...{ name: 'the audit log of no time', does: 'listConfigurationAuditLogs', ...refused(400) },
    command: () => ['audit', '--since', '2026-02-01T00:00:00Z', '--until', '2026-01-01T00:00:00Z'],
    request: () => ['GET', `${net}/logging/configuration?start=2026-02-01T00:00:00Z&end=2026-01-01T00:00:00Z`],
  },
];

/** Operations without a command that does the same, and why. */
export const onlyOverHttp: Readonly<Record<string, string>> = {
  testPostureIntegration: '`integration test` calls out itself; both are one operation (test/api/checks.test.ts)',
  testPostureIntegrationSettings: 'as testPostureIntegration',
  getPostureIntegrationTest: 'the command waits for the answer itself',
  getPostureIntegrationSettingsTest: 'as getPostureIntegrationTest',
  previewPostureIntegration: '`sync --dry-run` sweeps itself; both are one run (test/api/previews.test.ts)',
  previewPostureIntegrationChange: 'as previewPostureIntegration',
  getPostureIntegrationPreview: 'as getPostureIntegrationTest',
  reportDevice: 'devices do it themselves, with keys of theirs; test/api/reports.test.ts counts what they leave',
  queryDeviceAttributes:
    '`attribute list` tells of one device, and `device list --attributes` of those that a filter finds',
  listAttributes: 'for completion and filters; docs/attributes.md has those that providers declare',
  listPolicyImpactChanges: '`policy impact` prints all of them (test/api/policy-impact.test.ts compares)',
  getStarterPolicy: 'it is the file config/policy.hujson',
  listDeviceEvents: '`audit --target` prints the same entries, oldest first',
  getAttributeSeries: 'for charts; `attribute history` prints the same changes',
  getDeviceRefetch: '`device refetch` waits for the answer itself',
  getSyncRun: '`integration runs` has it among the newest',
  getAuditCatalogue: 'for menus of pages; docs/events.md lists the events',
  getRetention: 'for pages; whoever has the command line set AUDIT_RETENTION',
  followLive: 'for pages, which read again what was changed; `sync` prints progress by itself',
  exportAgents: '`integration agents --json` prints the same',
  getKey: '`key list` has it',
  listScopes: '`key create --help` has them',
  getWaysIn: 'for the page on which people sign in',
  signIn: 'for browsers; test/api/session.test.ts counts what it leaves',
  signOut: 'as signIn',
  getSession: 'as signIn',
  getSettingsLosses:
    '`settings set` says it where it is not confirmed, and test/api/settings.test.ts compares the number',
};

/** Commands without an operation that does the same, and why. */
export const onlyByCommand: Readonly<Record<string, string>> = {
  demo: 'a service of its own',
  serve: 'the service itself',
  migrate: 'whoever can reach the database',
  'integration test': 'calls out itself, which the API never does',
  'device placeholders': 'a list that is set up once, by whoever installs',
  'sign-in': 'for whoever can reach the database and has no key',
  verify: 'looks for faults of ours over the whole database',
  simulate: 'a pretended console',
  'bench sync': 'measures this machine',
  'bench decide': 'measures this machine',
  'sealing-key': 'prints a key of this installation, which an API process has no part in',
  'bench api': 'measures this machine',
  'bench devices': 'measures this machine',
  'bench pages': 'measures this machine',
  'bench view': 'measures this machine',
  'bench overview': 'measures this machine',
  'bench impact': 'measures this machine',
  docs: 'for developers',
};
