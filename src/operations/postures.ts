// What may be asked about the postures of the policy in force: how many devices pass, which do not, and why. Answered from the
// standings that a worker keeps, with how current these are.
import { AppError } from '../errors.ts';
import type { Policy, PolicyPosture } from '../posture/policy.ts';
import { readAppliedPolicy } from '../posture/policy-check.ts';
import type { StandingState } from '../posture/standings.ts';
import type { Client, Now, Pool } from '../store/client.ts';
import { policyInForce } from '../store/policies.ts';
import {
  type Cause,
  causesOf,
  countDevices,
  countStandings,
  type DeviceStanding,
  devicesInState,
  inSnapshot,
  type StandingCounts,
  standingOf,
} from '../store/standing-reports.ts';
import { countChanged, hasKeeper, lookAround, readProgress, storedPostures, sweptSince } from '../store/standings.ts';
import { IdPlace, paged, readCursor } from './cursors.ts';
import type { Request } from './devices.ts';
import { policyCatalogue } from './policies.ts';

type Asked = Pick<Request, 'db' | 'now'>;

/** As of what an answer is true. */
export interface AsOf {
  /** Every change up to this revision is judged; null: nothing was judged yet. */
  revision: number | null;
  /** The policy that was judged by. */
  policyRevision: number | null;
  /** When a worker looked last. */
  at: Date | null;
  /** False: nobody judges, and what is told is of then. */
  hasWorker: boolean;
  /** Nothing is left to be judged. */
  isCurrent: boolean;
  /** Devices that are left to be judged. */
  waiting: number;
}

export interface PostureCounts extends StandingCounts {
  posture: string;
  description: string | null;
  /** All there are. */
  devices: number;
}

export interface PostureView extends PostureCounts {
  resolution: string | null;
  /** The devices that it is for; none: all. */
  tags: readonly string[];
  /** As they are written; null: this version cannot read the policy. */
  conditions: readonly string[] | null;
  /** What keeps most devices from passing comes first. */
  causes: Cause[];
  causesTotal: number;
}

interface Present {
  client: Client;
  /** Null: this version cannot read it. */
  policy: Policy | null;
  counts: Map<string, StandingCounts>;
  devices: number;
  asOf: AsOf;
}

/**
 * @returns the postures of the policy in force, in its order
 * @throws AppError not_found where none is in force
 */
export async function listPostures(asked: Asked): Promise<{ postures: PostureCounts[]; asOf: AsOf }> {
  return await inSnapshot(asked.db, async client => {
    const present = await readPresent(client, asked.now);
    return { postures: namesOf(present).map(name => countsOf(present, name)), asOf: present.asOf };
  });
}

/**
 * @param name with or without `posture:` in front
 * @param options how many causes, and devices as examples of each
 * @throws AppError not_found
 */
export async function viewPosture(
  asked: Asked,
  name: string,
  { causes: most, examples }: { causes: number; examples: number },
): Promise<PostureView & { asOf: AsOf }> {
  return await inSnapshot(asked.db, async client => {
    const present = await readPresent(client, asked.now);
    const { posture, defined } = find(present.policy, namesOf(present), name);
    const { causes, total } = await causesOf(client, posture, most, examples);
    return {
      ...countsOf(present, posture),
      resolution: defined?.resolution ?? null,
      tags: (defined?.tags ?? []).map(tag => `tag:${tag}`),
      conditions: defined?.conditions ?? null,
      causes,
      causesTotal: total,
      asOf: present.asOf,
    };
  });
}

/**
 * @param device its id
 * @throws AppError not_found where there is no such posture, or the device has no standing in it
 */
export async function viewStanding(
  asked: Asked,
  name: string,
  device: string,
): Promise<DeviceStanding & { asOf: AsOf }> {
  return await inSnapshot(asked.db, async client => {
    const present = await readPresent(client, asked.now);
    const { posture } = find(present.policy, namesOf(present), name);
    const standing = await standingOf(client, posture, device);
    if (standing !== null) return { ...standing, asOf: present.asOf };
    const known = await client.query('select from devices where id = $1', [device]);
    throw new AppError(
      'not_found',
      known.rowCount === 0 ? `there is no device ${device}` : `${device} has not been judged by ${posture} yet`,
    );
  });
}

/** Which devices of a posture are asked for. */
export interface StandingFilter {
  state: StandingState;
  /** Only those that this condition keeps from passing, as causes have it; null: all. */
  condition: string | null;
}

const pageSize = 1_000;

/**
 * Devices in a state, by id, in pages of which each is as of its own moment.
 * @throws AppError not_found
 */
export async function* devicesByState(
  asked: Asked,
  name: string,
  filter: StandingFilter,
): AsyncGenerator<DeviceStanding> {
  for (let cursor: string | null = null; ; ) {
    const { devices, nextCursor } = await pageByState(asked, name, filter, cursor, pageSize);
    yield* devices;
    if (nextCursor === null) return;
    cursor = nextCursor;
  }
}

/**
 * A page of them.
 * @param cursor of the page before; null: the first one
 * @returns the devices, and where to go on; null: that was all
 * @throws AppError not_found, or invalid for a cursor that is none
 */
