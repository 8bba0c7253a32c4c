// What may be done with policies: apply one, show one, list those that were applied. A policy with errors is never applied,
// and what is kept of one is the text as it was written.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import { type Catalogue, createCatalogue } from '../posture/catalogue.ts';
import type { Actor } from '../posture/events.ts';
import { checkPolicy, checkTests, type PolicyCheck } from '../posture/policy-check.ts';
import { readPolicy } from '../posture/policy-parser.ts';
import { type PreviewMatch, type PreviewOf, previewPolicy } from '../posture/policy-preview.ts';
import { Findings } from '../posture/policy-source.ts';
import { attributeSpecs } from '../providers/registry.ts';
import type { Queryable } from '../store/client.ts';
import { allCustomKeys } from '../store/custom-attributes.ts';
import { insertPolicy, listPolicies, policyInForce, policyOfRevision, type StoredPolicy } from '../store/policies.ts';
import { undo, write } from '../store/write.ts';
import { causeOf } from './audited.ts';
import { NumberPlace, paged, readCursor } from './cursors.ts';
import type { Request } from './devices.ts';

/** A policy that was applied, as it is shown. */
export interface PolicyView {
  /** Of the write that applied it. */
  revision: number;
  appliedAt: Date;
  actor: Actor;
  /** SHA-256 of the text, in hex. */
  hash: string;
  inForce: boolean;
}

export interface PolicyInput {
  /** HuJSON. */
  text: string;
  /** The revision that must be in force, 0 for none; null: whichever is. */
  ifRevision: number | null;
  /** Hashes of texts, of which one must be in force; where none is, the default counts. Without it: whichever is. */
  ifHash?: readonly string[] | null;
}

/** What counts as in force before any policy was applied, and what resetting applies: nothing is granted by it, as by none. */
export const defaultPolicy = `// Nobody is granted anything. Apply a policy with access rules to change that.
{}
`;

/** @returns a policy to start from, with comments: that of `config/policy.hujson` */
export async function starterPolicy(): Promise<string> {
  return await readFile(new URL('../../config/policy.hujson', import.meta.url), 'utf8');
}

/** @returns SHA-256 of a policy's text, in hex */
export function policyHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** @throws AppError invalid for a text that could not be kept as it is */
function refuseUnstorable(text: string): void {
  if (text.includes('\0') || !text.isWellFormed())
    throw new AppError('invalid', 'the policy holds a character that no text has');
}

/** What became of a policy that was to be applied. */
export type PolicyApplied =
  | { state: 'refused'; check: PolicyCheck }
  | { state: 'unchanged'; check: PolicyCheck; view: PolicyView }
  | { state: 'applied'; check: PolicyCheck; view: PolicyView; replaced: number | null };

/** @returns the attributes that policies are judged by. Custom ones come and go, so all are let through, with values of any type */
export function policyCatalogue(): Catalogue {
  return createCatalogue(attributeSpecs(), null);
}

/** @returns the attributes that a policy is looked over by: of custom ones those that are in use, with their types */
export async function catalogueInUse(db: Queryable): Promise<Catalogue> {
  const keys = await allCustomKeys(db);
  return createCatalogue(attributeSpecs(), new Map(keys.map(({ key, type }) => [key, type])));
}

type Asked = Pick<Request, 'db' | 'now'>;

/** Checks a policy as applying it would. @throws AppError invalid */
export async function checkText({ db, now }: Asked, text: string): Promise<PolicyCheck> {
  refuseUnstorable(text);
  return checkPolicy(text, await catalogueInUse(db), now().getTime());
}

/** Runs tests, written as a list of them, against the policy in force. */
export async function testInForce({ db, now }: Asked, tests: string): Promise<PolicyCheck> {
  const { text } = await presentPolicy({ db });
  return checkTests(text, tests, policyCatalogue(), now().getTime());
}

/**
 * Tells which rules of a policy are about a user, or lead to a place. Its tests are not run.
 * @returns the rules, or the check of a policy with errors
 */
export async function previewText(asked: Asked, text: string, of: PreviewOf): Promise<PreviewMatch[] | PolicyCheck> {
  const read = readPolicy(text, policyCatalogue(), new Findings(text));
  return read === null ? await checkText(asked, text) : previewPolicy(read, of);
}

/** @returns the policy in force, or the default where none ever was: then without a revision */
export async function presentPolicy({ db }: Pick<Request, 'db'>): Promise<{
  text: string;
  hash: string;
  revision: number | null;
}> {
  const inForce = await policyInForce(db);
  return inForce ?? { text: defaultPolicy, hash: policyHash(defaultPolicy), revision: null };
}

