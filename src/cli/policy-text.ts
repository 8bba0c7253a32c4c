// What commands about policies share: reading one exactly as it is, and telling what a check found in it.
import type { PolicyCheck } from '../posture/policy-check.ts';
import { findingText } from '../posture/policy-source.ts';
import { counted, printable, remark, say } from './output.ts';
import { Failed, type Surroundings } from './surroundings.ts';
import { readTextFile } from './text-file.ts';

/** @param file a path, or `-` for standard input. @throws AppError invalid */
export async function readPolicyText(to: Surroundings, file: string): Promise<string> {
  return await readTextFile(to, file, `the policy ${file}`);
}

/** @returns a check as scripts get it */
export function checkAnswer({ policy, errors, warnings, notes, tests }: PolicyCheck) {
  const [postures, rules] = [policy?.postures.size ?? null, policy?.rules.length ?? null];
  return { ok: errors.length === 0, errors, warnings, notes, postures, rules, tests };
}

/** Says each finding on a line of its own, in the order of the file. */
export async function sayFindings(to: Surroundings, file: string, check: PolicyCheck): Promise<void> {
  const kinds = [
    ['', check.errors],
    ['warning: ', check.warnings],
    ['note: ', check.notes],
  ] as const;
  const lines = kinds.flatMap(([kind, findings]) =>
    findings.map(finding => ({
      finding,
      line: `${file}:${finding.line}:${finding.column}: ${kind}${findingText(finding)}`,
    })),
  );
  lines.sort((a, b) => a.finding.line - b.finding.line || a.finding.column - b.finding.column);
  for (const { line } of lines) await say(to, printable(line));
}

/** Ends the command as failed because of errors that were told. */
export function refuseErrors(to: Surroundings, file: string, { errors }: PolicyCheck): never {
  remark(to, `${file} has ${counted(errors.length, 'error')}`);
  throw new Failed();
}

/** @returns `1 posture, 2 rules, 8 tests passed, 0 failed` */
export function checkSummary({ policy, warnings, tests }: PolicyCheck): string {
  return [
    ...(policy === null ? [] : [counted(policy.postures.size, 'posture'), counted(policy.rules.length, 'rule')]),
    ...(warnings.length === 0 ? [] : [counted(warnings.length, 'warning')]),
    ...(tests.passed + tests.failed === 0 ? ['no tests'] : [`${tests.passed} tests passed, ${tests.failed} failed`]),
  ].join(', ');
}
