// What requests about devices hold, and their answers. Fields above the line are Tailscale's, with their meaning.
import { z } from 'zod';
import { type ListedDevice, matches, problems } from '../operations/device-list.ts';
import { deviceMatch } from '../operations/explain.ts';
import { bareTag } from '../posture/facts.ts';
import { standingStates } from '../posture/standings.ts';
import { postureIdentities } from '../store/device-filters.ts';
import { freshnessStates } from '../store/device-freshness.ts';
import { cursorParam, limitOfWhole, several, time } from './common.ts';

const maybeText = z.string().nullable();
export const AttributeValues = z
  .record(z.string(), z.union([z.boolean(), z.number(), z.string()]))
  .describe('By full name.');
export const Expiries = z.record(z.string(), time).describe('When values end by themselves, by full name.');

export const MatchBody = z
  .object({
    state: z.enum(['matched', 'unmatched']),
    reason: maybeText.describe('Why no agent speaks for it, as a code that never changes; null where one does.'),
    explanation: maybeText.describe('The reason as a sentence.'),
  })
  .meta({ id: 'DeviceMatch' });

export const SerialBody = z
  .object({
    serial: z.string(),
    source: z.enum(['reported', 'manual']),
    problem: maybeText.describe('Why it matches nothing.'),
  })
  .meta({ id: 'DeviceSerial' });

export const ConflictBody = z
  .object({
    kind: z.string(),
    value: z.string(),
    problem: z.string(),
    devices: z.array(z.string()).describe('Who claims it besides: at most 20 of them.'),
  })
  .meta({ id: 'DeviceConflict' });

const PostureIdentity = z.union([
  z.object({
    serialNumbers: z
      .array(z.string())
      .describe('Those that it is matched by: where some were set by hand, these alone.'),
  }),
  z.object({ disabled: z.literal(true).describe('Identity collection is off.') }),
]);

export const DeviceBody = z
  .object({
    id: z.string(),
    nodeId: z.string().describe('The same as `id`.'),
    name: z.string().describe('The host name, or the id where there is none.'),
    hostname: z.string().describe('Empty where it is not known, as `user` and `os`.'),
    user: z.string(),
    os: z.string(),
    addresses: z.array(z.string()),
    tags: z.array(z.string()).describe('With `tag:` in front.'),
    created: time,
    lastSeen: time
      .optional()
      .describe('When its agent was last in contact with its provider, as far as is stored: that may lag by 6 hours.'),
    postureIdentity: PostureIdentity.optional().describe('With `fields=all`.'),
    // -- ours
    match: MatchBody.optional().describe('With `fields=all`.'),
    serials: z.array(SerialBody).optional().describe('With `fields=all`: where each comes from.'),
    certificateFingerprints: z.array(z.string()).optional().describe('With `fields=all`.'),
    conflicts: z
      .array(ConflictBody)
      .optional()
      .describe('With `fields=all`: what it is known by and others claim too.'),
    attributes: AttributeValues.optional().describe('With `attributes=true`.'),
    expiries: Expiries.optional().describe('With `attributes=true`: of those that end by themselves.'),
  })
  .meta({ id: 'Device' });

/** @param isWhole all fields */
export function deviceBody(device: ListedDevice, isWhole: boolean): z.infer<typeof DeviceBody> {
  const { id, hostname, user, os, tags, serials, addresses, attributes, expiries, createdAt, lastActiveAt } = device;
  const counting = serials.filter(({ problem }) => problem !== 'replaced_by_manual');
  return {
    ...{ id, nodeId: id, name: hostname || id, hostname: hostname ?? '', user: user ?? '', os: os ?? '' },
    addresses,
    tags: tags.map(tag => `tag:${bareTag(tag)}`),
    created: createdAt.toISOString(),
    ...(lastActiveAt === null ? {} : { lastSeen: lastActiveAt.toISOString() }),
    ...(isWhole
      ? {
          postureIdentity:
            device.reason === 'identity_collection_off'
              ? { disabled: true as const }
              : { serialNumbers: [...new Set(counting.map(({ serial }) => serial))] },
          match: deviceMatch(device),
          serials,
          certificateFingerprints: device.certificateFingerprints,
          conflicts: device.conflicts,
        }
      : {}),
    ...(attributes === undefined ? {} : { attributes, expiries }),
  };
}

const longest = 512;
const text = z.string().max(longest);
export const fieldsParam = z.enum(['default', 'all']).optional().describe('`all`: also `postureIdentity` and ours.');
export const withAttributes = z.enum(['true', 'false']).optional();
const exact = 'Exactly so. Repeated, and together with others: all must be so.';

const ourFilters = {
  integration: text.optional().describe('Name or id of an integration: an agent of it speaks for the device.'),
  postureIdentity: z
    .enum(postureIdentities)
    .optional()
    .describe(
      "In Tailscale's words: it has a serial number that finds it; has some, and none does; has none; identity collection is off, for all.",
    ),
  freshness: z
    .enum(freshnessStates)
    .optional()
    .describe('Whether all that providers say of it was confirmed lately, or not all of it was, or they say nothing.'),
  freshWithin: z
    .string()
    .max(20)
    .optional()
    .describe('What counts as lately: `45m`. As the overview has it if not given: three sync intervals.'),
  search: text
    .optional()
    .describe(
      'Part of the id, host name, user, or of something that it is known by; with `devices:posture_attributes:read` also a value that it has, all of it. In capitals or not.',
    ),
};