/**
 * Puts a policy in force, unless it has errors or fails its own tests.
 * @throws AppError conflict when another policy than that of `ifRevision` is in force, and precondition when it is none of
 *   `ifHash`; but not where it is this one
 */
export async function applyPolicy(
  request: Request,
  { text, ifRevision, ifHash = null }: PolicyInput,
): Promise<PolicyApplied> {
  const check = await checkText(request, text);
  if (check.errors.length > 0) return { state: 'refused', check };
  const hash = policyHash(text);
  const cause = causeOf(request, 'policy apply');
  const { value } = await write<PolicyApplied>(request.db, request.now, cause, async w => {
    // Under head nobody else applies one.
    const before = await policyInForce(w.client);
    if (before !== null && before.text === text)
      return undo({ state: 'unchanged', check, view: viewOf(before, before.revision) });
    refuseOther(ifRevision, before);
    if (ifHash !== null && !ifHash.includes(before?.hash ?? policyHash(defaultPolicy)))
      throw new AppError('precondition', inForceText(before));
    const row: StoredPolicy = { revision: w.revision, text, hash, appliedAt: w.at, actor: request.actor };
    await insertPolicy(w.client, row);
    const told = before === null ? {} : { old: { revision: before.revision, hash: before.hash } };
    const target = { targetId: 'policy', targetName: 'policy' };
    await w.event({ event: 'TAILNET.UPDATE.ACL', ...target, ...told, new: { revision: w.revision, hash } });
    return { state: 'applied', check, view: viewOf(row, w.revision), replaced: before?.revision ?? null };
  });
  return value;
}

function refuseOther(ifRevision: number | null, before: StoredPolicy | null): void {
  if (ifRevision === null || ifRevision === (before?.revision ?? 0)) return;
  if (before === null)
    throw new AppError(
      'conflict',
      `no policy is in force, and so not that of revision ${ifRevision}; nothing was applied`,
    );
  throw new AppError('conflict', inForceText(before));
}

function inForceText(before: StoredPolicy | null): string {
  if (before === null) return 'no policy is in force but the default; nothing was applied';
  const { revision, actor, appliedAt } = before;
  return `the policy of revision ${revision} is in force, applied by ${actor.id} at ${appliedAt.toISOString()}; nothing was applied`;
}

/**
 * @param revision of the write that applied it; null: the one in force
 * @throws AppError not_found, saying what to do
 */
export async function viewPolicy(
  { db }: Pick<Request, 'db'>,
  revision: number | null,
): Promise<PolicyView & { text: string }> {
  const inForce = await policyInForce(db);
  if (inForce === null)
    throw new AppError(
      'not_found',
      'no policy is in force, so all access is denied. Apply one: posture-sync policy apply config/policy.hujson',
    );
  const found = revision === null ? inForce : await policyOfRevision(db, revision);
  if (found === null)
    throw new AppError('not_found', `revision ${revision} applied no policy; \`policy history\` lists those that did`);
  return { ...viewOf(found, inForce.revision), text: found.text };
}

/** @returns all policies that were applied, the one in force last */
export async function viewPolicies({ db }: Pick<Request, 'db'>): Promise<PolicyView[]> {
  const rows = await listPolicies(db, { newestFirst: false, behind: null, most: null });
  const newest = rows.at(-1)?.revision ?? 0;
  return rows.map(row => viewOf(row, newest));
}

/**
 * A page of them.
 * @param newestFirst or the one in force last
 * @param cursor of the page before; null: the first one
 * @returns the policies, and where to go on; null: that was all
 * @throws AppError invalid for a cursor that is none
 */
export async function pageOfPolicies(
  { db }: Pick<Request, 'db'>,
  newestFirst: boolean,
  cursor: string | null,
  most: number,
): Promise<{ revisions: PolicyView[]; nextCursor: string | null }> {
  const behind = cursor === null ? null : readCursor(cursor, NumberPlace)[0];
  const found = await listPolicies(db, { newestFirst, behind, most: most + 1 });
  const inForce = await policyInForce(db);
  const { page, nextCursor } = paged(found, most, ({ revision }) => [revision]);
  return { revisions: page.map(row => viewOf(row, inForce?.revision ?? 0)), nextCursor };
}

function viewOf(row: Omit<StoredPolicy, 'text'>, inForce: number): PolicyView {
  const { revision, appliedAt, actor, hash } = row;
  return { revision, appliedAt, actor, hash, inForce: revision === inForce };
}
