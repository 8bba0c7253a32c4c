// Codes of the service as short labels; its own sentences say more where there is room.

export const deviceReasonLabels: Readonly<Record<string, string>> = {
  no_agent: 'No agent',
  no_serial: 'No serial number',
  placeholder_serial: 'Placeholder serial',
  serial_on_several_devices: 'Serial on several devices',
  serial_set_on_other_device: 'Serial set on another device',
  expired: 'Agent not confirmed',
  gone: 'Agent gone',
  decommissioned: 'Agent decommissioned',
  identity_collection_off: 'Collection is off',
};

/** Of agents alone; a link from elsewhere may ask for them. */
export const agentReasonLabels: Readonly<Record<string, string>> = {
  no_device: 'No device',
  older_duplicate: 'Older duplicate',
  serials_of_several_devices: 'Serials of several devices',
};

export const problemLabels: Readonly<Record<string, string>> = {
  placeholder_serial: 'Placeholder serial',
  replaced_by_manual: 'Replaced by hand',
  serial_set_on_other_device: 'Serial set on another device',
  serial_on_several_devices: 'Serial on several devices',
  address_on_several_devices: 'Address on several devices',
  fingerprint_on_several_devices: 'Certificate on several devices',
};
