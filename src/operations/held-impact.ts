// Who would stop passing what if the losses that are held were accepted: each device is judged by the policy in force as it is, and without
// the values that it would lose. What that costs is bounded: of very many devices the first are judged, and it is said of how many.
import type { Catalogue } from '../posture/catalogue.ts';
import { comparePolicies } from '../posture/impact.ts';
import { readAppliedPolicy } from '../posture/policy-check.ts';
import type { Pool } from '../store/client.ts';
import type { Integration } from '../store/integrations.ts';
import { type KnownDevice, readKnownDevices } from '../store/known-devices.ts';
import { policyInForce } from '../store/policies.ts';
import { inSnapshot } from '../store/standing-reports.ts';
import { emptiedDevices, type HeldDevice, heldDevices } from '../store/withheld.ts';
import type { Request } from './devices.ts';
import { isEmptied } from './integration-view.ts';
import { catalogueInUse } from './policies.ts';

export interface HeldImpact {
  /** The revision of the policy in force; null: none is, and nobody passes anything. */
  policy: number | null;
  /** False: this version cannot read the policy in force, so nobody passes anything, and who would stop passing is not known. */
  isPolicyReadable: boolean;
  /** Devices that were judged: the first by id. */
  judged: number;
  /** Whether these were all that would lose values; else more may stop passing than are told. Never where there is nothing to judge by. */
  isWhole: boolean;
  /** Of these, devices that would stop passing some posture. */
  stopping: number;
  /** Postures that some of them would stop passing, most first, with a few of those. */
  postures: { posture: string; devices: number; examples: { device: string; hostname: string | null }[] }[];
}

const portion = 1_000;
const mostJudged = 10_000;
const mostExamples = 5;

/** Writes nothing. @param look called now and then, to throw where nobody waits any more @param most devices that are judged */
export async function heldImpact(
  { db, now }: Pick<Request, 'db' | 'now'>,
  integration: Integration,
  { look, most = mostJudged }: { look?: () => void; most?: number } = {},
): Promise<HeldImpact> {
  const catalogue = await catalogueInUse(db);
  const at = now().getTime();
  const pageAfter = await heldPages(db, integration);
  return await inSnapshot(db, async client => {
    const inForce = await policyInForce(client);
    const policy = inForce === null ? null : readAppliedPolicy(inForce.text, catalogue);
    const impact = startCount();
    const isPolicyReadable = inForce === null || policy !== null;
    const told = (isWhole: boolean) => ({
      ...{ policy: inForce?.revision ?? null, isPolicyReadable, isWhole },
      ...impact.summary(),
    });
    if (policy === null) return told(false);
    const compared = comparePolicies(policy, policy);
    const passing = (device: KnownDevice) => {
      const { truths } = compared.of(device, at);
      return [...compared.after].filter(([, place]) => truths[place] === true).map(([posture]) => posture);
    };
    for (let after: string | null = null; ; ) {
      look?.();
      const page: HeldDevice[] = await pageAfter(client, after, Math.min(portion, most - impact.judged() + 1));
      const judged = page.slice(0, most - impact.judged());
      const losses = new Map(judged.map(device => [device.device, device.losses]));
      for (const device of await readKnownDevices(client, catalogue, [...losses.keys()])) {
        const left = new Set(passing(without(device, losses.get(device.id) ?? [], catalogue.key)));
        impact.take(
          device,
          passing(device).filter(posture => !left.has(posture)),
        );
      }
      impact.add(judged.length);
      if (judged.length < page.length) return told(false);
      const last = page.at(-1);
      if (last === undefined || page.length < portion) return told(true);
      after = last.device;
    }
  });
}

async function heldPages(db: Pool, integration: Integration) {
  const read = (await isEmptied(db, integration)) ? emptiedDevices : heldDevices;
  return (client: Parameters<typeof heldDevices>[0], after: string | null, limit: number) =>
    read(client, { integrationId: integration.id, search: null, after, limit });
}

/** @returns a device as it would be known without what is held of it */
function without(device: KnownDevice, losses: HeldDevice['losses'], keyOf: Catalogue['key']): KnownDevice {
  const lost = new Set(losses.flatMap(({ values }) => Object.keys(values).map(keyOf)));
  // Where the agent itself is gone, nobody says either that there is no value.
  const unsaid = new Set(
    losses.flatMap(({ reason, values }) => (reason === null ? [] : Object.keys(values).map(keyOf))),
  );
  return {
    ...device,
    value: key => (lost.has(key) ? undefined : device.value(key)),
    confirmedAt: key => (unsaid.has(key) ? null : device.confirmedAt(key)),
  };
}

function startCount() {
  const postures = new Map<string, HeldImpact['postures'][number]>();
  let judged = 0;
  let stopping = 0;
  return {
    judged: () => judged,
    add(devices: number): void {
      judged += devices;
    },
    take({ id, hostname }: KnownDevice, stopped: readonly string[]): void {
      if (stopped.length > 0) stopping++;
      for (const posture of stopped) {
        const count = postures.get(posture) ?? { posture, devices: 0, examples: [] };
        count.devices++;
        if (count.examples.length < mostExamples) count.examples.push({ device: id, hostname });
        postures.set(posture, count);
      }
    },
    summary: () => ({ judged, stopping, postures: [...postures.values()].sort((a, b) => b.devices - a.devices) }),
  };
}
