// Why a device has the posture it has, or none: its serials, the agents around it, its values with source and age; and what
// else it is known by.
import { AppError } from '../errors.ts';
import type { AttributeType } from '../posture/attributes.ts';
import { customType } from '../posture/custom-attributes.ts';
import { canonicalAddress, canonicalFingerprint } from '../posture/identifiers.ts';
import { reasonSentence } from '../posture/reasons.ts';
import { canonicalSerial } from '../posture/serials.ts';
import { attributeType } from '../providers/registry.ts';
import type { Queryable } from '../store/client.ts';
import { type DeviceRow, deviceById, devicesWithIdentifier, identifiersOf, rivalDevices } from '../store/devices.ts';
import { agentsAround, agentsById, type ExplainedAgent, valuesOf } from '../store/explain.ts';

export interface Match {
  state: 'matched' | 'unmatched';
  /** A code of posture/reasons.ts; null when matched. */
  reason: string | null;
  /** The reason as a sentence. */
  explanation: string | null;
}

export interface Explanation {
  /** Null: no device has the serial that was asked for; the agents that have it are listed. */
  device:
    | (Pick<DeviceRow, 'id' | 'hostname' | 'serials' | 'addresses' | 'certificateFingerprints' | 'conflicts'> & {
        serialNumbers: string[];
      })
    | null;
  match: Match;
  agents: {
    id: string;
    integration: string;
    hostname: string | null;
    serialNumbers: string[];
    /** It speaks for the device. */
    chosen: boolean;
    reason: string | null;
    explanation: string | null;
    bound: boolean;
    /** The device that it is bound to by hand, which may be another one. */
    boundDevice: string | null;
    confirmedAt: string | null;
  }[];
  attributes: Record<
    string,
    {
      value: unknown;
      type: AttributeType | null;
      integration: string | null;
      confirmedAt: string | null;
      withheld: boolean;
      /** When it ends by itself: from then on it counts as not set, and within a minute it is removed. */
      expiresAt: string | null;
    }
  >;
  /** Other devices that have a serial, an address or a fingerprint of this one too, placeholders left aside. */
  alsoOn: string[];
}

/**
 * @param text a device id, a serial number, address or certificate fingerprint in any spelling, or an agent's id
 * @throws AppError not_found when none has it
 */
export async function explain(db: Queryable, text: string): Promise<Explanation> {
  const byId = await deviceById(db, text);
  if (byId) return await explainDevice(db, byId);
  const identifiers = identifiersMeant(text);
  for (const identifier of identifiers) {
    const [first] = await devicesWithIdentifier(db, identifier);
    const device = first === undefined ? null : await deviceById(db, first);
    if (device) return await explainDevice(db, device);
  }
  const agents = [...(await agentsAround(db, null, identifiers)), ...(await agentsById(db, text))];
  const [speaker] = agents;
  if (!speaker)
    throw new AppError(
      'not_found',
      `no device and no agent has the id or serial number "${text}", and no device the address or certificate fingerprint`,
    );
  const its = speaker.deviceId === null ? null : await deviceById(db, speaker.deviceId);
  if (its) return await explainDevice(db, its);
  const reason = speaker.reason ?? 'no_device';
  return {
    device: null,
    match: { state: 'unmatched', reason, explanation: reasonSentence('agent', reason) },
    agents: agents.map(agent => explainedAgent(agent, null)),
    attributes: {},
    alsoOn: [],
  };
}

function identifiersMeant(text: string): string[] {
  const serial = canonicalSerial(text);
  const address = canonicalAddress(text);
  const fingerprint = canonicalFingerprint(text);
  return [
    ...(serial === null ? [] : [`serial:${serial}`]),
    ...(address === null ? [] : [`address:${address}`]),
    ...(fingerprint === null ? [] : [`certificate_fingerprint:${fingerprint}`]),
  ];
}

async function explainDevice(db: Queryable, device: DeviceRow): Promise<Explanation> {
  const identifiers = (await identifiersOf(db, device.id)).map(row => row.identifier);
  const agents = await agentsAround(db, device.id, identifiers);
  const attributes: Explanation['attributes'] = {};
  for (const { values, integration, confirmedAt, withheld, stated } of (await valuesOf(db, device.id)) ?? []) {
    for (const [name, value] of Object.entries(values)) {
      const [kept, own] = [withheld[name], stated[name]];
      const confirmed = own?.at ?? kept?.confirmedAt;
      const at = confirmed === undefined ? confirmedAt : new Date(confirmed);
      attributes[name] = {
        value,
        type: attributeType(name) ?? (own === undefined ? null : customType(value)),
        integration: kept ? kept.integration : integration,
        confirmedAt: at?.toISOString() ?? null,
        withheld: kept !== undefined,
        expiresAt: own?.expiresAt ?? null,
      };
    }
  }
  return {
    device: {
      id: device.id,
      hostname: device.hostname,
      serialNumbers: device.serials.map(s => s.serial),
      serials: device.serials,
      addresses: device.addresses,
      certificateFingerprints: device.certificateFingerprints,
      conflicts: device.conflicts,
    },
    match: deviceMatch(device),
    agents: agents.map(agent => explainedAgent(agent, device.id)),
    attributes,
    alsoOn: await rivalDevices(db, device.id),
  };
}

/** Whether some agent speaks for the device, and if none why. */
export function deviceMatch(device: Pick<DeviceRow, 'reason'>): Match {
  if (device.reason === null) return { state: 'matched', reason: null, explanation: null };
  return { state: 'unmatched', reason: device.reason, explanation: reasonSentence('device', device.reason) };
}

function explainedAgent(agent: ExplainedAgent, deviceId: string | null): Explanation['agents'][number] {
  return {
    id: agent.id,
    integration: agent.integration,
    hostname: agent.hostname,
    serialNumbers: agent.serials,
    chosen: agent.reason === null && agent.deviceId === deviceId,
    reason: agent.reason,
    explanation: agent.reason === null ? null : reasonSentence('agent', agent.reason),
    bound: agent.bound,
    boundDevice: agent.boundDevice,
    confirmedAt: agent.confirmedAt?.toISOString() ?? null,
  };
}
