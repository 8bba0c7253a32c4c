// Checks a policy's text as a whole: whether it can be read, whether its own tests pass, and what is odd about it.
import type { Catalogue } from './catalogue.ts';
import type { Policy } from './policy.ts';
import { lintPolicy } from './policy-lint.ts';
import { readPolicy } from './policy-parser.ts';
import { type Finding, Findings } from './policy-source.ts';
import { runTests } from './policy-tests.ts';

export interface PolicyCheck {
  /** Null where there are errors: such a policy decides nothing. */
  readonly policy: Policy | null;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** What is in the policy and not evaluated. */
  readonly notes: readonly Finding[];
  /** Of the statements in its tests. */
  readonly tests: { readonly passed: number; readonly failed: number };
}

/**
 * @param text HuJSON: JSON with comments and trailing commas
 * @param now in ms, for the policy's tests
 */
export function checkPolicy(text: string, catalogue: Catalogue, now: number): PolicyCheck {
  const findings = new Findings(text);
  const read = readPolicy(text, catalogue, findings);
  let tests = { passed: 0, failed: 0 };
  if (read !== null) {
    lintPolicy(read, findings);
    tests = runTests(read.policy, read.tests, catalogue, findings, now);
  }
  findings.finish();
  const { errors, warnings, notes } = findings;
  return { policy: errors.length === 0 ? (read?.policy ?? null) : null, errors, warnings, notes, tests };
}

/**
 * Reads a policy that was applied, without its tests: they were asked when it was applied, and one with a date in it that fails
 * a month later must not take everybody's access away at the next start.
 * @returns null where it has errors for this version: such a policy decides nothing
 */
export function readAppliedPolicy(text: string, catalogue: Catalogue): Policy | null {
  return readPolicy(text, catalogue, new Findings(text))?.policy ?? null;
}
