// `posture list|show`: how many devices pass each posture of the policy in force, and what keeps the others from it.
import { type Command, Option } from 'commander';
import {
  type AsOf,
  devicesByState,
  listPostures,
  type PostureCounts,
  type PostureView,
  viewPosture,
  viewStanding,
} from '../operations/postures.ts';
import { type StandingState, standingReasonText, standingStates } from '../posture/standings.ts';
import type { DeviceStanding } from '../store/standing-reports.ts';
import { declare, wholeNumber } from './options.ts';
import { counted, fields, printable, remark, roughly, say, sayJson, table, timeAndAge } from './output.ts';
import { registerPostureSimulation } from './posture-simulate.ts';
import { type Session, withSession } from './session.ts';
import { type Surroundings, wrongUse } from './surroundings.ts';

export function registerPosture(group: Command, to: Surroundings): void {
  registerList(group, to);
  registerShow(group, to);
  registerPostureSimulation(group, to);
}

function registerList(group: Command, to: Surroundings): void {
  declare(group, 'list', 'count the devices that pass each posture, fail it, or are unknown', [
    'posture-sync posture list',
  ]).action(async (options: { json?: boolean }) => {
    await withSession(to, {}, async ({ db, now }) => {
      const { postures, asOf } = await listPostures({ db, now });
      if (options.json) for (const counts of postures) await sayJson(to, { ...counts, asOf });
      else {
        for (const line of listLines(postures)) await say(to, line);
        remarkAge(to, asOf, now());
      }
    });
  });
}

interface ShowOptions {
  json?: boolean;
  limit: number;
  state?: StandingState;
  condition?: string;
  device?: string;
}

function registerShow(group: Command, to: Surroundings): void {
  declare(group, 'show <name>', 'say what a posture asks for, and what keeps devices from passing it', [
    'posture-sync posture show posture:healthy',
    'posture-sync posture show healthy --state failing',
    'posture-sync posture show healthy --device lt-0042',
  ])
    .option('--limit <number>', 'so many causes at most', wholeNumber(1, 10_000), 20)
    .addOption(new Option('--state <state>', 'list the devices in it').choices(standingStates))
    .option('--condition <text>', 'with --state: only those that this condition keeps from passing')
    .option('--device <id>', 'of this device alone')
    .action(async (name: string, options: ShowOptions) => {
      if (options.state !== undefined && options.device !== undefined)
        wrongUse('--state lists devices and --device tells of one: take one of the two');
      if (options.condition !== undefined && options.state === undefined)
        wrongUse('--condition is about the devices that --state lists');
      await withSession(to, {}, session => show(to, session, name, options));
    });
}

/** As many devices are named as examples of a cause. */
const examples = 5;

async function show(to: Surroundings, { db, now }: Session, name: string, options: ShowOptions): Promise<void> {
  const asked = { db, now };
  if (options.state !== undefined) {
    const filter = { state: options.state, condition: options.condition ?? null };
    for await (const standing of devicesByState(asked, name, filter)) {
      if (options.json) await sayJson(to, standing);
      else await say(to, printable(deviceLine(standing, now())));
    }
    return;
  }
  if (options.device !== undefined) {
    const standing = await viewStanding(asked, name, options.device);
    if (options.json) return await sayJson(to, standing);
    for (const line of standingLines(standing, now())) await say(to, line);
    return remarkAge(to, standing.asOf, now());
  }
  const view = await viewPosture(asked, name, { causes: options.limit, examples });
  if (options.json) return await sayJson(to, view);
  for (const line of postureLines(view)) await say(to, line);
  remarkAge(to, view.asOf, now());
}

function listLines(postures: readonly PostureCounts[]): string[] {
  if (postures.length === 0) return ['The policy in force has no postures.'];
  return table(
    ['POSTURE', 'PASSING', 'FAILING', 'UNKNOWN', 'DEVICES'],
    postures.map(({ posture, passing, failing, unknown, devices }) => [posture, passing, failing, unknown, devices]),
  );
}

function postureLines(view: PostureView): string[] {
  const { posture, description, resolution, tags, conditions, causes, causesTotal } = view;
  return [
    ...fields([
      ['posture', posture],
      ['description', description],
      ['resolution', resolution],
      ['for devices with', tags.join(' or ')],
      ['passing', view.passing],
      ['failing', view.failing],
      ['unknown', view.unknown],
      ['devices', view.devices],
    ]),
    ...(conditions === null
      ? []
      : ['', 'All of these must be true:', ...conditions.map(text => printable(`  ${text}`))]),
    ...(causes.length === 0
      ? []
      : [
          '',
          ...table(
            ['DEVICES', 'WHY NOT', 'FOR EXAMPLE'],
            causes.map(cause => [cause.devices, causeText(cause, posture), exampleText(cause)]),
          ),
        ]),
    ...(causesTotal > causes.length
      ? [`and ${counted(causesTotal - causes.length, 'other cause')}; --limit lists more`]
      : []),
  ];
}

function causeText(cause: PostureView['causes'][number], posture: string): string {
  return `${cause.posture === posture ? '' : `${cause.posture}, `}${standingReasonText(cause)}`;
}

function exampleText({ devices, examples: ids }: PostureView['causes'][number]): string {
  return `${ids.join(', ')}${devices > ids.length ? ', ...' : ''}`;
}

function deviceLine({ device, hostname, since, reasons }: DeviceStanding, now: Date): string {
  const why = reasons.length === 0 ? '' : `: ${reasons.map(standingReasonText).join('; ')}`;
  return `${device}${hostname === null ? '' : ` ${hostname}`} since ${timeAndAge(since, now)}${why}`;
}

function standingLines(
  { device, hostname, posture, state, since, validUntil, reasons }: DeviceStanding,
  now: Date,
): string[] {
  return [
    ...fields([
      ['device', `${device}${hostname === null ? '' : ` (${hostname})`}`],
      ['posture', posture],
      ['state', state],
      ['since', timeAndAge(since, now)],
      ['may change by itself', timeAndAge(validUntil, now)],
    ]),
    ...reasons.map(reason => {
      const source = reason.integration === null ? '' : ` (integration ${reason.integration})`;
      return printable(`  ${standingReasonText(reason)}${source}`);
    }),
  ];
}

/** Says as of what the answer is true, and what to do where nobody keeps it current. */
function remarkAge(to: Surroundings, { revision, at, hasWorker, isCurrent, waiting }: AsOf, now: Date): void {
  const ageMs = at === null ? null : Math.max(0, now.getTime() - at.getTime());
  const asOf = revision === null ? 'Nothing was judged yet' : `As of revision ${revision}`;
  const looked = ageMs === null ? '' : `, looked at ${roughly(ageMs)} ago`;
  const left = isCurrent ? '' : `; ${counted(waiting, 'device')} still to be judged`;
  remark(to, `${asOf}${looked}${left}.`);
  // Where nothing is left to be judged as well: what only time changes is not noticed.
  if (!hasWorker) remark(to, 'No worker judges devices now: `posture-sync serve` starts one.');
}
