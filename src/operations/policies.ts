// What may be done with policies: apply one, show one, list those that were applied. A policy with errors is never applied,
// and what is kept of one is the text as it was written.
import { createHash } from 'node:crypto';
import { AppError } from '../errors.ts';
import { type Catalogue, createCatalogue } from '../posture/catalogue.ts';
import type { Actor } from '../posture/events.ts';
import { checkPolicy, type PolicyCheck } from '../posture/policy-check.ts';
import { attributeSpecs } from '../providers/registry.ts';
import type { Queryable } from '../store/client.ts';
import { allCustomKeys } from '../store/custom-attributes.ts';
import { insertPolicy, listPolicies, policyInForce, policyOfRevision, type StoredPolicy } from '../store/policies.ts';
import { undo, write } from '../store/write.ts';
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

/**
 * Puts a policy in force, unless it has errors or fails its own tests.
 * @throws AppError conflict when another policy than that of `ifRevision` is in force, and it is not this one
 */
export async function applyPolicy(request: Request, { text, ifRevision }: PolicyInput): Promise<PolicyApplied> {
  if (text.includes('\0') || !text.isWellFormed())
    throw new AppError('invalid', 'the policy holds a character that no text has');
  const check = checkPolicy(text, await catalogueInUse(request.db), request.now().getTime());
  if (check.errors.length > 0) return { state: 'refused', check };
  const hash = createHash('sha256').update(text).digest('hex');
  const cause = { actor: request.actor, origin: 'CONFIG_API', cause: 'policy apply' } as const;
  const { value } = await write<PolicyApplied>(request.db, request.now, cause, async w => {
    // Under head nobody else applies one.
    const before = await policyInForce(w.client);
    if (before !== null && before.text === text)
      return undo({ state: 'unchanged', check, view: viewOf(before, before.revision) });
    refuseOther(ifRevision, before);
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
  const { revision, actor, appliedAt } = before;
  throw new AppError(
    'conflict',
    `the policy of revision ${revision} is in force, applied by ${actor.id} at ${appliedAt.toISOString()}; nothing was applied`,
  );
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
  const rows = await listPolicies(db);
  const newest = rows.at(-1)?.revision ?? 0;
  return rows.map(row => viewOf(row, newest));
}

function viewOf(row: Omit<StoredPolicy, 'text'>, inForce: number): PolicyView {
  const { revision, appliedAt, actor, hash } = row;
  return { revision, appliedAt, actor, hash, inForce: revision === inForce };
}
