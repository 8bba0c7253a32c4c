// `integration add|list|show|update|remove|test`; what else there is of them is in integration-states.ts and integration-lists.ts.
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import { testIntegration } from '../operations/integration-test.ts';
import { showIntegration, viewIntegrations } from '../operations/integration-view.ts';
import {
  addIntegration,
  type IntegrationChanges,
  type Limits,
  openSettings,
  removeIntegration,
  theIntegration,
  updateIntegration,
} from '../operations/integrations.ts';
import { lossesOfLifetime } from '../operations/losses.ts';
import { createEgress } from '../providers/http.ts';
import type { Provider } from '../providers/provider.ts';
import { providerOf, providers } from '../providers/registry.ts';
import { settingsFields } from '../providers/settings.ts';
import { registerLists } from './integration-lists.ts';
import { registerStates } from './integration-states.ts';
import { integrationLines, integrationTable, testLines } from './integration-text.ts';
import {
  asOptions,
  commaList,
  declare,
  durationOrOff,
  refuseLosses,
  refuseTokenArguments,
  share,
  wholeNumber,
} from './options.ts';
import { counted, say, sayJson } from './output.ts';
import { type Session, withSession } from './session.ts';
import { Failed, type Surroundings, wrongUse } from './surroundings.ts';
import { readToken } from './token-input.ts';

interface SettingsOptions {
  json?: boolean;
  name?: string;
  url?: string;
  tokenFile?: string;
  requestsPerSecond?: number;
  siteIds?: string[];
  accountIds?: string[];
  expireAfter?: number | 'off';
  holdFloor?: number;
  holdShare?: number;
}

export function registerIntegration(group: Command, to: Surroundings): void {
  registerAdd(group, to);
  registerReads(group, to);
  registerUpdate(group, to);
  registerRemove(group, to);
  registerStates(group, to);
  registerTest(group, to);
  registerLists(group, to);
}

function settingsOptions(command: Command): Command {
  return refuseTokenArguments(command)
    .option('--token-file <file>', 'read the token from a file; - is standard input')
    .option('--requests-per-second <n>', 'pace of requests; 1 to 25 for SentinelOne', wholeNumber(1, 10_000))
    .option('--site-ids <ids>', "read agents of these sites only, as in 1,2; '' for all", commaList)
    .option('--account-ids <ids>', "read agents of these accounts only; '' for all", commaList)
    .option('--expire-after <time>', 'remove values not confirmed for so long, as in 72h, or off', durationOrOff)
    .option('--hold-floor <n>', 'a sweep may always take values from so many devices', wholeNumber(0, 2_000_000_000))
    .option('--hold-share <share>', 'or from so large a share, as in 20%', share);
}

/** The provider's own settings among the options; null takes one away. */
function givenSettings(options: SettingsOptions): Record<string, unknown> {
  const lists = { siteIds: options.siteIds, accountIds: options.accountIds };
  return {
    ...(options.url === undefined ? {} : { url: options.url }),
    ...(options.requestsPerSecond === undefined ? {} : { requestsPerSecond: options.requestsPerSecond }),
    ...Object.fromEntries(
      Object.entries(lists).flatMap(([name, ids]) => (ids ? [[name, ids.length > 0 ? ids : null]] : [])),
    ),
  };
}

function givenLimits({ expireAfter, holdFloor, holdShare }: SettingsOptions): Partial<Limits> {
  return {
    ...(expireAfter === undefined ? {} : { expireAfterMs: expireAfter === 'off' ? null : expireAfter }),
    ...(holdFloor === undefined ? {} : { holdFloor }),
    ...(holdShare === undefined ? {} : { holdShare }),
  };
}

/** Reads the provider's secret. @throws AppError invalid when there is none */
async function secretOf(
  to: Surroundings,
  provider: Provider,
  file: string | undefined,
): Promise<Record<string, string>> {
  const field = settingsFields(provider).find(({ isSecret }) => isSecret);
  if (!field) return {};
  const token = await readToken(to, file ?? null, field.label);
  if (token === '') {
    const where = file && file !== '-' ? `in ${file}` : 'on standard input';
    throw new AppError('invalid', `there is no token ${where}: nothing was changed`);
  }
  return { [field.name]: token };
}

function registerAdd(group: Command, to: Surroundings): void {
  const command = declare(group, 'add', 'add an integration; the token comes from standard input', [
    'posture-sync integration add --name hq --provider sentinelone --url example.sentinelone.net < token.txt',
    'posture-sync integration add --name hq --provider sentinelone --url example.sentinelone.net --token-file /run/secrets/s1',
  ])
    .requiredOption('--name <name>', 'what to call it')
    .requiredOption('--provider <provider>', `one of ${[...providers.keys()].join(', ')}`)
    .requiredOption('--url <url>', 'where its console is');
  settingsOptions(command).action(async (options: SettingsOptions & { name: string; provider: string }) => {
    const provider = await asOptions(() => providerOf(options.provider));
    const secret = await secretOf(to, provider, options.tokenFile);
    await withSession(to, { needsKeys: true }, async session => {
      const open = Object.entries(givenSettings(options)).filter(([, value]) => value !== null);
      const input = {
        name: options.name,
        provider: options.provider,
        settings: { ...Object.fromEntries(open), ...secret },
        ...givenLimits(options),
      };
      await asOptions(() => addIntegration(settingsRequest(session), input));
      const view = await showIntegration(session.db, session.now, options.name);
      if (options.json) return await sayJson(to, view);
      await say(to, `Added ${options.name}. A running service syncs it at once.`);
      await say(
        to,
        `Test it: posture-sync integration test ${options.name}   Sync it now: posture-sync sync ${options.name}`,
      );
    });
  });
}

