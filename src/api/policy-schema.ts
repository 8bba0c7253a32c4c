// What requests about the policy file hold, and their answers. The file itself is text; what is told about one is below.
import { z } from 'zod';
import type { PolicyCheck } from '../posture/policy-check.ts';
import { type Finding, findingText } from '../posture/policy-source.ts';
import { Actor, count, nextCursor } from './common.ts';

export const FindingBody = z
  .object({
    code: z.string(),
    message: z.string(),
    line: z.int().describe('From 1.'),
    column: z.int().describe('From 1, in UTF-16 units.'),
    endLine: z.int(),
    endColumn: z
      .int()
      .describe('Behind the last character of what it is about; where that is not known the same as `column`.'),
    suggestion: z.string().nullable().describe('What was probably meant.'),
  })
  .meta({ id: 'PolicyFinding' });

export const TestCounts = z.object({ passed: count, failed: count }).describe('Of the statements in its tests.');

/** Of a policy with errors, in Tailscale's form; below the line with their places. */
export const PolicyProblem = z
  .object({
    message: z.string().describe('What is wrong, in a line.'),
    data: z
      .array(z.object({ user: z.string(), errors: z.array(z.string()) }))
      .optional()
      .describe('Failed tests by their `src`; everything else without a user.'),
    // -- ours
    errors: z.array(FindingBody).optional(),
    warnings: z.array(FindingBody).optional(),
  })
  .meta({ id: 'PolicyProblem', description: 'What is wrong with a policy.' });

/** Nothing, where a policy is in order and no details are asked for: clients take any message for a failure. */
export const PolicyVerdict = PolicyProblem.extend({
  ok: z.boolean().describe('Whether it could be applied.'),
  notes: z.array(FindingBody).describe('What is in it and not evaluated here.'),
  tests: TestCounts,
  postures: z
    .array(z.object({ posture: z.string(), line: z.int(), column: z.int(), conditions: z.array(z.string()) }))
    .nullable()
    .describe('Those that it defines, in its order; null: it has errors.'),
  rules: count.nullable().describe('How many access rules; null: it has errors.'),
})
  .partial()
  .meta({
    id: 'PolicyVerdict',
    description: 'Without `message` where it is in order; what is odd all the same stands in `warnings`.',
  });

const PolicyRevision = z
  .object({
    revision: z.int().describe('Of the write that applied it.'),
    appliedAt: z.date().describe('RFC 3339.'),
    actor: Actor,
    hash: z.string().describe('SHA-256 of the text, in hex: its ETag.'),
    inForce: z.boolean(),
  })
  .meta({ id: 'PolicyRevision' });

export const PolicyRevisions = z
  .object({ revisions: z.array(PolicyRevision), nextCursor: nextCursor.optional() })
  .meta({ id: 'PolicyRevisions' });

/** An access that a device gains or loses by another policy. */
export const AccessChange = z
  .object({
    change: z.enum(['gains', 'loses']),
    destination: z.string(),
    rule: z.string().describe('The first rule that grants it.'),
    outcome: z.enum(['no_rule', 'posture']).describe('Why the other policy does not.'),
    postures: z.array(z.string()).describe('Those that do not hold.'),
  })
  .meta({ id: 'AccessChange' });

export const PreviewBody = z
  .object({
    matches: z.array(
      z.object({
        users: z.array(z.string()),
        ports: z.array(z.string()),
        lineNumber: z.int(),
        rule: z.string(),
        postures: z.array(z.string()).describe('One of them must hold besides; none: no posture is asked for.'),
      }),
    ),
    type: z.string(),
    previewFor: z.string(),
  })
  .meta({ id: 'PolicyPreview' });

/** A copy of the text within JSON, as Tailscale gives it where details are asked for. */
export const PolicyDetails = z.object({
  acl: z.string().describe('The policy, by Base64.'),
  warnings: z.array(z.string()),
  errors: z.array(z.string()),
});

/** @returns all that a check found, whether there are errors or not */
export function verdictOf(check: PolicyCheck): z.infer<typeof PolicyVerdict> {
  const { errors, warnings, notes, tests, defined, policy } = check;
  return {
    ...(errors.length > 0 ? problemOf(check) : {}),
    ...{ ok: errors.length === 0, errors: [...errors], warnings: [...warnings], notes: [...notes], tests },
    postures: policy === null ? null : defined.map(each => ({ ...each, conditions: [...each.conditions] })),
    rules: policy?.rules.length ?? null,
  };
}

const testsFailed = 'test(s) failed';

/** @returns what is told of a policy with errors */
export function problemOf({ errors, warnings, failures }: PolicyCheck): z.infer<typeof PolicyProblem> {
  const others = errors.filter(({ code }) => code !== 'test_failed');
  const byUser = new Map<string, string[]>();
  if (others.length > 0) byUser.set('', others.map(placed));
  for (const { from, message } of failures) {
    const its = byUser.get(from);
    if (its === undefined) byUser.set(from, [message]);
    else its.push(message);
  }
  const [first] = others;
  const more = others.length > 1 ? `, and ${others.length - 1} more` : '';
  return {
    message: first === undefined || first.code === 'more' ? testsFailed : `${placed(first)}${more}`,
    data: [...byUser].map(([user, its]) => ({ user, errors: its })),
    errors: [...errors],
    warnings: [...warnings],
  };
}

/** @returns `line 2, column 42: there is no group:nope in groups` */
export function placed(finding: Finding): string {
  return `line ${finding.line}, column ${finding.column}: ${findingText(finding)}`;
}
