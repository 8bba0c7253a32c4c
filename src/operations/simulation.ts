// Decisions that nobody acts on: what a gateway would be told of a device, or of one that is invented, by the policy in force or by
// another one. By the same functions; but read from the database, noted nowhere, and nothing is asked of a provider because of it.
import { AppError } from '../errors.ts';
import { type AttributeValue, typeNames } from '../posture/attributes.ts';
import type { Catalogue } from '../posture/catalogue.ts';
import { type Decision, type Destination, type Device, decide, decideByPosture } from '../posture/decide.ts';
import { factsOf } from '../posture/facts.ts';
import { type Ground, groundsOf } from '../posture/grounds.ts';
import type { Policy } from '../posture/policy.ts';
import { checkPolicy, type PolicyCheck, readAppliedPolicy } from '../posture/policy-check.ts';
import { decisionTexts, timeText, toldGrounds, toldReasons, toldRefusals } from '../posture/told.ts';
import type { Client } from '../store/client.ts';
import { readKnownDevices } from '../store/known-devices.ts';
import { policyInForce } from '../store/policies.ts';
import { inSnapshot } from '../store/standing-reports.ts';
import type { Request } from './devices.ts';
import { policyCatalogue } from './policies.ts';

/** The device that is meant. */
export interface SimulatedOf {
  /** The id of a device; null: it is invented. */
  device: string | null;
  /** Values as if they had been confirmed just now, in place of those that the device has; null: not set. */
  attributes: Readonly<Record<string, AttributeValue | null>>;
  /** In place of what the device has; undefined: as it is, and of an invented one nothing. */
  user?: string | null | undefined;
  tags?: readonly string[] | undefined;
  addresses?: readonly string[] | undefined;
}

export interface Simulation extends SimulatedOf {
  /** Postures of which one must hold, or what is to be reached. */
  by: SimulatedBy;
  /** HuJSON, to decide by that instead of the policy in force; null: by that. */
  policy: string | null;
}

export type SimulatedBy =
  | { postures: readonly string[] }
  | { destination: SimulatedDestination }
  | { use: SimulatedUse };

export interface SimulatedDestination {
  host?: string | undefined;
  port?: number | undefined;
  proto?: string | undefined;
  /** The id of a device of ours that is reached: rules know it by its user, tags and addresses. */
  device?: string | undefined;
}

/** An action on an application's resource, with what is sent along: `resource:status`. */
export interface SimulatedUse {
  resource: string;
  action: string;
  properties: Readonly<Record<string, AttributeValue>>;
}

export interface Simulated extends Omit<Decision, 'outcome'> {
  outcome: keyof typeof decisionTexts;
  device: string | null;
  /** Where a posture let it through: every value that this looked at. */
  grounds: readonly Ground[];
  /** Of the policy in force; null: another one was given, or none is. */
  policyRevision: number | null;
  at: Date;
}

/**
 * @param asked of the three just one is to be given; names of postures with or without `posture:`
 * @throws AppError invalid
 */
export function simulatedBy(asked: {
  postures?: readonly string[] | undefined;
  destination?: SimulatedDestination | undefined;
  use?: SimulatedUse | undefined;
}): SimulatedBy {
  const { postures, destination, use } = asked;
  const named = postures?.map(name => (name.startsWith('posture:') ? name : `posture:${name}`));
  const by: SimulatedBy[] = [
    ...(named === undefined ? [] : [{ postures: named }]),
    ...(destination === undefined ? [] : [{ destination }]),
    ...(use === undefined ? [] : [{ use }]),
  ];
  const [only] = by;
  if (only === undefined || by.length > 1)
    throw new AppError('invalid', 'one of destination, postures and use is needed, and no second one');
  return only;
}

/**
 * @returns the decision; or the check of a given policy that has errors
 * @throws AppError invalid for an attribute that no device can have
 */
export async function simulate(
  { db, now }: Pick<Request, 'db' | 'now'>,
  simulation: Simulation,
): Promise<{ decided: Simulated } | { check: PolicyCheck }> {
  const catalogue = policyCatalogue();
  refuseImpossible(simulation.attributes, catalogue);
  const at = now();
  const check = simulation.policy === null ? null : checkPolicy(simulation.policy, catalogue, at.getTime());
  if (check !== null && check.policy === null) return { check };
  return await inSnapshot(db, async client => {
    const device = await simulatedDevice(client, simulation, catalogue, at.getTime());
    const { policy, revision } =
      check === null ? await readInForce(client, catalogue) : { policy: check.policy, revision: null };
    const destination = await destinationOf(client, simulation.by, catalogue);
    const decision = decisionOf(simulation, { policy, revision, device, destination }, at.getTime());
    const posture = decision.posture === null ? undefined : policy?.postures.get(decision.posture)?.posture;
    const grounds =
      posture === undefined || device === null ? [] : groundsOf(device, posture.attributes, catalogue, at.getTime());
    return {
      decided: {
        ...decision,
        grounds,
        device: device === null ? null : simulation.device,
        policyRevision: revision,
        at,
      },
    };
  });
}

