// `policy impact`: who would gain and lose what if a policy were applied, against all devices as they are now. Everything is
// read in one snapshot, and nothing is written.
import { setImmediate as turn } from 'node:timers/promises';
import type { Command } from 'commander';
import { View, type ViewedDevice } from '../gateway/view.ts';
import { catalogueInUse } from '../operations/policies.ts';
import type { Catalogue } from '../posture/catalogue.ts';
import { type AccessChange, comparePolicies } from '../posture/impact.ts';
import type { Policy } from '../posture/policy.ts';
import { checkPolicy, readAppliedPolicy } from '../posture/policy-check.ts';
import { movingAttributeNames } from '../providers/registry.ts';
import { readEverything } from '../store/feed.ts';
import { declare } from './options.ts';
import { counted, printable, remark, say, sayJson, table } from './output.ts';
import { checkAnswer, readPolicyText, refuseErrors, sayFindings } from './policy-text.ts';
import { pace, startProgress } from './progress.ts';
import { type Session, withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

/** Lines for people; scripts get all of them. */
const mostLines = 1_000;

export function registerImpact(group: Command, to: Surroundings): void {
  declare(group, 'impact <file>', 'who would gain and lose access if a policy were applied; nothing is', [
    'posture-sync policy impact policy.hujson',
    'posture-sync policy impact policy.hujson --json | grep loses',
  ]).action(async (file: string, options: { json?: boolean }) => {
    const text = await readPolicyText(to, file);
    await withSession(to, {}, async session => {
      const catalogue = await catalogueInUse(session.db);
      const check = checkPolicy(text, catalogue, session.now().getTime());
      if (check.policy === null) {
        if (options.json) await sayJson(to, checkAnswer(check));
        else await sayFindings(to, file, check);
        return refuseErrors(to, file, check);
      }
      const present = await readPresent(to, session, catalogue);
      const impact = startImpact(present.policy, check.policy);
      let lines = 0;
      for await (const [device, change] of changes(to, present, impact)) {
        lines++;
        const { id, hostname, user } = device;
        if (options.json) await sayJson(to, { device: id, hostname, user, ...change });
        else if (lines <= mostLines) await say(to, printable(changeLine(device, change)));
      }
      const { revision, view } = present;
      if (options.json) return await sayJson(to, { comparedWith: revision, devices: view.size, ...impact.summary() });
      if (lines > mostLines) await say(to, `and ${lines - mostLines} more; --json lists all`);
      for (const line of summaryLines(present, impact.summary())) await say(to, printable(line));
    });
  });
}

interface Present {
  view: View;
  /** Null: none is in force, or it has errors. */
  policy: Policy | null;
  /** Of the policy in force. */
  revision: number | null;
  /** In ms. */
  now: number;
}

async function readPresent(to: Surroundings, { url, now }: Session, catalogue: Catalogue): Promise<Present> {
  const view = new View(catalogue);
  const progress = startProgress(to);
  const begun = performance.now();
  const { policy: inForce, integrations } = await readEverything(url, movingAttributeNames(), portion => {
    view.take(portion);
    const done = { count: view.size, total: null, what: 'devices read' };
    progress.show(pace(done, performance.now() - begun));
  }).finally(() => progress.end());
  view.takeIntegrations(integrations);
  const policy = inForce === null ? null : readAppliedPolicy(inForce.text, catalogue);
  if (inForce === null) remark(to, 'No policy is in force: everything is denied until one is applied.');
  else if (policy === null)
    remark(to, `The policy of revision ${inForce.revision} has errors for this version: it grants nothing.`);
  return { view, policy, revision: inForce?.revision ?? null, now: now().getTime() };
}

interface Counts {
  pass: number;
  fail: number;
  unknown: number;
}

interface Summary {
  /** Devices that gain, and that lose, anything; some do both. */
  gaining: number;
  losing: number;
  /** Those of which anything changes. */
  destinations: { destination: string; gains: number; loses: number }[];
  /** Devices by posture; null where the policy has no such posture. */
  postures: { posture: string; before: Counts | null; after: Counts | null }[];
}

function startImpact(before: Policy | null, after: Policy) {
  const compare = comparePolicies(before, after);
  const totals = { gaining: 0, losing: 0 };
  const destinations = new Map<string, { gains: number; loses: number }>();
  const countsOf = (policy: Policy | null) =>
    new Map([...(policy?.postures.keys() ?? [])].map(name => [name, { pass: 0, fail: 0, unknown: 0 }]));
  const [was, will] = [countsOf(before), countsOf(after)];
  return {
    take(device: ViewedDevice, now: number): readonly AccessChange[] {
      const found = compare(device, now);
      for (const [counts, truths] of [
        [was, found.before],
        [will, found.after],
      ] as const)
        for (const [name, truth] of truths) {
          const count = counts.get(name);
          if (count !== undefined) count[truth === true ? 'pass' : truth === false ? 'fail' : 'unknown']++;
        }
      if (found.changes.some(({ change }) => change === 'gains')) totals.gaining++;
      if (found.changes.some(({ change }) => change === 'loses')) totals.losing++;
      for (const { destination, change } of found.changes) {
        const count = destinations.get(destination) ?? { gains: 0, loses: 0 };
        count[change]++;
        destinations.set(destination, count);
      }
      return found.changes;
    },
    summary: (): Summary => ({
      ...totals,
      destinations: [...destinations].map(([destination, counts]) => ({ destination, ...counts })),
      postures: [...new Set([...was.keys(), ...will.keys()])].map(posture => ({
        posture,
        before: was.get(posture) ?? null,
        after: will.get(posture) ?? null,
      })),
    }),
  };
}

const devicesATurn = 1_000;

async function* changes(
  to: Surroundings,
  { view, now }: Present,
  impact: ReturnType<typeof startImpact>,
): AsyncGenerator<[ViewedDevice, AccessChange]> {
  const progress = startProgress(to);
  const begun = performance.now();
  let count = 0;
  try {
    // Tables have no order; two answers are to be compared line by line.
    const inOrder = [...view.devices()].sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const device of inOrder) {
      for (const change of impact.take(device, now)) {
        progress.end();
        yield [device, change];
      }
      if (++count % devicesATurn > 0) continue;
      progress.show(pace({ count, total: view.size, what: 'devices compared' }, performance.now() - begun));
      // A stop signal wants to be heard.
      await turn();
    }
  } finally {
    progress.end();
  }
}

