// `integration runs|agents|held|providers`: what an integration's syncs did, why its agents match nothing, what is held of it, and what
// there is to be read.
import { type Command, Option } from 'commander';
import { heldLosses } from '../operations/held.ts';
import { type HeldImpact, heldImpact } from '../operations/held-impact.ts';
import { theIntegration } from '../operations/integrations.ts';
import { listProviders, type ProviderView } from '../operations/providers.ts';
import { type ListedAgent, listAgents } from '../store/agents.ts';
import { lastRuns, type SyncRun } from '../store/runs.ts';
import type { HeldDevice } from '../store/withheld.ts';
import { errorText } from './integration-text.ts';
import { declare, wholeNumber } from './options.ts';
import { counted, say, sayJson, table, timeAndAge } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerLists(group: Command, to: Surroundings): void {
  registerRuns(group, to);
  registerAgents(group, to);
  registerHeld(group, to);
  registerProviders(group, to);
}

function registerRuns(group: Command, to: Surroundings): void {
  declare(group, 'runs <name>', 'list the newest syncs of an integration, newest first; also the one that is on', [
    'posture-sync integration runs hq',
    'posture-sync integration runs hq --last 100 --json',
  ])
    .option('--last <n>', 'how many', wholeNumber(1, 1_000), 20)
    .action(async (name: string, options: { json?: boolean; last: number }) => {
      await withSession(to, {}, async ({ db, now }) => {
        const { id } = await theIntegration(db, name);
        const runs = await lastRuns(db, id, options.last);
        if (options.json) for (const { integrationId: _, ...run } of runs) await sayJson(to, run);
        else for (const line of runLines(name, runs, now())) await say(to, line);
      });
    });
}

function runLines(name: string, runs: readonly SyncRun[], now: Date): string[] {
  if (runs.length === 0) return [`${name} was not synced yet; to do it: posture-sync sync ${name}`];
  return table(
    ['RUN', 'STARTED', 'OUTCOME', 'TOOK', 'AGENTS', 'MATCHED', 'EVENTS', 'ERROR'],
    runs.map(run => [
      run.id,
      timeAndAge(run.startedAt, now),
      run.outcome ?? 'under way',
      run.durationMs === null ? null : `${(run.durationMs / 1_000).toFixed(1)} s`,
      run.agents,
      run.matched,
      run.events,
      run.error === null ? '' : errorText(run.error),
    ]),
  );
}

interface AgentOptions {
  json?: boolean;
  match?: 'matched' | 'unmatched' | 'gone';
  reason?: string;
  search?: string;
}

/** So many are read at once. */
const page = 1_000;

function registerAgents(group: Command, to: Surroundings): void {
  declare(group, 'agents <name>', 'list the agents of an integration, and why they match nothing', [
    'posture-sync integration agents hq --match unmatched',
    'posture-sync integration agents hq --reason no_device --search LT- --json',
  ])
    .addOption(new Option('--match <state>', 'only those').choices(['matched', 'unmatched', 'gone']))
    .option('--reason <code>', 'only those unmatched for it, as in no_device')
    .option('--search <text>', 'only those with that text in id, host name or serial number')
    .action(async (name: string, options: AgentOptions) => {
      await withSession(to, {}, async ({ db }) => {
        const { id: integrationId } = await theIntegration(db, name);
        const { match = null, reason = null, search = null } = options;
        let after: string | null = null;
        let isFirst = true;
        do {
          const { agents, next } = await listAgents(db, { integrationId, match, reason, search, after, limit: page });
          if (options.json) for (const agent of agents) await sayJson(to, agent);
          else for (const line of agentLines(agents, isFirst)) await say(to, line);
          isFirst &&= agents.length === 0;
          after = next;
        } while (after !== null);
        if (isFirst && !options.json) await say(to, 'There is no such agent.');
      });
    });
}

function agentLines(agents: readonly ListedAgent[], isFirst: boolean): string[] {
  if (agents.length === 0) return [];
  const lines = table(
    ['AGENT', 'HOST NAME', 'SERIAL NUMBERS', 'DEVICE', 'REASON'],
    agents.map(({ id, hostname, serials, device, reason }) => [id, hostname, serials.join(', '), device, reason]),
  );
  return isFirst ? lines : lines.slice(1);
}

function registerHeld(group: Command, to: Surroundings): void {
  declare(group, 'held <name>', 'list the devices whose losses are held, with what each would lose and why', [
    'posture-sync integration held hq',
    'posture-sync integration held hq --search LT- --json',
  ])
    .option('--search <text>', 'only devices with that text in id or host name')
    .action(async (name: string, { json, search }: { json?: boolean; search?: string }) => {
      await withSession(to, {}, async ({ db, now }) => {
        const integration = await theIntegration(db, name);
        let cursor: string | null = null;
        let isFirst = true;
        let isAny = false;
        do {
          const { devices, nextCursor } = await heldLosses(db, integration, {
            search,
            limit: page,
            ...(cursor === null ? {} : { cursor }),
          });
          if (json) for (const device of devices) await sayJson(to, device);
          else for (const line of heldLines(devices, isFirst)) await say(to, line);
          isFirst = false;
          isAny ||= devices.length > 0;
          cursor = nextCursor;
        } while (cursor !== null);
        if (isAny && !json)
          for (const line of impactLines(await heldImpact({ db, now }, integration))) await say(to, line);
      });
    });
}

function heldLines(devices: readonly HeldDevice[], isFirst: boolean): string[] {
  if (devices.length === 0) return isFirst ? ['Nothing is held.'] : [];
  const lines = table(
    ['DEVICE', 'HOST NAME', 'AGENT', 'REASON', 'WOULD LOSE'],
    devices.flatMap(({ device, hostname, losses }) =>
      losses.map(({ agent, reason, values }) => [device, hostname, agent, reason, Object.keys(values).join(', ')]),
    ),
  );
  return isFirst ? lines : lines.slice(1);
}

function impactLines({ policy, isPolicyReadable, judged, isWhole, stopping, postures }: HeldImpact): string[] {
  if (policy === null) return ['', 'No policy is in force, so nobody passes anything.'];
  if (!isPolicyReadable)
    return [
      '',
      'This version cannot read the policy in force, so no device passes anything.',
      'Which would stop passing a posture once it can be read is not known.',
    ];
  const some = isWhole ? '' : ` of the first ${judged}, which were judged`;
  return [
    '',
    `If that is accepted, ${counted(stopping, 'device')}${some} would stop passing a posture.`,
    ...postures.map(({ posture, devices, examples }) => {
      const shown = examples.map(({ device }) => device).join(', ');
      return `  ${posture}: ${counted(devices, 'device')} (${shown}${devices > examples.length ? ', ...' : ''})`;
    }),
  ];
}

function registerProviders(group: Command, to: Surroundings): void {
  declare(group, 'providers', 'list the providers that integrations can be of, and what each is set up with', [
    'posture-sync integration providers',
  ]).action(async ({ json }: { json?: boolean }) => {
    const all = listProviders();
    if (json) for (const provider of all) await sayJson(to, provider);
    else for (const line of providerLines(all)) await say(to, line);
  });
}

function providerLines(all: readonly ProviderView[]): string[] {
  return table(
    ['PROVIDER', 'NAME', 'SYNCED', 'SETTINGS'],
    all.map(({ id, title, canBeSynced, settings }) => [
      ...[id, title, canBeSynced ? 'yes' : 'no: kept for other clients'],
      settings.map(({ name }) => name).join(', '),
    ]),
  );
}