/** @returns a decision as clients read it, in every dialect the same */
export function toldSimulation({ refusals, grounds, validUntil, ...decided }: Simulated) {
  const at = decided.at.getTime();
  return {
    ...decided,
    message: decisionTexts[decided.outcome],
    refusals: toldRefusals(refusals),
    reasons: toldReasons(refusals, at),
    grounds: toldGrounds(grounds, at),
    validUntil: timeText(validUntil),
  };
}

const nothing = { allowed: false, rule: null, posture: null, refusals: [], validUntil: null } as const;

/** What a decision is made of, as it was read. */
interface Found {
  policy: Policy | null;
  revision: number | null;
  device: Device | null;
  /** Null: the device that is to be reached is not known. */
  destination: Destination | null;
}

function decisionOf(
  { by, policy: given }: Simulation,
  { policy, revision, device, destination }: Found,
  at: number,
): Omit<Decision, 'outcome'> & Pick<Simulated, 'outcome'> {
  // In the gateway's order.
  if (device === null) return { ...nothing, outcome: 'no_device' };
  if (policy === null)
    return { ...nothing, outcome: given === null && revision === null ? 'no_policy' : 'policy_unreadable' };
  if (destination === null) return { ...nothing, outcome: 'unknown_resource' };
  if ('postures' in by) return decideByPosture(policy, device, by.postures, at);
  return decide(policy, { device, destination }, at);
}

/** @returns null where nobody knows the device that is to be reached */
async function destinationOf(client: Client, by: SimulatedBy, catalogue: Catalogue): Promise<Destination | null> {
  if ('postures' in by) return {};
  if ('use' in by) {
    const { resource, action, properties } = by.use;
    return { use: { resource, action, sent: factsOf(catalogue, properties) } };
  }
  const { device: id, host = null, port = null, proto = null } = by.destination;
  if (id === undefined) return { host, port, proto };
  const [reached] = await readKnownDevices(client, catalogue, [id]);
  if (reached === undefined) return null;
  const { user, tags, addresses } = reached;
  return { host, port, proto, user, tags, addresses };
}

/** @returns the policy in force; null where none is, and without a revision then, or this version cannot read it */
export async function readInForce(
  client: Client,
  catalogue: Catalogue,
): Promise<{ policy: Policy | null; revision: number | null }> {
  const stored = await policyInForce(client);
  if (stored === null) return { policy: null, revision: null };
  return { policy: readAppliedPolicy(stored.text, catalogue), revision: stored.revision };
}

/** @returns null: nobody knows it */
export async function simulatedDevice(
  client: Client,
  { device: id, attributes, user, tags, addresses }: SimulatedOf,
  catalogue: Catalogue,
  at: number,
): Promise<Device | null> {
  const [known] = id === null ? [] : await readKnownDevices(client, catalogue, [id]);
  if (id !== null && known === undefined) return null;
  const isInvented = (name: string) => known === undefined || Object.hasOwn(attributes, name);
  return {
    id: id ?? 'invented',
    user: user === undefined ? (known?.user ?? null) : user,
    tags: tags ?? known?.tags ?? [],
    addresses: addresses ?? known?.addresses ?? [],
    value: key => {
      if (!isInvented(key.name)) return known?.value(key);
      return Object.hasOwn(attributes, key.name) ? (attributes[key.name] ?? undefined) : undefined;
    },
    confirmedAt: key => (isInvented(key.name) ? at : (known?.confirmedAt(key) ?? null)),
    integration: key => (isInvented(key.name) ? null : (known?.integration(key) ?? null)),
    expiresAt: key => (isInvented(key.name) ? null : (known?.expiresAt(key) ?? null)),
  };
}

/** A value that no device can have would say nothing about any. @throws AppError invalid */
export function refuseImpossible(attributes: Simulation['attributes'], catalogue: Catalogue): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (!catalogue.isKnown(name)) throw new AppError('invalid', `attributes: there is no attribute ${name}`);
    const type = catalogue.type(name);
    if (type === null || value === null) continue;
    const wanted = type === 'boolean' || type === 'number' ? type : 'string';
    if (typeof value !== wanted)
      throw new AppError('invalid', `attributes: ${name} is ${typeNames[type]}: no device can have this value`);
  }
}
