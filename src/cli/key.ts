// `key create|list|revoke`.
import type { Command } from 'commander';
import { type ApiKeyView, createApiKey, revokeApiKey, viewApiKeys } from '../operations/keys.ts';
import { scopeCatalogue } from '../posture/scopes.ts';
import { asOptions, collect, declare, duration } from './options.ts';
import { fields, remark, say, sayJson, table, timeAndAge } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerKey(group: Command, to: Surroundings): void {
  registerCreate(group, to);
  registerList(group, to);
  registerRevoke(group, to);
}

function registerCreate(group: Command, to: Surroundings): void {
  declare(group, 'create', 'make a key; it is shown once', [
    'posture-sync key create --name nginx --scope gateway:decide',
    'posture-sync key create --name terraform --scope feature_settings --scope policy_file --expires 90d',
  ])
    .requiredOption('--name <name>', 'what to call it: who or what has it')
    .requiredOption('--scope <scope>', 'what it may be used for; may be repeated', collect)
    .option('--expires <time>', 'it holds for so long, as in 90d; for ever if not given', duration)
    .addHelpText('after', `\nScopes; one includes the same with :read, and all includes all:\n${scopeLines()}`)
    .action(async (options: { json?: boolean; name: string; scope: string[]; expires?: number }) => {
      await withSession(to, {}, async ({ request, now }) => {
        const input = { name: options.name, scopes: options.scope, expiresInMs: options.expires ?? null };
        const { key, view } = await asOptions(() => createApiKey(request, input));
        if (options.json) return await sayJson(to, { ...view, key });
        remark(to, `Made the key ${view.name}. Keep it now: it is not shown again.`);
        for (const line of keyLines(view, now())) remark(to, line);
        await say(to, key);
      });
    });
}

function scopeLines(): string {
  return table(
    ['', ''],
    Object.entries(scopeCatalogue).map(([scope, { about }]) => [`  ${scope}`, about]),
  ).join('\n');
}

function keyLines(view: ApiKeyView, now: Date): string[] {
  return fields([
    ['id', view.id],
    ['scopes', view.scopes.join(', ')],
    ['expires', timeAndAge(view.expiresAt, now) ?? 'never'],
  ]);
}

function registerList(group: Command, to: Surroundings): void {
  declare(group, 'list', 'list keys with their scopes and last use', ['posture-sync key list']).action(
    async (options: { json?: boolean }) => {
      await withSession(to, {}, async ({ request, now }) => {
        const keys = await viewApiKeys(request);
        if (options.json) for (const key of keys) await sayJson(to, key);
        else for (const line of listLines(keys, now())) await say(to, line);
      });
    },
  );
}

function listLines(keys: readonly ApiKeyView[], now: Date): string[] {
  if (keys.length === 0) return ['There is no key. Make one: posture-sync key create --help'];
  return table(
    ['ID', 'NAME', 'STATE', 'SCOPES', 'MADE BY', 'EXPIRES', 'LAST USED'],
    keys.map(key => [
      key.id,
      key.name,
      key.state,
      key.scopes.join(','),
      key.createdBy,
      timeAndAge(key.expiresAt, now) ?? 'never',
      timeAndAge(key.lastUsedAt, now) ?? 'never',
    ]),
  );
}

function registerRevoke(group: Command, to: Surroundings): void {
  declare(group, 'revoke <id-or-name>', 'revoke a key: within a second it holds nowhere any more', [
    'posture-sync key revoke nginx',
    'posture-sync key revoke 4Xw9RtB2cYqL',
  ]).action(async (idOrName: string, options: { json?: boolean }) => {
    await withSession(to, {}, async ({ request }) => {
      const { view, isChanged } = await revokeApiKey(request, idOrName);
      if (options.json) return await sayJson(to, view);
      await say(to, isChanged ? `Revoked the key ${view.name} (${view.id}).` : `${view.name} was revoked already.`);
    });
  });
}