export async function pageByState(
  { db }: Pick<Asked, 'db'>,
  name: string,
  filter: StandingFilter,
  cursor: string | null,
  most: number,
): Promise<{ devices: DeviceStanding[]; nextCursor: string | null }> {
  const after = cursor === null ? '' : readCursor(cursor, IdPlace)[0];
  return await inSnapshot(db, async client => {
    const policy = await readPolicyInForce(client);
    const { posture } = find(policy, policy?.postures.keys() ?? (await storedPostures(client)), name);
    const found = await devicesInState(client, posture, filter, after, most + 1);
    const { page, nextCursor } = paged(found, most, ({ device }) => [device]);
    return { devices: page, nextCursor };
  });
}

/**
 * @param name with or without `posture:` in front
 * @returns the name of a posture of the policy in force, or of one that devices stand in still
 * @throws AppError not_found
 */
export async function knownPosture(db: Pool, name: string): Promise<string> {
  const posture = name.startsWith('posture:') ? name : `posture:${name}`;
  const stored = await policyInForce(db);
  const policy = stored === null ? null : readAppliedPolicy(stored.text, policyCatalogue());
  const names = policy === null ? await storedPostures(db) : [...policy.postures.keys()];
  if (!names.includes(posture)) throw new AppError('not_found', noSuch(posture, names));
  return posture;
}

function noSuch(posture: string, names: readonly string[]): string {
  return `the policy in force has no ${posture}; ${names.length === 0 ? 'it has no postures' : `it has ${names.join(', ')}`}`;
}

/** @returns null: this version cannot read it @throws AppError not_found where none is in force */
async function readPolicyInForce(client: Client): Promise<Policy | null> {
  const stored = await policyInForce(client);
  if (stored === null)
    throw new AppError(
      'not_found',
      'no policy is in force, so there are no postures. Apply one: posture-sync policy apply config/policy.hujson',
    );
  return readAppliedPolicy(stored.text, policyCatalogue());
}

/** @throws AppError not_found where no policy is in force */
async function readPresent(client: Client, now: Now): Promise<Present> {
  return {
    client,
    policy: await readPolicyInForce(client),
    counts: await countStandings(client),
    devices: await countDevices(client),
    asOf: await readAsOf(client, now()),
  };
}

/** What is known of postures, also where no policy is in force. */
export interface PosturesNow {
  /** `unreadable`: this version cannot read it, so nobody passes anything. */
  policy: 'none' | 'unreadable' | 'in_force';
  policyRevision: number | null;
  postures: PostureCounts[];
  /** Every attribute that a posture looks at, by full name. */
  attributes: ReadonlySet<string>;
}

/** @returns the postures of the policy in force with their counts, in its order; none where none is */
export async function posturesNow(client: Client): Promise<PosturesNow> {
  const stored = await policyInForce(client);
  if (stored === null) return { policy: 'none', policyRevision: null, postures: [], attributes: new Set() };
  const policy = readAppliedPolicy(stored.text, policyCatalogue());
  const present = { policy, counts: await countStandings(client), devices: await countDevices(client) };
  return {
    policy: policy === null ? 'unreadable' : 'in_force',
    policyRevision: stored.revision,
    postures: namesOf(present).map(name => countsOf(present, name)),
    attributes: new Set([...(policy?.postures.values() ?? [])].flatMap(({ posture }) => [...posture.attributes])),
  };
}

export async function readAsOf(client: Client, at: Date): Promise<AsOf> {
  const look = await lookAround(client, at);
  const progress = await readProgress(client);
  if (progress === null) {
    const waiting = await countDevices(client);
    return { revision: null, policyRevision: null, ...(await readJudging(client, at)), isCurrent: false, waiting };
  }
  const { revision, policyRevision, waiting } = progress;
  const isPolicyJudged = policyRevision === look.policyRevision;
  const left = isPolicyJudged
    ? await countChanged(client, { after: revision, at, dueAfter: null, swept: sweptSince(progress, look) })
    : await countDevices(client);
  // What the keeper has noted and what changed since it last said so may be the same devices.
  const most = waiting > 0 ? waiting : left;
  const judging = await readJudging(client, at);
  return { revision, policyRevision, ...judging, isCurrent: isPolicyJudged && most === 0, waiting: most };
}

/** A keeper shows life each 5 s; its lock may be changing hands. */
const keeperIsAwayMs = 20_000;

/** @returns whether a worker judges devices now, and when one looked last */
export async function readJudging(client: Client, at: Date): Promise<Pick<AsOf, 'at' | 'hasWorker'>> {
  const looked = (await readProgress(client))?.at ?? null;
  const isLate = looked === null || at.getTime() - looked.getTime() >= keeperIsAwayMs;
  return { at: looked, hasWorker: !isLate || (await hasKeeper(client)) };
}

function namesOf({ policy, counts }: Pick<Present, 'policy' | 'counts'>): string[] {
  return [...(policy?.postures ?? counts).keys()];
}

function countsOf(
  { policy, counts, devices }: Pick<Present, 'policy' | 'counts' | 'devices'>,
  posture: string,
): PostureCounts {
  const its = counts.get(posture) ?? { passing: 0, failing: 0, unknown: 0 };
  return { posture, description: policy?.postures.get(posture)?.description ?? null, ...its, devices };
}

function find(
  policy: Policy | null,
  known: Iterable<string>,
  name: string,
): { posture: string; defined: PolicyPosture | null } {
  const posture = name.startsWith('posture:') ? name : `posture:${name}`;
  const names = [...known];
  if (!names.includes(posture)) throw new AppError('not_found', noSuch(posture, names));
  return { posture, defined: policy?.postures.get(posture) ?? null };
}
