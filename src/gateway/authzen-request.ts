// What AuthZEN's requests say, in its terms and in ours: subjects that are devices or users with a device, resources that are
// hosts, devices, postures, or an application's own. https://openid.net/specs/authorization-api-1_0.html
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { readAs } from '../http/read.ts';
import type { AttributeValue } from '../posture/attributes.ts';
import type { AttributeKey } from '../posture/catalogue.ts';
import type { Facts } from '../posture/facts.ts';
import { resourceName } from '../posture/policy-permissions.ts';
import type { Asked, Identity } from './decisions.ts';

/** Of types, ids and names: they stand in the decision log, also of a thousand evaluations that share one. */
const longest = 1_024;
const mostEvaluations = 1_000;

const text = z.string().max(longest);
const Properties = z.looseObject({});
const Entity = z.object({ type: text, id: text, properties: Properties.optional() });
const Action = z.object({ name: text, properties: Properties.optional() });

export const Evaluation = z.object({
  subject: Entity,
  action: Action,
  resource: Entity,
  context: Properties.optional(),
});
export type Evaluation = z.infer<typeof Evaluation>;

/** Of several evaluations: what is left out of one stands here, in whole or in part. Each is read by itself. */
export const Evaluations = z.object({
  subject: Entity.partial().optional(),
  action: Action.partial().optional(),
  resource: Entity.partial().optional(),
  context: Properties.optional(),
  options: z
    .object({
      evaluations_semantic: z
        .enum(['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'])
        .default('execute_all'),
    })
    .optional(),
  evaluations: z.array(z.unknown()).max(mostEvaluations).optional(),
});
export type Evaluations = z.infer<typeof Evaluations>;

/** @throws AppError invalid, naming the field */
export function readEvaluation(body: unknown): Evaluation {
  return readAs(Evaluation, body);
}

/** @throws AppError invalid, naming the field; what is wrong within one of the evaluations is found when that is read */
export function readEvaluations(body: unknown): Evaluations {
  return readAs(Evaluations, body);
}

/**
 * One of several evaluations, with what it leaves out. An entity of its own replaces the default as a whole, but for `type`,
 * `id` and `name`: properties of one resource are never taken for another's.
 * @throws AppError invalid, naming the field
 */
export function withDefaults(item: unknown, defaults: Evaluations): Evaluation {
  if (!isObject(item)) throw new AppError('invalid', 'an evaluation must be an object');
  return readEvaluation({
    subject: merged(item.subject, defaults.subject, ['type', 'id']),
    action: merged(item.action, defaults.action, ['name']),
    resource: merged(item.resource, defaults.resource, ['type', 'id']),
    context: item.context === undefined ? defaults.context : item.context,
  });
}

function merged(own: unknown, fallback: Record<string, unknown> | undefined, required: readonly string[]): unknown {
  if (own === undefined) return fallback;
  if (!isObject(own) || fallback === undefined) return own;
  const left = required.filter(key => own[key] === undefined);
  return left.length === 0 ? own : { ...own, ...Object.fromEntries(left.map(key => [key, fallback[key]])) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What is asked, in our terms.
 * @throws AppError invalid where a property that is needed has the wrong form
 */
export function askedBy(evaluation: Evaluation): Pick<Asked, 'identities' | 'user' | 'by'> {
  return { ...whoAsks(evaluation.subject), by: whatIsAsked(evaluation) };
}

type Properties = Record<string, unknown> | undefined;

/** Of another type, or a user without a device: nobody knows which device it is, which is a denial. */
function whoAsks({ type, id, properties }: Evaluation['subject']): Pick<Asked, 'identities' | 'user'> {
  if (type === 'device') return { identities: [identityOf(id)], user: null };
  const device = type === 'user' ? textIn(properties, 'device_id', 'subject') : null;
  return { identities: device === null ? [] : [identityOf(device)], user: type === 'user' ? id : null };
}

/** @param id our id of a device, or `serial:` with its serial number however written */
function identityOf(id: string): Identity {
  return id.startsWith('serial:') ? { kind: 'serial', value: id.slice('serial:'.length) } : { kind: 'id', value: id };
}

function whatIsAsked(evaluation: Evaluation): Asked['by'] {
  const { action, resource } = evaluation;
  const { type, id, properties } = resource;
  if (type === 'posture') return { postures: [id.startsWith('posture:') ? id : `posture:${id}`] };
  if (action.name === 'connect' && (type === 'host' || type === 'device')) {
    const traffic = { port: portIn(properties), proto: textIn(properties, 'proto', 'resource') };
    if (type === 'device') return { destination: traffic, reached: identityOf(id) };
    return { destination: { host: id, ...traffic } };
  }
  const sent = new Sent(evaluation);
  const isUnreadable = (name: string) => sent.isUnreadable(name);
  return { destination: { use: { resource: resourceName(type, id), action: action.name, sent, isUnreadable } } };
}

function textIn(properties: Properties, name: string, of: string): string | null {
  const value = ownValue(properties, name);
  if (value === undefined) return null;
  if (typeof value === 'string' && value.length <= longest) return value;
  throw new AppError('invalid', `${of}.properties.${name}: expected a text of at most ${longest} characters`);
}

function portIn(properties: Properties): number | null {
  const port = ownValue(properties, 'port');
  if (port === undefined) return null;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new AppError('invalid', 'resource.properties.port: expected a whole number from 0 to 65535');
}

/** Names come from outside: what every object has (`constructor`) was not sent. */
function ownValue(properties: Properties, name: string): unknown {
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/**
 * Properties as conditions read them: `resource:status`. What is no text, number or boolean cannot be read, nor can a longer text:
 * what a condition found stands in every answer and in the log. What is null is not set.
 */
class Sent implements Facts {
  readonly tags: readonly string[] = [];
  readonly #evaluation: Evaluation;

  constructor(evaluation: Evaluation) {
    this.#evaluation = evaluation;
  }

  value({ name }: Pick<AttributeKey, 'name'>): AttributeValue | undefined {
    const value = this.#given(name);
    if (typeof value === 'string') return value.length <= longest ? value : undefined;
    if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
    return typeof value === 'boolean' ? value : undefined;
  }

  isUnreadable(name: string): boolean {
    return (this.#given(name) ?? undefined) !== undefined && this.value({ name }) === undefined;
  }

  #given(name: string): unknown {
    const colon = name.indexOf(':');
    return ownValue(this.#of(name.slice(0, colon)), name.slice(colon + 1));
  }

  #of(namespace: string): Properties {
    const { subject, action, resource, context } = this.#evaluation;
    if (namespace === 'context') return context;
    const entities: Record<string, { properties?: Properties }> = { subject, action, resource };
    return entities[namespace]?.properties;
  }

  confirmedAt(): null {
    return null;
  }

  integration(): null {
    return null;
  }

  expiresAt(): null {
    return null;
  }

  /** The decision log has what was asked, not what may be personal in it. */
  toJSON(): undefined {}
}
