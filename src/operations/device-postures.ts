// How one device stands in every posture of the policy in force, reckoned at this moment from what the database has: with each
// condition that is not true, what it expects and what was found. Standings, which a worker keeps, may be a moment behind.
import type { Refusal } from '../posture/decide.ts';
import { bareTag } from '../posture/facts.ts';
import { groundsOf } from '../posture/grounds.ts';
import { readAppliedPolicy } from '../posture/policy-check.ts';
import type { StandingState } from '../posture/standings.ts';
import { type ToldReason, timeText, toldReasons } from '../posture/told.ts';
import { readKnownDevices } from '../store/known-devices.ts';
import { policyInForce } from '../store/policies.ts';
import { inSnapshot } from '../store/standing-reports.ts';
import { standingsSince } from '../store/standings-of-device.ts';
import type { AskedFreshness } from './device-list.ts';
import { noDevice } from './devices.ts';
import { freshWithinInUse } from './overview-counts.ts';
import { policyCatalogue } from './policies.ts';
import { type RestsOn, restingOn } from './rests-on.ts';

export interface DevicePosture {
  posture: string;
  state: StandingState;
  description: string | null;
  /** What its user may do where it does not pass. */
  resolution: string | null;
  /** The devices that it is for; none: all. */
  tags: string[];
  isForDevice: boolean;
  conditions: readonly string[];
  /** Since when a worker knows it to be in that state; null: not yet. */
  since: Date | null;
  /** When the answer may change although nothing but time passes. */
  validUntil: string | null;
  /** Null: it asks for nothing that a provider said. */
  restsOn: RestsOn | null;
  reasons: ToldReason[];
}

export interface DevicePostures {
  postures: DevicePosture[];
  /** Null: no policy is in force. */
  policyRevision: number | null;
  /** False: this version cannot read the policy in force, so nobody passes anything. */
  isPolicyReadable: boolean;
  /** What was confirmed within so long is fresh, as on the overview. */
  freshWithinMs: number;
  at: Date;
}

/** @returns the postures in the order of the policy @throws AppError not_found where there is no such device */
export async function posturesOfDevice(
  { db, now, syncIntervalMs }: AskedFreshness,
  id: string,
): Promise<DevicePostures> {
  const catalogue = policyCatalogue();
  const at = now();
  const freshWithinMs = await freshWithinInUse(db, at, syncIntervalMs);
  return await inSnapshot(db, async client => {
    const [device] = await readKnownDevices(client, catalogue, [id]);
    if (device === undefined) throw noDevice(id);
    const stored = await policyInForce(client);
    if (stored === null) return { postures: [], policyRevision: null, isPolicyReadable: true, freshWithinMs, at };
    const policy = readAppliedPolicy(stored.text, catalogue);
    const since = await standingsSince(client, id);
    const postures = [...(policy?.postures.values() ?? [])].map(
      ({ name, posture, description, resolution, tags, conditions }): DevicePosture => {
        const explanation = posture.explain(device, at.getTime());
        const { holds } = explanation;
        const state = holds === true ? 'passing' : holds === false ? 'failing' : 'unknown';
        const refusal: Refusal = { posture: name, rule: null, description, resolution, ...explanation };
        const known = since.get(name);
        return {
          ...{ posture: name, state, description, resolution, conditions },
          tags: tags.map(tag => `tag:${bareTag(tag)}`),
          isForDevice: tags.length === 0 || device.tags.some(tag => tags.includes(bareTag(tag))),
          since: known?.state === state ? known.since : null,
          validUntil: timeText(explanation.validUntil),
          restsOn: restingOn(groundsOf(device, posture.attributes, catalogue, at.getTime()), at, freshWithinMs),
          reasons: toldReasons([refusal], at.getTime()),
        };
      },
    );
    return { postures, policyRevision: stored.revision, isPolicyReadable: policy !== null, freshWithinMs, at };
  });
}
