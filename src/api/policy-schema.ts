// What requests about the policy file hold, and their answers. The file itself is text; what is told about one is below.
import { z } from 'zod';
import type { PolicyCheck } from '../posture/policy-check.ts';
import { type Finding, findingText } from '../posture/policy-source.ts';
import { Actor, nextCursor } from './common.ts';

const FindingBody = z
  .object({
    code: z.string(),
    message: z.string(),
    line: z.int(),
    column: z.int(),
    suggestion: z.string().nullable(),
  })
  .meta({ id: 'PolicyFinding' });

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

/** Nothing, where a policy is in order: clients take any message for a failure. */
export const PolicyVerdict = PolicyProblem.partial().meta({
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