function changeLine({ id, hostname, user }: ViewedDevice, change: AccessChange): string {
  const who = [id, hostname, user === null ? null : `(${user})`].filter(part => part !== null && part !== '').join(' ');
  if (change.change === 'gains') return `${who} gains ${change.destination} by ${change.rule}`;
  const why =
    change.outcome === 'no_rule' ? 'no rule grants it any more' : `${change.postures.join(', ')} does not hold`;
  return `${who} loses ${change.destination}, which ${change.rule} granted: ${why}`;
}

function summaryLines({ view, revision }: Present, summary: Summary): string[] {
  const { gaining, losing, destinations, postures } = summary;
  const beside = revision === null ? 'no policy at all' : `the policy of revision ${revision}`;
  const count = (counts: Counts | null) =>
    counts === null ? [null, null, null] : [counts.pass, counts.fail, counts.unknown];
  return [
    `Beside ${beside}, of ${counted(view.size, 'device')} ${gaining} would gain and ${losing} would lose access.`,
    ...(destinations.length === 0
      ? []
      : [
          '',
          ...table(
            ['DESTINATION', 'GAIN', 'LOSE'],
            destinations.map(({ destination, gains, loses }) => [destination, gains, loses]),
          ),
        ]),
    ...(postures.length === 0
      ? []
      : [
          '',
          ...table(
            ['POSTURE', 'PASS', 'FAIL', 'UNKNOWN', 'NOW PASS', 'NOW FAIL', 'NOW UNKNOWN'],
            postures.map(({ posture, before, after }) => [posture, ...count(after), ...count(before)]),
          ),
        ]),
  ];
}
