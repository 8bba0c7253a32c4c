// The facts: which fields of a SentinelOne agent become posture attributes, and what each of them really means. The
// meanings are from the console's API description (swagger 2.1) and from data of real tenants.
import type { AttributeSpec } from '../../posture/attributes.ts';

export const namespace = 'sentinelOne';

/** Six hours: the field moves at every check-in, for every active agent. */
const lastActiveResolutionMs = 6 * 60 * 60 * 1000;

/** Each attribute with the field of the API that it is read from. */
export const attributeFields = [
  {
    field: 'isActive',
    name: 'sentinelOne:isActive',
    type: 'boolean',
    about:
      'The agent has been in touch with its console lately; SentinelOne does not publish how lately. A disabled agent keeps in touch, so this alone does not mean that the device is protected: combine it with operationalState.',
  },
  {
    field: 'agentVersion',
    name: 'sentinelOne:agentVersion',
    type: 'version',
    about: 'The version of the installed agent, usually four numbers, for example 24.1.2.6.',
  },
  {
    field: 'activeThreats',
    name: 'sentinelOne:activeThreats',
    type: 'number',
    about: 'How many threats on the device are not yet dealt with.',
  },
  {
    field: 'infected',
    name: 'sentinelOne:infected',
    type: 'boolean',
    about:
      'SentinelOne counts at least one active threat. It follows activeThreats, and may differ from it for a moment.',
  },
  {
    field: 'firewallEnabled',
    name: 'sentinelOne:firewallEnabled',
    type: 'boolean',
    about:
      "SentinelOne's own Firewall Control is supported by the agent and on for its group. It says nothing of the operating system's firewall.",
  },
  {
    field: 'encryptedApplications',
    name: 'sentinelOne:encryptedApplications',
    type: 'boolean',
    about: "The disk is encrypted. The name is the API's and misleads: it is the status of disk encryption.",
  },
  {
    field: 'operationalState',
    name: 'sentinelOne:operationalState',
    type: 'string',
    known: [
      'na',
      'partially_disabled',
      'auto_partially_disabled',
      'fully_disabled',
      'auto_fully_disabled',
      'disabled_error',
      'db_corruption',
    ],
    about:
      '`na` is the healthy state: nothing is wrong. Anything else means that the agent protects less or not at all. The list is not closed; other values pass through as they come.',
  },
  {
    field: 'networkStatus',
    name: 'sentinelOne:networkStatus',
    type: 'string',
    known: ['connected', 'connecting', 'disconnected', 'disconnecting'],
    about:
      'Whether SentinelOne has cut the device off from the network (quarantine): `disconnected` means cut off. It is not presence: a device that is switched off may say `connected`.',
  },
  {
    field: 'isUpToDate',
    name: 'sentinelOne:isUpToDate',
    type: 'boolean',
    about: 'The console counts the version of the agent as up to date.',
  },
  {
    field: 'threatRebootRequired',
    name: 'sentinelOne:threatRebootRequired',
    type: 'boolean',
    about: 'A threat is fully dealt with only after the device restarts.',
  },
  {
    field: 'lastActiveDate',
    name: 'sentinelOne:lastActiveDate',
    type: 'time',
    resolutionMs: lastActiveResolutionMs,
    about:
      'When the agent was last in touch with its console. It moves at every contact and is stored when something else of the device changes or once it is newer by about six hours, so a stored value may lag behind by that much.',
  },
] as const satisfies readonly (AttributeSpec & { field: string })[];

export const attributes: readonly AttributeSpec[] = attributeFields.map(({ field: _, ...spec }) => spec);
