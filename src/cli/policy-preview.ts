// `policy preview`: which rules of a policy are about a user, or lead to a place, whatever their postures.
import type { Command } from 'commander';
import { previewText } from '../operations/policies.ts';
import { placeOf } from '../posture/policy-preview.ts';
import { declare } from './options.ts';
import { say, sayJson, table } from './output.ts';
import { checkAnswer, readPolicyText, refuseErrors, sayFindings } from './policy-text.ts';
import { withSession } from './session.ts';
import { type Surroundings, wrongUse } from './surroundings.ts';

export function registerPreview(group: Command, to: Surroundings): void {
  declare(
    group,
    'preview <file>',
    'which rules of a policy are about a user, or lead to a place, whatever their postures',
    [
      'posture-sync policy preview policy.hujson --user anna@example.com',
      'posture-sync policy preview policy.hujson --to 10.0.0.5:443 --json',
    ],
  )
    .option('--user <user>', 'the rules about this user')
    .option('--to <host:port>', 'the rules that lead there')
    .action(async (file: string, options: { json?: boolean; user?: string; to?: string }) => {
      const of = previewOf(options.user, options.to);
      const text = await readPolicyText(to, file);
      await withSession(to, {}, async ({ request }) => {
        const found = await previewText(request, text, of);
        if ('errors' in found) {
          if (options.json) await sayJson(to, checkAnswer(found));
          else await sayFindings(to, file, found);
          return refuseErrors(to, file, found);
        }
        if (options.json) for (const match of found) await sayJson(to, match);
        else if (found.length === 0) await say(to, 'No rule does.');
        else for (const line of ruleLines(found)) await say(to, line);
      });
    });
}

function previewOf(user: string | undefined, place: string | undefined) {
  if ((user === undefined) === (place === undefined)) wrongUse('policy preview needs --user or --to, one of the two');
  if (user !== undefined) return { user };
  const of = placeOf(place ?? '');
  if (of === null) wrongUse('--to: expected a host and a port, as in 10.0.0.5:443');
  return of;
}

function ruleLines(found: Exclude<Awaited<ReturnType<typeof previewText>>, { errors: unknown }>): string[] {
  return table(
    ['RULE', 'LINE', 'FROM', 'TO', 'POSTURES'],
    found.map(({ rule, lineNumber, users, ports, postures }) => [
      rule,
      lineNumber,
      users.join(', '),
      ports.join(', '),
      postures.join(', '),
    ]),
  );
}
