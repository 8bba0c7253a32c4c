// Attributes for access-rule evaluators: what is known of a device, or of many at once, each value with its type, where it comes
// from and how old it is. Answered from the view; an answer tells of which revision it is and how old the view.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import type { Description } from '../http/described.ts';
import { readAs } from '../http/read.ts';
import type { Catalogue } from '../posture/catalogue.ts';
import { bareTag } from '../posture/facts.ts';
import { canonicalSerial } from '../posture/serials.ts';
import { rfc3339 } from '../posture/times.ts';
import { deviceBySerial, manyDevices, oneDevice } from './described.ts';
import type { Follower } from './follow.ts';
import { identifiersOf, type View, type ViewedDevice } from './view.ts';
import { viewedAttributes } from './viewed-attributes.ts';

export interface GatewayParts {
  follower: Pick<Follower, 'known' | 'ageMs'>;
  catalogue: Catalogue;
  /** VIEW_MAX_AGE. */
  viewMaxAgeMs: number;
  /** The database's clock. */
  now(): Date;
}

const scope = 'gateway:decide';
const mostAtOnce = 1_000;
const names = z.array(z.string().max(256)).max(mostAtOnce).default([]);
const Wanted = z.object({ ids: names, serials: names });

export function addDevices(server: FastifyInstance, parts: GatewayParts): void {
  const options = (described: Description) => ({ config: { scope, described } }) as const;
  server.get<{ Params: { id: string } }>('/gateway/devices/:id', options(oneDevice), async ({ params }) => {
    const { view, as } = current(parts);
    const device = view.device(params.id);
    if (device === null) throw new AppError('not_found', 'there is no such device');
    return { ...as, device: told(device, parts) };
  });
  server.get<{ Querystring: { serial?: unknown } }>('/gateway/devices', options(deviceBySerial), async ({ query }) => {
    const { view, as } = current(parts);
    if (typeof query.serial !== 'string' || query.serial === '')
      throw new AppError('invalid', 'one serial number is needed: ?serial=C02XK1ZZJG5J');
    const device = bySerial(view, query.serial);
    if (device === null) throw new AppError('not_found', 'there is no device with that serial number');
    return { ...as, device: told(device, parts) };
  });
  server.post('/gateway/devices', options(manyDevices), async ({ body }) => {
    const { view, as } = current(parts);
    const { ids, serials } = wanted(body);
    const found = new Set<ViewedDevice>();
    const unknown = { ids: [] as string[], serials: [] as string[] };
    const note = (device: ViewedDevice | null, name: string, kind: keyof typeof unknown) => {
      if (device === null) unknown[kind].push(name);
      else found.add(device);
    };
    for (const id of ids) note(view.device(id), id, 'ids');
    for (const serial of serials) note(bySerial(view, serial), serial, 'serials');
    return { ...as, devices: [...found].map(device => told(device, parts)), unknown };
  });
}

/**
 * @returns the view with what an answer tells of it
 * @throws AppError busy before everything was read, and where the view is older than allowed
 */
function current({ follower, viewMaxAgeMs }: GatewayParts): {
  view: View;
  as: { revision: number; viewAgeMs: number };
} {
  const known = follower.known();
  if (known === null) throw new AppError('busy', 'devices are not loaded yet');
  const viewAgeMs = Math.round(follower.ageMs());
  if (viewAgeMs > viewMaxAgeMs)
    throw new AppError('busy', `view_stale: the database was last read ${Math.round(viewAgeMs / 1_000)} s ago`);
  return { view: known.view, as: { revision: known.revision, viewAgeMs } };
}

function wanted(body: unknown): { ids: string[]; serials: string[] } {
  const { ids, serials } = readAs(Wanted, body);
  if (ids.length + serials.length === 0) throw new AppError('invalid', 'ids or serials are needed');
  if (ids.length + serials.length > mostAtOnce)
    throw new AppError('invalid', `at most ${mostAtOnce} devices can be asked for at once`);
  return { ids, serials };
}

function bySerial(view: View, serial: string): ViewedDevice | null {
  const canonical = canonicalSerial(serial);
  return canonical === null ? null : view.deviceWith(`serial:${canonical}`);
}

function told(device: ViewedDevice, { catalogue, now }: GatewayParts) {
  const at = now();
  const attributes = viewedAttributes(device, catalogue, at).map(([name, read]) => {
    const { value, type, integration, confirmedAt, expiresAt } = read;
    const attribute = {
      ...{ value, type, integration },
      confirmedAt: rfc3339(confirmedAt),
      ageMs: confirmedAt === null ? null : Math.max(0, at.getTime() - confirmedAt.getTime()),
      ...(expiresAt === null ? {} : { expiresAt: rfc3339(expiresAt) }),
    };
    return [name, attribute] as const;
  });
  const { id, hostname, user, tags, addresses } = device;
  return {
    id,
    hostname,
    user,
    tags: tags.map(tag => `tag:${bareTag(tag)}`),
    serialNumbers: identifiersOf(device, 'serial'),
    addresses,
    certificateFingerprints: identifiersOf(device, 'certificate_fingerprint'),
    attributes: Object.fromEntries(attributes),
  };
}
