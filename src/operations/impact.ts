// Who would gain and lose what if a policy were applied, against all devices as they are now. They are read in one snapshot, some
// at a time and in the order of their ids, and nothing is written.
import { type AccessChange, type Comparison, comparePolicies } from '../posture/impact.ts';
import type { Policy } from '../posture/policy.ts';
import { checkPolicy, type PolicyCheck, readAppliedPolicy } from '../posture/policy-check.ts';
import type { Finding } from '../posture/policy-source.ts';
import { type ToldReason, toldReasons } from '../posture/told.ts';
import { devicePortions } from '../store/device-portions.ts';
import type { KnownDevice } from '../store/known-devices.ts';
import { policyInForce } from '../store/policies.ts';
import { countDevices, inSnapshot } from '../store/standing-reports.ts';
import { ChangePlace, paged, readCursor } from './cursors.ts';
import type { Request } from './devices.ts';
import { catalogueInUse } from './policies.ts';

/** What changes for a device. */
export interface ImpactLine extends AccessChange {
  device: string;
  hostname: string | null;
  user: string | null;
}

/** Which conditions decide a change. */
export interface Reasons {
  /** The first ones that are not true in the postures that refuse it; null: it is one of many changes, and not told. */
  reasons: ToldReason[] | null;
  reasonsTotal: number | null;
}

export type ExplainedLine = ImpactLine & Reasons;

/** So many changes of an answer are told with their conditions: nobody reads more, and to tell them takes longer than to find them. */
export const mostExplained = 1_000;
const mostReasons = 20;

/** @returns what adds to each change of an answer the conditions that decide it, to the first ones */
export function explainFirst(): (line: ImpactLine, explain: () => Reasons) => ExplainedLine {
  let told = 0;
  return (line, explain) => ({
    ...line,
    ...(told++ < mostExplained ? explain() : { reasons: null, reasonsTotal: null }),
  });
}

interface TruthCounts {
  pass: number;
  fail: number;
  unknown: number;
}

export interface ImpactSummary {
  /** The revision of the policy in force; null: none is, and everything is denied. */
  comparedWith: number | null;
  devices: number;
  /** Devices that gain, and that lose, anything; some do both. */
  gaining: number;
  losing: number;
  /** Those of which anything changes. */
  destinations: { destination: string; gains: number; loses: number }[];
  /** Devices by posture; null where the policy has no such posture. */
  postures: { posture: string; before: TruthCounts | null; after: TruthCounts | null }[];
  /** Whether the policy could be applied; false: its own tests fail. */
  ok: boolean;
  /** Those tests that fail. */
  errors: readonly Finding[];
  tests: PolicyCheck['tests'];
}

export interface ImpactTaker {
  /** Called first. @param isReadable false: the policy in force has errors for this version, and grants nothing */
  begin?(comparedWith: number | null, isReadable: boolean, devices: number): void;
  /**
   * Called for each change, in the order of the devices' ids. The next one waits for it.
   * @param explain which conditions decide it, for who shows it; to be called before the next one
   */
  change(line: ImpactLine, explain: () => Reasons): Promise<void> | void;
  /** Called now and then; what it throws ends the work. @param done devices compared so far, of `total` */
  progress?(done: number, total: number): void;
}

/**
 * Compares a policy with the one in force. One that only fails its own tests is compared, too: that tells why it does.
 * @returns the totals, when every change was taken; or null, with the check of a policy that has other errors
 * @throws AppError invalid for a text that could not be kept
 */
export async function impactOf(
  { db, now }: Pick<Request, 'db' | 'now'>,
  text: string,
  taker: ImpactTaker,
): Promise<{ check: PolicyCheck; summary: ImpactSummary | null }> {
  const catalogue = await catalogueInUse(db);
  const at = now().getTime();
  const check = checkPolicy(text, catalogue, at);
  const { meant: policy, errors, tests } = check;
  if (policy === null) return { check, summary: null };
  const summary = await inSnapshot(db, async client => {
    const inForce = await policyInForce(client);
    const before = inForce === null ? null : readAppliedPolicy(inForce.text, catalogue);
    const revision = inForce?.revision ?? null;
    const total = await countDevices(client);
    taker.begin?.(revision, inForce === null || before !== null, total);
    const count = startCount(before, policy);
    let done = 0;
    const asked = { from: null, withAddresses: asksForAddresses(before, policy) };
    for await (const devices of devicePortions(client, catalogue, asked)) {
      for (const device of devices) {
        const { id, hostname, user } = device;
        for (const change of count.take(device, at))
          await taker.change({ device: id, hostname, user, ...change }, () =>
            reasonsOf(count.compared, device, change, at),
          );
      }
      done += devices.length;
      taker.progress?.(done, total);
    }
    return { comparedWith: revision, devices: done, ...count.summary(), ok: errors.length === 0, errors, tests };
  });
  return { check, summary };
}

function reasonsOf(compared: Comparison, device: KnownDevice, change: AccessChange, at: number): Reasons {
  const reasons = toldReasons([{ reasons: compared.reasons(device, at, change) }], at);
  return { reasons: reasons.slice(0, mostReasons), reasonsTotal: reasons.length };
}

/** Which changes are wanted. */
export interface ChangeFilter {
  change?: AccessChange['change'] | undefined;
  destination?: string | undefined;
}

