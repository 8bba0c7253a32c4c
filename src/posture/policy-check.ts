// Checks a policy's text as a whole: whether it can be read, whether its own tests pass, and what is odd about it; and other
// tests against a policy.
import type { Catalogue } from './catalogue.ts';
import type { Policy } from './policy.ts';
import { lintPolicy } from './policy-lint.ts';
import { readPolicy } from './policy-parser.ts';
import { type Finding, Findings, parseHuJson } from './policy-source.ts';
import { readTests, runTests, type TestFailure } from './policy-tests.ts';

export interface PolicyCheck {
  /** Null where there are errors: such a policy decides nothing. */
  readonly policy: Policy | null;
  /** The same, also where the only errors are that its own tests fail: what it would do tells why they do. */
  readonly meant: Policy | null;
  /** The postures that it defines, where it can be read. */
  readonly defined: readonly DefinedAt[];
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** What is in the policy and not evaluated. */
  readonly notes: readonly Finding[];
  /** Of the statements in its tests. */
  readonly tests: { readonly passed: number; readonly failed: number };
  /** The first statements that are not true; they are among the errors, too. */
  readonly failures: readonly TestFailure[];
}

/** A posture, and where its name stands. */
interface DefinedAt {
  readonly posture: string;
  readonly line: number;
  readonly column: number;
  readonly conditions: readonly string[];
}

/**
 * @param text HuJSON: JSON with comments and trailing commas
 * @param now in ms, for the policy's tests
 */
export function checkPolicy(text: string, catalogue: Catalogue, now: number): PolicyCheck {
  const findings = new Findings(text);
  const read = readPolicy(text, catalogue, findings);
  let run: ReturnType<typeof runTests> | null = null;
  if (read !== null) {
    lintPolicy(read, findings);
    run = runTests(read.policy, read.tests, catalogue, findings, now);
  }
  const defined = (read?.defined ?? []).map(({ name, nameNode, nodes }) => ({
    ...{ posture: name, ...findings.position(nameNode) },
    conditions: nodes.map(({ value }) => String(value)),
  }));
  return checked(read?.policy ?? null, findings, run, defined);
}

/**
 * Runs tests that do not stand in the policy, against it.
 * @param text of a policy that was applied
 * @param tests HuJSON: a list as `tests` of a policy is one. Findings have their places in it
 * @param now in ms
 */
export function checkTests(text: string, tests: string, catalogue: Catalogue, now: number): PolicyCheck {
  const findings = new Findings(tests);
  const read = readPolicy(text, catalogue, new Findings(text));
  if (read === null) findings.error('unreadable', 0, 'the policy in force has errors for this version');
  const list = parseHuJson(tests, findings);
  if (read === null || list === null) return checked(null, findings, null);
  const section = { name: 'tests', nameNode: list, value: list };
  const statements = readTests(section, read.names, catalogue, findings);
  if (findings.errors.length > 0) return checked(null, findings, null);
  return checked(read.policy, findings, runTests(read.policy, statements, catalogue, findings, now));
}

function checked(
  policy: Policy | null,
  findings: Findings,
  run: ReturnType<typeof runTests> | null,
  defined: readonly DefinedAt[] = [],
): PolicyCheck {
  findings.finish();
  const { errors, warnings, notes } = findings;
  const { passed, failed, failures } = run ?? { passed: 0, failed: 0, failures: [] };
  const sound = errors.length === 0 ? policy : null;
  // Tests are run where nothing else is wrong.
  return {
    policy: sound,
    meant: run === null ? sound : policy,
    defined,
    errors,
    warnings,
    notes,
    tests: { passed, failed },
    failures,
  };
}

/**
 * Reads a policy that was applied, without its tests: they were asked when it was applied, and one with a date in it that fails
 * a month later must not take everybody's access away at the next start.
 * @returns null where it has errors for this version: such a policy decides nothing
 */
export function readAppliedPolicy(text: string, catalogue: Catalogue): Policy | null {
  return readPolicy(text, catalogue, new Findings(text))?.policy ?? null;
}
