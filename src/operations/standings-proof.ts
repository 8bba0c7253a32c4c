// The proof that standings are what the policy in force makes of the evidence: everything is judged once more, as of the time
// at which the keeper had judged everything, and compared.
import { readAppliedPolicy } from '../posture/policy-check.ts';
import { judgeBy, type StandingJudge } from '../posture/standings.ts';
import type { Pool } from '../store/client.ts';
import { type EvidentDevice, readEvidence } from '../store/evidence.ts';
import { policyInForce } from '../store/policies.ts';
import { deviceIds, inSnapshot, strayStandings } from '../store/standing-reports.ts';
import { lookAround, readProgress, type StoredStanding, standingsOf, sweptSince } from '../store/standings.ts';
import type { Finding } from '../store/verify.ts';
import { policyCatalogue } from './policies.ts';

const portion = 2_000;
const mostExamples = 5;

/**
 * Judges everything in one snapshot. What the keeper had not judged yet by then is passed over, so a service that is busy makes
 * no findings; a policy that is not judged yet leaves nothing to prove.
 */
export async function verifyStandings(db: Pool): Promise<Finding[]> {
  return await inSnapshot(db, async client => {
    const [policy, progress] = [await policyInForce(client), await readProgress(client)];
    const isJudged = progress !== null && progress.waiting === 0 && progress.policyRevision === policy?.revision;
    if (policy === null || !isJudged || !progress.isPolicyReadable) return [];
    const catalogue = policyCatalogue();
    const postures = readAppliedPolicy(policy.text, catalogue)?.postures;
    if (postures === undefined) return [];
    const judges = new Map([...postures].map(([name, { posture }]) => [name, judgeBy(posture, catalogue)]));
    const isTimed = [...postures.values()].some(({ posture }) => posture.isTimed);
    const look = await lookAround(client, progress.at);
    const swept = new Set(isTimed ? sweptSince(progress, look) : []);
    const strays = await strayStandings(client, [...judges.keys()], progress.revision, mostExamples);
    const wrong: unknown[] = strays.rows;
    let count = strays.total;
    for (let after = ''; ; ) {
      const ids = await deviceIds(client, after, portion);
      const judged = (await readEvidence(client, catalogue, ids)).filter(
        ({ revision, integrations }) => revision <= progress.revision && !integrations.some(id => swept.has(id)),
      );
      const stored = new Map(
        (await standingsOf(client, ids)).map(standing => [`${standing.posture} ${standing.deviceId}`, standing]),
      );
      for (const device of judged) count += compare(device, judges, stored, progress.at, wrong);
      const last = ids.at(-1);
      if (last === undefined) break;
      after = last;
    }
    return count === 0
      ? []
      : [{ what: 'standings that are not what the policy makes of the evidence', count, examples: wrong }];
  });
}

/** @returns how many standings of the device differ */
function compare(
  device: EvidentDevice,
  judges: ReadonlyMap<string, StandingJudge>,
  stored: ReadonlyMap<string, StoredStanding>,
  at: Date,
  wrong: unknown[],
): number {
  let count = 0;
  for (const [posture, judge] of judges) {
    const standing = stored.get(`${posture} ${device.id}`);
    // Judged since, or about to be: its answer is of another time.
    if (standing !== undefined && (standing.since > at || isDue(standing, at))) continue;
    const { state } = judge(device.facts, at.getTime());
    if (standing?.state === state) continue;
    count++;
    if (wrong.length < mostExamples)
      wrong.push({ device: device.id, posture, stored: standing?.state ?? null, judged: state });
  }
  return count;
}

function isDue({ validUntil }: StoredStanding, at: Date): boolean {
  return validUntil !== null && validUntil <= at.getTime();
}