export const DeviceListQuery = z.strictObject({
  fields: fieldsParam,
  id: several.describe(exact),
  nodeId: several.describe(exact),
  name: several.describe(exact),
  hostname: several.describe(exact),
  user: several.describe(exact),
  os: several.describe(exact),
  tags: several.describe(exact),
  addresses: several.describe(exact),
  created: several.describe(exact),
  lastSeen: several.describe(exact),
  // -- ours
  attributes: withAttributes.describe('`true`: with the values of each; needs `devices:posture_attributes:read`.'),
  attribute: several.describe(
    '`NAME=VALUE`, `NAME` for any value, `!NAME` for none; needs `devices:posture_attributes:read`.',
  ),
  match: z.enum(matches).optional().describe('Whether some agent speaks for it, or why none does.'),
  problem: z.enum(problems).optional().describe('It has a serial number or the like that matches nothing, and why.'),
  posture: text.optional().describe('Those that pass it; needs `devices:posture_attributes:read`.'),
  standing: z.enum(standingStates).optional().describe('With `posture`: those that stand in it so.'),
  condition: text
    .optional()
    .describe('With `posture`: those that it keeps from passing, being false or unknown: a `condition` of the causes.'),
  ...ourFilters,
  limit: limitOfWhole,
  cursor: cursorParam,
});

/** The filters of the list, without what they are in Tailscale's. */
export const DeviceTableFilters = DeviceListQuery.omit({
  ...{ fields: true, name: true, hostname: true, attributes: true, addresses: true, created: true, lastSeen: true },
  ...{ nodeId: true, limit: true, cursor: true },
});

const maybe = <T extends z.ZodType>(type: T) => type.nullish().describe('null or absent: none.');
const list = maybe(z.array(z.string()));
const given = {
  hostname: maybe(z.string()),
  serialNumbers: list,
  addresses: list,
  certificateFingerprints: list,
  user: maybe(z.string()),
  os: maybe(z.string()),
  tags: list,
};

export const NewDevice = z.strictObject({ id: z.string(), ...given }).meta({ id: 'NewDevice' });
export const ReplacedDevice = z.strictObject({ id: z.string().optional(), ...given }).meta({ id: 'ReplacedDevice' });
export const SerialsByHand = z
  .strictObject({
    serialNumbers: z.array(z.string()).describe('An empty list: back to the reported ones.'),
  })
  .meta({ id: 'DeviceSerialsByHand' });

export const ExplanationBody = z
  .object({
    device: z
      .object({
        ...{ id: z.string(), hostname: maybeText, serialNumbers: z.array(z.string()), serials: z.array(SerialBody) },
        ...{ addresses: z.array(z.string()), certificateFingerprints: z.array(z.string()) },
        conflicts: z.array(ConflictBody),
      })
      .nullable()
      .describe('null: no device has the serial number that was asked for; the agents that have it are listed.'),
    match: MatchBody,
    agents: z.array(
      z.object({
        ...{ id: z.string(), integration: z.string(), hostname: maybeText, serialNumbers: z.array(z.string()) },
        chosen: z.boolean().describe('It speaks for the device.'),
        ...{ reason: maybeText, explanation: maybeText, bound: z.boolean(), confirmedAt: time.nullable() },
        boundDevice: maybeText.describe(
          'The device that it is bound to by hand: this one, or another one with its serial number.',
        ),
      }),
    ),
    attributes: z.record(
      z.string(),
      z.object({
        value: z.unknown(),
        type: maybeText,
        integration: maybeText.describe('Where the value comes from.'),
        confirmedAt: time.nullable(),
        expiresAt: time.nullable().describe('Of what administrators stated.'),
        withheld: z.boolean().describe('No agent says it any more; its loss is held.'),
      }),
    ),
    alsoOn: z.array(z.string()).describe('Other devices that have something of what this one is known by.'),
  })
  .meta({ id: 'DeviceExplanation' });

const changed = z.record(z.string(), z.unknown()).nullable();
export const RefetchBody = z
  .object({
    id: z.int().describe('By which it is asked for again.'),
    device: z.string(),
    state: z.enum(['waiting', 'under_way', 'done', 'failed']),
    requestedAt: time,
    finishedAt: time.nullable(),
    integrations: z.array(
      z.object({
        integration: z.string(),
        outcome: z.enum(['read', 'not_asked', 'failed']),
        reason: maybeText,
        agents: z.int().min(0).describe('How many agents of the device came.'),
        old: changed.describe('Values that differ now; null also for a key that may not read attributes.'),
        new: changed,
      }),
    ),
    error: z.object({ kind: z.string(), message: z.string() }).nullable().describe('Why nothing came of it.'),
  })
  .meta({ id: 'Refetch' });

/** Beside `freshWithinMs`. */
export const RestsOn = z
  .object({ confirmedAt: z.string().nullable(), isFresh: z.boolean() })
  .nullable()
  .describe(
    'The oldest of what providers say of what it asks for; not fresh: it was not confirmed within `freshWithinMs`. Null: they say nothing of that.',
  );
