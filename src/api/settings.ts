// The tailnet settings as Tailscale has them, with one of ours. Of theirs `postureIdentityCollectionOn` means something here.
import { z } from 'zod';
import { readRetention } from '../operations/retention.ts';
import {
  changeSettings,
  lossesOfSwitchingOff,
  readSettings,
  routeSelections,
  SettingsChanges,
} from '../operations/settings.ts';
import { rfc3339 } from '../posture/times.ts';
import {
  type ApiParts,
  type ApiServer,
  answers,
  confirmParam,
  count,
  inTailnet,
  LossesBody,
  maybeTime,
  requestOf,
} from './common.ts';

const url = '/tailnet/:tailnet/settings';
const tags = ['Settings'];

const Settings = z
  .object({
    aclsExternallyManagedOn: z.boolean(),
    aclsExternalLink: z.string(),
    devicesApprovalOn: z.boolean(),
    devicesAutoUpdatesOn: z.boolean(),
    devicesKeyDurationDays: z.int(),
    usersApprovalOn: z.boolean(),
    usersRoleAllowedToJoinExternalTailnets: z.enum(['none', 'admin', 'member']),
    networkFlowLoggingOn: z.boolean(),
    regionalRoutingOn: z.boolean().describe('The older word for `routeSelection` being `regional-routing`.'),
    routeSelection: z.enum(routeSelections),
    postureIdentityCollectionOn: z
      .boolean()
      .describe('Off: no agent is matched, and no device has values of providers.'),
    httpsEnabled: z.boolean(),
    allowMultipleIntegrations: z
      .boolean()
      .describe('Ours: several integrations of one provider without `?allowMultiple=true`.'),
  })
  .meta({ id: 'Settings' });

const Retention = z
  .object({
    what: z.enum(['audit_log', 'sync_runs', 'gone_agents', 'delivered_notices', 'undelivered_notices']),
    keptMs: count,
    newest: count.nullable().describe('So many of the newest stay longer.'),
    variable: z.string().nullable().describe('The environment variable that says it; null: it cannot be changed.'),
    oldest: maybeTime.describe('Of the audit log: its oldest entry.'),
  })
  .meta({ id: 'Retention' });

export function addSettings(server: ApiServer, parts: ApiParts): void {
  server.get(
    url,
    {
      config: { scope: 'feature_settings:read' },
      schema: {
        ...{ tags, summary: 'Get the settings', operationId: 'getSettings', params: inTailnet },
        response: answers(Settings),
      },
    },
    async () => readSettings(parts.db),
  );
  server.get(
    `${url}/losses`,
    {
      config: { scope: 'feature_settings:read' },
      schema: {
        ...{ tags, summary: 'Say what switching identity collection off would take', operationId: 'getSettingsLosses' },
        description: 'Ours: the number of devices is what `confirm` wants.',
        params: inTailnet,
        response: answers(LossesBody),
      },
    },
    async () => lossesOfSwitchingOff(parts.db),
  );
  server.get(
    `${url}/retention`,
    {
      config: { scope: 'feature_settings:read' },
      schema: {
        ...{ tags, summary: 'Say how long what is kept', operationId: 'getRetention', params: inTailnet },
        description: 'Ours: told, not set. What can be changed stands in the environment, and in `variable` where.',
        response: answers(z.object({ retention: z.array(Retention) }).meta({ id: 'Retentions' })),
      },
    },
    async () => {
      const found = await readRetention(parts.db, parts.auditRetentionMs);
      return { retention: found.map(({ oldest, ...rest }) => ({ ...rest, oldest: rfc3339(oldest) })) };
    },
  );
  server.patch(
    url,
    {
      config: { scope: 'feature_settings' },
      schema: {
        ...{ tags, summary: 'Change settings', operationId: 'updateSettings', params: inTailnet },
        description: 'What is absent or null stays.',
        querystring: z.strictObject({ confirm: confirmParam }),
        body: SettingsChanges.meta({ id: 'SettingsChanges' }),
        response: answers(Settings, 409),
      },
    },
    async request => {
      const confirmation = { confirm: request.query.confirm ?? null, isConfirmRequired: false };
      const { settings } = await changeSettings(requestOf(parts, request), request.body, confirmation);
      return settings;
    },
  );
}
