// Decisions that nobody acts on: what a gateway would be told of a device, or of one that is invented, by the policy in force or by
// another one. By the same functions; but read from the database, noted nowhere, and nothing is asked of a provider because of it.
import { AppError } from '../errors.ts';
import { type AttributeValue, typeNames } from '../posture/attributes.ts';
import type { Catalogue } from '../posture/catalogue.ts';
import { type Decision, type Destination, type Device, decide, decideByPosture } from '../posture/decide.ts';
import { factsOf } from '../posture/facts.ts';
import type { Policy } from '../posture/policy.ts';
import { checkPolicy, type PolicyCheck, readAppliedPolicy } from '../posture/policy-check.ts';
import type { decisionTexts } from '../posture/told.ts';
import type { Client } from '../store/client.ts';
import { readKnownDevices } from '../store/known-devices.ts';
import { policyInForce } from '../store/policies.ts';
import { inSnapshot } from '../store/standing-reports.ts';
import type { Request } from './devices.ts';
import { policyCatalogue } from './policies.ts';

export interface Simulation {
  /** The id of a device; null: it is invented. */
  device: string | null;
  /** Values as if they had been confirmed just now, in place of those that the device has; null: not set. */
  attributes: Readonly<Record<string, AttributeValue | null>>;
  /** In place of what the device has; undefined: as it is, and of an invented one nothing. */
  user?: string | null | undefined;
  tags?: readonly string[] | undefined;
  addresses?: readonly string[] | undefined;
  /** Postures of which one must hold, or what is to be reached. */
  by: { postures: readonly string[] } | { destination: Destination } | { use: SimulatedUse };
  /** HuJSON, to decide by that instead of the policy in force; null: by that. */
  policy: string | null;
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
  /** Of the policy in force; null: another one was given, or none is. */
  policyRevision: number | null;
  at: Date;
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
    const device = await deviceOf(client, simulation, catalogue, at.getTime());
    const { policy, revision } =
      check === null ? await inForce(client, catalogue) : { policy: check.policy, revision: null };
    const decision = decisionOf(simulation, policy, revision, device, catalogue, at.getTime());
    return {
      decided: { ...decision, device: device === null ? null : simulation.device, policyRevision: revision, at },
    };
  });
}

const nothing = { allowed: false, rule: null, posture: null, refusals: [], validUntil: null } as const;

function decisionOf(
  { by, policy: given }: Simulation,
  policy: Policy | null,
  revision: number | null,
  device: Device | null,
  catalogue: Catalogue,
  at: number,
): Omit<Decision, 'outcome'> & Pick<Simulated, 'outcome'> {
  // In the gateway's order.
  if (device === null) return { ...nothing, outcome: 'no_device' };
  if (policy === null)
    return { ...nothing, outcome: given === null && revision === null ? 'no_policy' : 'policy_unreadable' };
  if ('postures' in by) return decideByPosture(policy, device, by.postures, at);
  if ('destination' in by) return decide(policy, { device, destination: by.destination }, at);
  const { resource, action, properties } = by.use;
  return decide(
    policy,
    { device, destination: { use: { resource, action, sent: factsOf(catalogue, properties) } } },
    at,
  );
}

async function inForce(
  client: Client,
  catalogue: Catalogue,
): Promise<{ policy: Policy | null; revision: number | null }> {
  const stored = await policyInForce(client);
  if (stored === null) return { policy: null, revision: null };
  return { policy: readAppliedPolicy(stored.text, catalogue), revision: stored.revision };
}

/** @returns null: nobody knows it */
async function deviceOf(
  client: Client,
  { device: id, attributes, user, tags, addresses }: Simulation,
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

/** A value that no device can have would say nothing about any. */
function refuseImpossible(attributes: Simulation['attributes'], catalogue: Catalogue): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (!catalogue.isKnown(name)) throw new AppError('invalid', `attributes: there is no attribute ${name}`);
    const type = catalogue.type(name);
    if (type === null || value === null) continue;
    const wanted = type === 'boolean' || type === 'number' ? type : 'string';
    if (typeof value !== wanted)
      throw new AppError('invalid', `attributes: ${name} is ${typeNames[type]}: no device can have this value`);
  }
}
