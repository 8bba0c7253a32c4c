// Why something does not match: the codes, and a sentence for people for each. A code is never renamed: scripts and the
// pages hang on them. Pure.

export const agentReasons = {
  identity_collection_off:
    'Identity collection is switched off, so no agent is matched to any device. To match them: `posture-sync settings set postureIdentityCollectionOn=true`.',
  no_serial:
    'The agent reports no serial number. Bind it to its device by hand: `posture-sync device bind DEVICE AGENT-ID`.',
  placeholder_serial:
    'The agent reports a serial number that many machines share, such as "Default string": it identifies nothing.',
  serial_on_several_devices: 'Several devices have this serial number, so it is not known which one the agent runs on.',
  serials_of_several_devices: 'The serial numbers of the agent belong to different devices.',
  no_device: 'No device has this serial number.',
  older_duplicate: 'Another agent speaks for the device: one that is active, or was registered later.',
  decommissioned: 'The provider says that the agent was decommissioned or uninstalled.',
  gone: 'The provider no longer has the agent: it was absent from a complete sweep, and when asked for by id.',
  expired: 'The agent was not confirmed for so long that its values no longer count.',
} as const;

export const deviceReasons = {
  identity_collection_off:
    'Identity collection is switched off, so no device has values of a provider. To match agents again: `posture-sync settings set postureIdentityCollectionOn=true`.',
  no_serial: 'The device has no serial number.',
  placeholder_serial: 'All serial numbers of the device are placeholders that many machines share.',
  serial_on_several_devices: 'The serial number of the device is on other devices too.',
  serial_set_on_other_device: 'An administrator set the serial number of the device on another device.',
  no_agent: 'No agent with a serial number of the device is known.',
  decommissioned: "The provider says that the device's agent was decommissioned or uninstalled.",
  gone: "The provider no longer has the device's agent.",
  expired: "The device's agent was not confirmed for so long that its values no longer count.",
} as const;

/** Why a serial number, an address or a certificate fingerprint of a device matches nothing. */
export const identifierReasons = {
  placeholder_serial: 'a placeholder that many machines share',
  replaced_by_manual: 'not used: serial numbers were set by hand for this device',
  serial_set_on_other_device: 'an administrator set it on another device',
  serial_on_several_devices: 'several devices report it',
  address_on_several_devices: 'several devices have it',
  fingerprint_on_several_devices: 'several devices have it',
} as const;

export type AgentReason = keyof typeof agentReasons;
export type DeviceReason = keyof typeof deviceReasons;

/** @returns the sentence of a reason code of an agent or a device, or the code itself */
export function reasonSentence(of: 'agent' | 'device', code: string): string {
  const sentences: Record<string, string> = of === 'agent' ? agentReasons : deviceReasons;
  return sentences[code] ?? code;
}