/**
 * Changes by a policy that was looked over as a whole before, some at a time, by device; each page is as of its own moment.
 * @param cursor of the page before; null: the first one
 * @param look called now and then, to throw where nobody waits any more
 * @returns the changes, and where to go on; null: that was all. Or the check of a policy that has errors
 * @throws AppError invalid for a cursor that is none
 */
export async function pageOfChanges(
  { db, now }: Pick<Request, 'db' | 'now'>,
  text: string,
  { change, destination }: ChangeFilter,
  { cursor, most, look }: { cursor: string | null; most: number; look(): void },
): Promise<FirstChanges | { check: PolicyCheck }> {
  const [from, told] = cursor === null ? [null, 0] : readCursor(cursor, ChangePlace);
  const catalogue = await catalogueInUse(db);
  const at = now().getTime();
  const after = readAppliedPolicy(text, catalogue);
  if (after === null) return { check: checkPolicy(text, catalogue, at) };
  const found: { device: KnownDevice; change: AccessChange; place: number }[] = [];
  return await inSnapshot(db, async client => {
    const inForce = await policyInForce(client);
    const before = inForce === null ? null : readAppliedPolicy(inForce.text, catalogue);
    const compared = comparePolicies(before, after);
    const asked = { from, withAddresses: asksForAddresses(before, after) };
    for await (const devices of devicePortions(client, catalogue, asked)) {
      look();
      for (const device of devices) {
        const wanted = compared
          .of(device, at)
          .changes.filter(
            each => each.change === (change ?? each.change) && each.destination === (destination ?? each.destination),
          );
        for (const [place, each] of wanted.entries())
          if (device.id !== from || place >= told) found.push({ device, change: each, place });
      }
      if (found.length > most) break;
    }
    const { page, nextCursor } = paged(found, most, ({ device: { id }, place }) => [id, place + 1]);
    return { changes: page.map(({ device, change }) => explained(compared, device, change, at)), nextCursor };
  });
}

function explained(compared: Comparison, device: KnownDevice, change: AccessChange, at: number): ExplainedLine {
  const { id, hostname, user } = device;
  return { device: id, hostname, user, ...change, ...reasonsOf(compared, device, change, at) };
}

/** The first changes of a kind, and where `pageOfChanges` goes on with that filter. */
export interface FirstChanges {
  changes: ExplainedLine[];
  nextCursor: string | null;
}

/** Keeps the first changes of each kind while all are gone through, so that nobody has to go through all again to see a few. */
export function keepFirst(most: number): {
  take(line: ImpactLine, explain: () => Reasons): void;
  first(kind: AccessChange['change']): FirstChanges;
} {
  const start = () => ({ found: [] as (ExplainedLine & { place: number })[], device: '', place: 0 });
  const kinds = { gains: start(), loses: start() };
  return {
    take(line, explain) {
      const kind = kinds[line.change];
      kind.place = kind.device === line.device ? kind.place + 1 : 0;
      kind.device = line.device;
      if (kind.found.length <= most) kind.found.push({ ...line, ...explain(), place: kind.place });
    },
    first(kind) {
      const { page, nextCursor } = paged(kinds[kind].found, most, ({ device, place }) => [device, place + 1]);
      return { changes: page.map(({ place: _, ...line }) => line), nextCursor };
    },
  };
}

function asksForAddresses(...policies: (Policy | null)[]): boolean {
  return policies.some(policy => policy?.rules.some(({ sources }) => sources.networks.length > 0));
}

function startCount(before: Policy | null, after: Policy) {
  const compared = comparePolicies(before, after);
  const totals = { gaining: 0, losing: 0 };
  const destinations = new Map<string, { gains: number; loses: number }>();
  // By the place of the posture's truth.
  const truthCounts: TruthCounts[] = [];
  for (const place of [...compared.before.values(), ...compared.after.values()])
    truthCounts[place] = { pass: 0, fail: 0, unknown: 0 };
  const countOf = (place: number | undefined) =>
    place === undefined ? null : { ...(truthCounts[place] as TruthCounts) };
  return {
    compared,
    take(device: KnownDevice, now: number): readonly AccessChange[] {
      const { changes, truths } = compared.of(device, now);
      for (let place = 0; place < truths.length; place++) {
        const count = truthCounts[place];
        if (count === undefined) continue;
        const truth = truths[place];
        if (truth === true) count.pass++;
        else if (truth === false) count.fail++;
        else count.unknown++;
      }
      if (changes.some(({ change }) => change === 'gains')) totals.gaining++;
      if (changes.some(({ change }) => change === 'loses')) totals.losing++;
      for (const { destination, change } of changes) {
        const count = destinations.get(destination) ?? { gains: 0, loses: 0 };
        count[change]++;
        destinations.set(destination, count);
      }
      return changes;
    },
    summary: (): Pick<ImpactSummary, 'gaining' | 'losing' | 'destinations' | 'postures'> => ({
      ...totals,
      destinations: [...destinations].map(([destination, counts]) => ({ destination, ...counts })),
      postures: [...new Set([...compared.before.keys(), ...compared.after.keys()])].map(posture => ({
        posture,
        before: countOf(compared.before.get(posture)),
        after: countOf(compared.after.get(posture)),
      })),
    }),
  };
}