function settingsRequest(session: Session) {
  return { ...session.request, keys: session.keys, allowedHosts: session.allowedHosts };
}

function registerReads(group: Command, to: Surroundings): void {
  declare(group, 'list', 'list integrations with their state', ['posture-sync integration list']).action(
    async (options: { json?: boolean }) => {
      await withSession(to, {}, async ({ db, now }) => {
        const views = await viewIntegrations(db, now);
        if (options.json) for (const view of views) await sayJson(to, view);
        else for (const line of integrationTable(views, now())) await say(to, line);
      });
    },
  );
  declare(group, 'show <name>', 'show an integration: state, health, settings', [
    'posture-sync integration show hq',
  ]).action(async (name: string, options: { json?: boolean }) => {
    await withSession(to, {}, async ({ db, now }) => {
      const view = await showIntegration(db, now, name);
      if (options.json) await sayJson(to, view);
      else for (const line of integrationLines(view, now())) await say(to, line);
    });
  });
}

function registerUpdate(group: Command, to: Surroundings): void {
  const command = declare(
    group,
    'update <name>',
    'change an integration; without other options replace its token, which comes from standard input',
    [
      'posture-sync integration update hq < token.txt',
      'posture-sync integration update hq --hold-share 30% --expire-after 5d',
    ],
  )
    .option('--name <name>', 'another name')
    .option('--url <url>', 'another address; on another host the token must be given too, by --token-file')
    .option('--yes', 'do it even where values expire at once by it');
  settingsOptions(command).action(async (name: string, options: SettingsOptions & { yes?: boolean }) => {
    const open = givenSettings(options);
    const limits = givenLimits(options);
    const isTokenAlone = options.name === undefined && Object.keys({ ...open, ...limits }).length === 0;
    await withSession(to, { needsKeys: true }, async session => {
      const found = await theIntegration(session.db, name);
      const { expireAfterMs } = limits;
      if (expireAfterMs !== undefined && !options.yes)
        refuseLosses('to change it', await lossesOfLifetime(session.db, name, expireAfterMs));
      const wantsToken = isTokenAlone || options.tokenFile !== undefined;
      const secret = wantsToken ? await secretOf(to, providerOf(found.provider), options.tokenFile) : {};
      const changes: IntegrationChanges = {
        ...(options.name === undefined ? {} : { name: options.name }),
        ...limits,
        settings: { ...open, ...secret },
      };
      const { integration, changed, resumed } = await asOptions(() =>
        updateIntegration(settingsRequest(session), name, changes),
      );
      if (options.json) {
        const view = await showIntegration(session.db, session.now, integration.name);
        return await sayJson(to, { ...view, changed });
      }
      const what = changed.map(field => (field === 'secretChanged' ? 'token' : field)).join(', ');
      await say(to, changed.length === 0 ? 'Nothing changed.' : `Changed ${what} of ${integration.name}.`);
      if (resumed) await say(to, 'The pause has ended: it is tried at once.');
      else if (integration.pauseReason !== null)
        await say(to, `It is still paused; to go on: posture-sync integration resume ${integration.name}`);
    });
  });
}

function registerRemove(group: Command, to: Surroundings): void {
  declare(group, 'remove <name>', 'remove an integration with its agents and all values that came from it', [
    'posture-sync integration remove hq --yes',
  ])
    .option('--yes', 'do it; without this it only says how many devices would lose values')
    .action(async (name: string, options: { json?: boolean; yes?: boolean }) => {
      await withSession(to, {}, async ({ request }) => {
        const removal = await removeIntegration(request, name, options.yes !== true);
        if (options.json) await sayJson(to, removal);
        const agents = counted(removal.agents, 'agent');
        const losses = `${counted(removal.devices, 'device')} ${removal.dryRun ? 'would lose' : 'lost'} ${counted(removal.attributes, 'value')}`;
        if (!removal.dryRun) {
          if (!options.json) await say(to, `Removed ${name} with ${agents}: ${losses}.`);
          return;
        }
        wrongUse(`to remove ${name} with ${agents}, add --yes: ${losses}`);
      });
    });
}

function registerTest(group: Command, to: Surroundings): void {
  declare(group, 'test <name>', 'read the first page of agents and say what was seen; stores nothing', [
    'posture-sync integration test hq',
  ]).action(async (name: string, options: { json?: boolean }) => {
    await withSession(to, { needsKeys: true }, async session => {
      const egress = createEgress({ allowedHosts: session.allowedHosts, log: session.log });
      try {
        const { db, now } = session;
        const context = { db, now, egress, settingsOf: openSettings(session.keys), signal: to.stop };
        const result = await testIntegration(context, name);
        if (options.json) await sayJson(to, result);
        else for (const line of testLines(result, now())) await say(to, line);
        if (!result.ok) throw new Failed();
      } finally {
        egress.close();
      }
    });
  });
}
