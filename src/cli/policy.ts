// `policy check|apply|show|history`: what is wrong or odd about a policy, putting one in force, and those that were. `impact`,
// `preview` and `simulate` have files of their own.
import type { Command } from 'commander';
import { applyPolicy, type PolicyView, policyCatalogue, viewPolicies, viewPolicy } from '../operations/policies.ts';
import { checkPolicy } from '../posture/policy-check.ts';
import { declare, wholeNumber } from './options.ts';
import { printable, say, sayJson, sayText, table, timeAndAge } from './output.ts';
import { registerImpact } from './policy-impact.ts';
import { registerPreview } from './policy-preview.ts';
import { registerSimulation } from './policy-simulate.ts';
import { checkAnswer, checkSummary, readPolicyText, refuseErrors, sayFindings } from './policy-text.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerPolicy(group: Command, to: Surroundings): void {
  registerCheck(group, to);
  registerImpact(group, to);
  registerPreview(group, to);
  registerSimulation(group, to);
  registerApply(group, to);
  registerShow(group, to);
  registerHistory(group, to);
}

const whereLanguageStands = '\nThe language and the form of the file are in docs/policy.md.';

/** Needs no database. */
function registerCheck(group: Command, to: Surroundings): void {
  declare(group, 'check <file>', 'check a policy and run its tests; nothing is applied', [
    'posture-sync policy check config/policy.hujson',
    'posture-sync policy check - < policy.hujson',
  ])
    .addHelpText('after', whereLanguageStands)
    .action(async (file: string, options: { json?: boolean }) => {
      const check = checkPolicy(await readPolicyText(to, file), policyCatalogue(), Date.now());
      if (options.json) await sayJson(to, checkAnswer(check));
      else await sayFindings(to, file, check);
      if (check.errors.length > 0) refuseErrors(to, file, check);
      if (!options.json) await say(to, printable(`${file} is in order: ${checkSummary(check)}`));
    });
}

const revision = wholeNumber(0, 999_999_999_999);

function registerApply(group: Command, to: Surroundings): void {
  declare(group, 'apply <file>', 'put a policy in force, unless it has errors or fails its own tests', [
    'posture-sync policy apply config/policy.hujson',
    'posture-sync policy apply policy.hujson --if-revision 12',
  ])
    .option('--if-revision <number>', 'only while the policy of that revision is in force; 0: while none is', revision)
    .addHelpText('after', whereLanguageStands)
    .action(async (file: string, options: { json?: boolean; ifRevision?: number }) => {
      const text = await readPolicyText(to, file);
      await withSession(to, {}, async ({ request }) => {
        const applied = await applyPolicy(request, { text, ifRevision: options.ifRevision ?? null });
        const { state, check } = applied;
        if (options.json) {
          const { revision, hash } = state === 'refused' ? { revision: null, hash: null } : applied.view;
          const replaced = state === 'applied' ? applied.replaced : null;
          await sayJson(to, { state, revision, hash, replaced, ...checkAnswer(check) });
        } else await sayFindings(to, file, check);
        if (state === 'refused') refuseErrors(to, file, check);
        if (options.json) return;
        if (state === 'unchanged')
          return await say(to, printable(`${file} is in force already, since revision ${applied.view.revision}.`));
        const replaced = applied.replaced === null ? '' : `; it replaces that of revision ${applied.replaced}`;
        const line = `${file} is in force as revision ${applied.view.revision}${replaced}: ${checkSummary(check)}`;
        await say(to, printable(line));
      });
    });
}

function registerShow(group: Command, to: Surroundings): void {
  declare(group, 'show', 'print the policy in force exactly as it was applied', [
    'posture-sync policy show > policy.hujson',
    'posture-sync policy show --revision 12',
  ])
    .option('--revision <number>', 'the one that was applied by that revision', revision)
    .action(async (options: { json?: boolean; revision?: number }) => {
      await withSession(to, {}, async ({ request }) => {
        const view = await viewPolicy(request, options.revision ?? null);
        if (options.json) await sayJson(to, view);
        else await sayText(to, view.text);
      });
    });
}

function registerHistory(group: Command, to: Surroundings): void {
  declare(group, 'history', 'list the policies that were applied, the one in force last', [
    'posture-sync policy history',
  ]).action(async (options: { json?: boolean }) => {
    await withSession(to, {}, async ({ request, now }) => {
      const all = await viewPolicies(request);
      if (options.json) for (const view of all) await sayJson(to, view);
      else for (const line of historyLines(all, now())) await say(to, line);
    });
  });
}

function historyLines(all: readonly PolicyView[], now: Date): string[] {
  if (all.length === 0) return ['No policy was applied yet. Apply one: posture-sync policy apply config/policy.hujson'];
  return table(
    ['REVISION', 'APPLIED', 'BY', 'HASH', ''],
    all.map(({ revision, appliedAt, actor, hash, inForce }) => [
      revision,
      timeAndAge(appliedAt, now),
      actor.id,
      hash,
      inForce ? 'in force' : '',
    ]),
  );
}
