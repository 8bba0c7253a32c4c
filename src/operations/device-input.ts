// A device as administrators give it, in a file or by a command: what a record may hold, and what becomes of it before it is
// written. Identifiers are brought into the one form in which they are compared.
import { z } from 'zod';
import { canonicalAddress, canonicalFingerprint, whyNoFingerprint } from '../posture/identifiers.ts';
import { canonicalSerial } from '../posture/serials.ts';
import type { IncomingDevice } from '../store/devices.ts';

const mostIdentifiers = 100;

const text = (longest: number) =>
  z
    .string()
    .max(longest)
    .refine(s => !s.includes('\0'), 'holds a NUL character')
    .refine(s => s.isWellFormed(), 'is not valid Unicode');
const DeviceId = text(128).refine(s => s.trim() === s && s !== '', 'must not be empty, nor begin or end with a space');

/** @param whyNot of a text that has no canonical form: the end of a sentence that begins with it */
function canonical(read: (text: string) => string | null, whyNot: (text: string) => string) {
  return text(256).transform((given, context) => {
    const found = read(given);
    if (found !== null) return found;
    context.addIssue({ code: 'custom', message: `${JSON.stringify(given)} ${whyNot(given)}` });
    return z.NEVER;
  });
}

const Address = canonical(
  canonicalAddress,
  () => 'is no address of one device, as 10.1.2.3 or 2001:db8::1 is; networks, zones, multicast and broadcast are none',
);
const Fingerprint = canonical(canonicalFingerprint, whyNoFingerprint);

const Device = z.strictObject({
  id: DeviceId,
  hostname: text(255).nullish(),
  serialNumbers: z.array(text(256)).max(mostIdentifiers).nullish(),
  addresses: z.array(Address).max(mostIdentifiers).nullish(),
  certificateFingerprints: z.array(Fingerprint).max(mostIdentifiers).nullish(),
  user: text(255).nullish(),
  os: text(255).nullish(),
  tags: z.array(text(128)).max(100).nullish(),
});

function incomingDevice(input: z.infer<typeof Device>): IncomingDevice {
  const { serialNumbers, addresses, certificateFingerprints } = input;
  const found = new Map<string, string>();
  for (const address of addresses ?? []) found.set(`address:${address}`, address);
  for (const digits of certificateFingerprints ?? []) found.set(`certificate_fingerprint:${digits}`, digits);
  for (const raw of serialNumbers ?? []) {
    const serial = canonicalSerial(raw);
    if (serial && !found.has(`serial:${serial}`)) found.set(`serial:${serial}`, raw.trim());
  }
  const sorted = [...found].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return {
    id: input.id,
    fields: (['hostname', 'user', 'os', 'tags'] as const).filter(name => input[name] !== undefined),
    kinds: [
      ...(serialNumbers === undefined ? [] : (['serial'] as const)),
      ...(addresses === undefined ? [] : (['address'] as const)),
      ...(certificateFingerprints === undefined ? [] : (['certificate_fingerprint'] as const)),
    ],
    hostname: input.hostname ?? null,
    user: input.user ?? null,
    os: input.os ?? null,
    tags: input.tags ?? [],
    identifiers: sorted.map(([identifier]) => identifier),
    raws: sorted.map(([, raw]) => raw),
  };
}

/**
 * @param record an absent field keeps what is there, null clears it
 * @returns the device, or what is wrong with the record, naming the field
 */
export function readDevice(record: unknown): { device: IncomingDevice } | { message: string } {
  const parsed = Device.safeParse(record);
  if (parsed.success) return { device: incomingDevice(parsed.data) };
  return {
    message: parsed.error.issues.map(issue => `${issue.path.join('.') || 'record'}: ${issue.message}`).join('; '),
  };
}
