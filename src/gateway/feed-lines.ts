// What readers elsewhere are told: lines of JSON, each one record named by its only key. The snapshot, events and answers to
// a poll are made of the same lines. docs/http.md describes them: others have built on them, so none is ever changed.
import type { AttributeSpec } from '../posture/attributes.ts';
import { builtinAttributes } from '../posture/builtin-attributes.ts';
import type { FedDevice, FedIntegration, FedValues, RevisedPortion } from '../store/feed.ts';
import type { StoredPolicy } from '../store/policies.ts';

/** `lines`: as they are, NDJSON. `events`: server-sent events whose data are lines. */
export type Form = 'lines' | 'events';

export interface Line {
  text: string;
  /** Of the write that made it so. */
  revision: number;
}

/** Counts up when a line's meaning changes, which a reader must not overlook. */
export const feedFormat = 2;

/** An event, or a piece of NDJSON, is closed once it is as long as this. */
const chunkCharacters = 64 * 1024;

const timeOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
const record = (name: string, body: unknown) => JSON.stringify({ [name]: body });

/** @returns the types of all attributes: how a value compares depends on its type */
export function catalogueLine(specs: readonly AttributeSpec[]): string {
  const told = [...builtinAttributes, ...specs].map(({ name, type, known, resolutionMs }) => {
    return { name, type, ...(known ? { known } : {}), ...(resolutionMs ? { resolutionMs } : {}) };
  });
  return record('catalogue', told);
}

/** @returns all integrations: one that is not among them is no more */
export function integrationsLine(integrations: readonly FedIntegration[]): string {
  const told = integrations.map(({ id, name, provider, sweptAt }) => ({
    id,
    name,
    provider,
    sweptAt: timeOf(sweptAt),
  }));
  return record(
    'integrations',
    told.sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
}

export function policyLine(policy: StoredPolicy | null): string {
  if (policy === null) return record('policy', null);
  const { revision, hash, text } = policy;
  return record('policy', { revision, hash, text });
}

/** @returns lines in the order in which they are to be taken */
export function portionLines({ removed, devices, values }: RevisedPortion): Line[] {
  return [
    ...removed.map(({ id, revision }) => ({ revision, text: record('removed', { id }) })),
    ...devices.map(device => ({ revision: device.revision, text: deviceLine(device) })),
    ...values.map(entry => ({ revision: entry.revision, text: attributesLine(entry) })),
  ];
}

function deviceLine({ id, hostname, user, tags, identifiers }: FedDevice): string {
  return record('device', { id, hostname, user, tags, identifiers });
}

function attributesLine({
  deviceId,
  source,
  values,
  moving,
  integrationId,
  withheld,
  stated,
  ...times
}: FedValues): string {
  const own = Object.entries(withheld ?? {}).map(([name, { integration, confirmedAt }]) => {
    return [name, { integrationId: integration, confirmedAt: timeOf(Date.parse(confirmedAt)) }];
  });
  const about = {
    deviceId,
    source,
    integrationId,
    observedAt: timeOf(times.observedAt),
    frozenAt: timeOf(times.frozenAt),
    withheld: Object.fromEntries(own),
    ...(stated === null ? {} : { stated }),
  };
  // The values are JSON already: reading and writing them again would be most of the work.
  return `{"attributes":${JSON.stringify(about).slice(0, -1)},"values":${merged(values, moving)}}}`;
}

function merged(values: string | null, moving: FedValues['moving']): string {
  if (values === null) return 'null';
  const more = JSON.stringify(moving);
  if (more === '{}') return values;
  return values === '{}' ? more : `${values.slice(0, -1)},${more.slice(1)}`;
}

/** @returns the lines in pieces to be sent */
export function encoded(lines: readonly { text: string }[], form: Form): Buffer[] {
  const pieces: Buffer[] = [];
  let open: string[] = [];
  let length = 0;
  const close = () => {
    if (open.length > 0) pieces.push(piece(open, form));
    open = [];
    length = 0;
  };
  for (const { text } of lines) {
    open.push(text);
    length += text.length;
    if (length >= chunkCharacters) close();
  }
  close();
  return pieces;
}

function piece(texts: readonly string[], form: Form): Buffer {
  if (form === 'lines') return Buffer.from(`${texts.join('\n')}\n`);
  return Buffer.from(`data: ${texts.join('\ndata: ')}\n\n`);
}

export interface End {
  /** What the reader had before; absent in a snapshot. */
  after?: number;
  /** What it has now: everything as of this revision. */
  revision: number;
  /** When that was so. */
  at: Date;
}

/** @returns what closes whatever came before it; with the revision as the event's id, from which a reader can resume */
export function encodedEnd({ after, revision, at }: End, form: Form): Buffer {
  const text = record('end', { after, revision, at });
  return Buffer.from(form === 'lines' ? `${text}\n` : `id: ${revision}\ndata: ${text}\n\n`);
}
