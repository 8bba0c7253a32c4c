// What the demo tells: what it did, what to try next, and each sync in a line. Pure but for the stream it writes to.
import type { Writable } from 'node:stream';
import { formatDuration } from '../posture/duration.ts';
import type { SyncResult } from '../sync/context.ts';
import { errorText } from './integration-text.ts';
import { table } from './output.ts';

const samplePolicyFile = 'config/demo-policy.hujson';

interface DemoFacts {
  first: SyncResult | null;
  url: string;
  /** That signs in once. */
  link: { url: string; validMs: number };
  simulator: string;
  dataDir: string;
  /** The policy in force is the one that the demo began with. */
  isSample: boolean;
  matched: string | null;
  unmatched: string | null;
  intervalMs: number;
}

export function demoLines(facts: DemoFacts): string[] {
  return ['', ...resultTable(facts.first), '', ...pages(facts), '', ...nextSteps(facts), ''];
}

function resultTable(first: SyncResult | null): string[] {
  if (first === null) return ['The first sync could not run: another one is on.'];
  const { attributes, unmatched } = first;
  const rows: [string, number, string][] = [
    ['agents read', first.agents, first.outcome === 'succeeded' ? '' : first.outcome],
    ['matched to a device', first.matched, ''],
    ...Object.entries(unmatched).map(([reason, n]): [string, number, string] => ['  not matched', n, reason]),
    ['attributes written', attributes.set + attributes.changed, `${attributes.removed} removed`],
    ['audit events', first.events, ''],
  ];
  const lines = table(
    ['', '', ''],
    rows.map(([what, n, remark]) => [what, n, remark]),
  );
  return [...lines, ...(first.error ? [errorText(first.error)] : [])];
}

function pages({ link, dataDir, url, isSample }: DemoFacts): string[] {
  // What the command takes for the service's address hangs on the same settings.
  const { port } = new URL(url);
  const given = `${dataDir === '.data' ? '' : `DATA_DIR=${dataDir} `}${port === '8080' ? '' : `PORT=${port} `}`;
  const more = `${given}bin/posture-sync sign-in`;
  return [
    `The pages, signed in once by this link within ${formatDuration(link.validMs)} (another one: ${more}):`,
    `  ${link.url}`,
    ...(isSample ? ['', `A sample policy is in force, to be edited there or as a file: ${samplePolicyFile}`] : []),
  ];
}

function nextSteps({ url, simulator, dataDir, matched, unmatched, intervalMs }: DemoFacts): string[] {
  const run = `${dataDir === '.data' ? '' : `DATA_DIR=${dataDir} `}bin/posture-sync`;
  const steps: [string, string][] = [
    ...(matched ? [[`${run} explain ${matched}`, 'a device with posture'] as [string, string]] : []),
    ...(unmatched ? [[`${run} explain ${unmatched}`, 'one without, and why'] as [string, string]] : []),
    [`${run} integration show demo`, 'state, health, what the token sees'],
    [`${run} policy show`, 'who may reach what, and how healthy the device must be'],
    [`${run} posture show healthy`, 'how many devices are, and what keeps the others from it'],
    [`${run} policy impact config/policy.hujson`, 'who would gain and lose what by another one'],
    [`${run} key create --name gateway --scope gateway:decide`, 'for a gateway that asks: docs/gateways.md'],
    [`${run} key create --name admin --scope all`, `for the administration API: ${url}/docs, docs/api.md`],
    [`${run} audit --since 10m`, 'who changed what'],
    [`${run} sync demo --dry-run`, 'what a sync would change'],
    [`curl -d '{"name":"vanished-agents"}' ${simulator}/simulator/faults`, 'a third of the fleet disappears ...'],
    [`${run} sync demo`, '... and nobody loses posture: it is held'],
    [`curl -X DELETE ${simulator}/simulator/faults`, 'all is well again'],
    [`curl -d '{"name":"expired-token"}' ${simulator}/simulator/faults`, 'the token expires: it pauses, visibly'],
  ];
  return [
    `The fleet changes, and is synced every ${formatDuration(intervalMs)} here (15m in earnest). Health: ${url}/healthz`,
    'To try in a second terminal:',
    '',
    ...table(['', ''], steps).map(line => `  ${line}`),
    '',
    'Ctrl-C ends it; started again it goes on with the same data.',
  ];
}

/** A destination for the log that makes a short line of each sync, and leaves other lines as they are. */
export function humanLog(stream: Writable): { write(line: string): void } {
  return {
    write(line) {
      stream.write(`${humanLine(line)}\n`);
    },
  };
}

function humanLine(line: string): string {
  const entry = JSON.parse(line);
  if (entry.msg !== 'sync finished') return line.trimEnd();
  const time = String(entry.time).slice(11, 19);
  const error = entry.error ? `, ${entry.error.message}` : '';
  return `${time}  sync of ${entry.integration}: ${entry.outcome}, ${entry.agents} agents, ${entry.matched} matched, ${entry.events} audit events, ${entry.durationMs} ms${error}`;
}
