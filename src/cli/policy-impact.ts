// `policy impact`: who would gain and lose what if a policy were applied, against all devices as they are now; nothing is written.
import type { Command } from 'commander';
import {
  type ExplainedLine,
  explainFirst,
  type ImpactLine,
  type ImpactSummary,
  impactOf,
} from '../operations/impact.ts';
import { declare } from './options.ts';
import { counted, printable, remark, say, sayJson, table } from './output.ts';
import { checkAnswer, readPolicyText, refuseErrors, sayFindings } from './policy-text.ts';
import { pace, startProgress } from './progress.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

/** Lines for people; scripts get all of them. */
const mostLines = 1_000;
const mostConditions = 5;

export function registerImpact(group: Command, to: Surroundings): void {
  declare(group, 'impact <file>', 'who would gain and lose access if a policy were applied; nothing is', [
    'posture-sync policy impact policy.hujson',
    'posture-sync policy impact policy.hujson --json | grep loses',
  ]).action(async (file: string, options: { json?: boolean }) => {
    const text = await readPolicyText(to, file);
    await withSession(to, {}, async ({ request }) => {
      const progress = startProgress(to);
      const begun = performance.now();
      let total = 0;
      let lines = 0;
      const explainedOf = explainFirst();
      const { check, summary } = await impactOf(request, text, {
        begin(comparedWith, isReadable, devices) {
          total = devices;
          remarkPresent(to, comparedWith, isReadable);
        },
        async change(line, explain) {
          progress.end();
          lines++;
          if (options.json) await sayJson(to, explainedOf(line, explain));
          else if (lines <= mostLines)
            for (const told of changeLines(explainedOf(line, explain))) await say(to, printable(told));
        },
        progress(count) {
          // A stop signal wants to be heard.
          to.stop.throwIfAborted();
          progress.show(pace({ count, total, what: 'devices compared' }, performance.now() - begun));
        },
      }).finally(() => progress.end());
      if (summary === null) {
        if (options.json) await sayJson(to, checkAnswer(check));
        else await sayFindings(to, file, check);
        return refuseErrors(to, file, check);
      }
      if (options.json) await sayJson(to, summary);
      else {
        if (lines > mostLines) await say(to, `and ${lines - mostLines} more; --json lists all`);
        for (const line of summaryLines(summary)) await say(to, printable(line));
      }
      if (summary.ok) return;
      // Beside its impact, which tells why they fail; it could not be applied.
      if (!options.json) {
        await say(to, '');
        await sayFindings(to, file, check);
      }
      refuseErrors(to, file, check);
    });
  });
}

function remarkPresent(to: Surroundings, comparedWith: number | null, isReadable: boolean): void {
  if (comparedWith === null) remark(to, 'No policy is in force: everything is denied until one is applied.');
  else if (!isReadable)
    remark(to, `The policy of revision ${comparedWith} has errors for this version: it grants nothing.`);
}

/** A line, and below it the conditions that decide it. */
function changeLines({ reasons, reasonsTotal, ...line }: ExplainedLine): string[] {
  const told = (reasons ?? []).slice(0, mostConditions).map(({ message }) => `  ${message}`);
  const more = (reasonsTotal ?? 0) - told.length;
  return [changeLine(line), ...told, ...(more > 0 && told.length > 0 ? [`  and ${more} more`] : [])];
}

function changeLine({ device, hostname, user, ...change }: ImpactLine): string {
  const who = [device, hostname, user === null ? null : `(${user})`]
    .filter(part => part !== null && part !== '')
    .join(' ');
  if (change.change === 'gains') {
    const until = change.outcome === 'posture' ? `: until now ${change.postures.join(', ')} does not hold` : '';
    return `${who} gains ${change.destination} by ${change.rule}${until}`;
  }
  const why =
    change.outcome === 'no_rule' ? 'no rule grants it any more' : `${change.postures.join(', ')} does not hold`;
  return `${who} loses ${change.destination}, which ${change.rule} granted: ${why}`;
}

function summaryLines({ comparedWith, devices, gaining, losing, destinations, postures }: ImpactSummary): string[] {
  const beside = comparedWith === null ? 'no policy at all' : `the policy of revision ${comparedWith}`;
  const count = (counts: ImpactSummary['postures'][number]['before']) =>
    counts === null ? [null, null, null] : [counts.pass, counts.fail, counts.unknown];
  return [
    `Beside ${beside}, of ${counted(devices, 'device')} ${gaining} would gain and ${losing} would lose access.`,
    ...(destinations.length === 0
      ? []
      : [
          '',
          ...table(
            ['DESTINATION', 'GAIN', 'LOSE'],
            destinations.map(({ destination, gains, loses }) => [destination, gains, loses]),
          ),
        ]),
    ...(postures.length === 0
      ? []
      : [
          '',
          ...table(
            ['POSTURE', 'PASS', 'FAIL', 'UNKNOWN', 'NOW PASS', 'NOW FAIL', 'NOW UNKNOWN'],
            postures.map(({ posture, before, after }) => [posture, ...count(after), ...count(before)]),
          ),
        ]),
  ];
}
