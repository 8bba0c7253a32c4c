// `policy check`: reads a policy's text, runs its tests, and says what is wrong or odd about it. Needs no database.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import { createCatalogue } from '../posture/catalogue.ts';
import { checkPolicy, type PolicyCheck } from '../posture/policy-check.ts';
import type { Finding } from '../posture/policy-source.ts';
import { providers } from '../providers/registry.ts';
import { declare } from './options.ts';
import { counted, printable, remark, say, sayJson } from './output.ts';
import { unlessStopped } from './session.ts';
import { Failed, type Surroundings } from './surroundings.ts';

export function registerPolicy(program: Command, to: Surroundings): void {
  const group = program.command('policy').description('access rules and the postures that they ask for');
  declare(group, 'check <file>', 'check a policy and run its tests; nothing is applied', [
    'posture-sync policy check config/policy.hujson',
    'posture-sync policy check - < policy.hujson',
  ])
    .addHelpText('after', '\nThe language and the form of the file are in docs/policy.md.')
    .action(async (file: string, options: { json?: boolean }) => {
      const specs = [...providers.values()].flatMap(provider => provider.attributes);
      // Which custom attributes there are is known to the database alone.
      const check = checkPolicy(await readPolicyText(to, file), createCatalogue(specs, null), Date.now());
      if (options.json) await sayJson(to, answer(check));
      else for (const line of checkLines(file, check)) await say(to, printable(line));
      if (check.errors.length === 0) return;
      remark(to, `${file} has ${counted(check.errors.length, 'error')}`);
      throw new Failed();
    });
}

async function readPolicyText(to: Surroundings, file: string): Promise<string> {
  if (file === '-') {
    const read = async () => {
      const parts: Buffer[] = [];
      for await (const part of to.stdin) parts.push(Buffer.from(part));
      return Buffer.concat(parts).toString('utf8');
    };
    return await unlessStopped(to, read());
  }
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new AppError('invalid', `the policy ${file} cannot be read (${code})`);
  }
}

function answer({ policy, errors, warnings, notes, tests }: PolicyCheck) {
  const [postures, rules] = [policy?.postures.size ?? null, policy?.rules.length ?? null];
  return { ok: errors.length === 0, errors, warnings, notes, postures, rules, tests };
}

function checkLines(file: string, { policy, errors, warnings, notes, tests }: PolicyCheck): string[] {
  const kinds = [
    ['', errors],
    ['warning: ', warnings],
    ['note: ', notes],
  ] as const;
  const lines = kinds.flatMap(([kind, findings]) =>
    findings.map(finding => ({
      finding,
      line: `${file}:${finding.line}:${finding.column}: ${kind}${sentence(finding)}`,
    })),
  );
  lines.sort((a, b) => a.finding.line - b.finding.line || a.finding.column - b.finding.column);
  const summary = [
    ...(policy === null ? [] : [counted(policy.postures.size, 'posture'), counted(policy.rules.length, 'rule')]),
    ...(warnings.length === 0 ? [] : [counted(warnings.length, 'warning')]),
    ...(tests.passed + tests.failed === 0 ? ['no tests'] : [`${tests.passed} tests passed, ${tests.failed} failed`]),
  ];
  return [
    ...lines.map(({ line }) => line),
    ...(errors.length === 0 ? [`${file} is in order: ${summary.join(', ')}`] : []),
  ];
}

function sentence({ message, suggestion }: Finding): string {
  // Some messages name it already.
  const isNamed = suggestion === null || message.split(/[\s",;]+/).includes(suggestion);
  return isNamed ? message : `${message}; did you mean ${suggestion}?`;
}
