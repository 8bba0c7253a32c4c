// `integration runs|agents`: what an integration's syncs did, and why its agents match nothing.
import { type Command, Option } from 'commander';
import { theIntegration } from '../operations/integrations.ts';
import { listAgents } from '../store/agents.ts';
import { lastRuns, type SyncRun } from '../store/runs.ts';
import { errorText } from './integration-text.ts';
import { declare, wholeNumber } from './options.ts';
import { say, sayJson, table, timeAndAge } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerLists(group: Command, to: Surroundings): void {
  registerRuns(group, to);
  registerAgents(group, to);
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
        do {
          const agents = await listAgents(db, { integrationId, match, reason, search, after, limit: page });
          if (options.json) for (const agent of agents) await sayJson(to, agent);
          else for (const line of agentLines(agents, after === null)) await say(to, line);
          after = agents.length < page ? null : (agents.at(-1)?.id ?? null);
        } while (after !== null);
      });
    });
}

function agentLines(agents: Awaited<ReturnType<typeof listAgents>>, isFirst: boolean): string[] {
  if (agents.length === 0) return isFirst ? ['There is no such agent.'] : [];
  const lines = table(
    ['AGENT', 'HOST NAME', 'SERIAL NUMBERS', 'DEVICE', 'REASON'],
    agents.map(({ id, hostname, serials, device, reason }) => [id, hostname, serials.join(', '), device, reason]),
  );
  return isFirst ? lines : lines.slice(1);
}
