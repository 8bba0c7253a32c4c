// The catalogue of audit events. A code is `TARGET.ACTION[.PROPERTY]` as in Tailscale's configuration log; those marked
// `tailscale` are theirs, the rest is ours in the same form. Names are never changed once released: rules in SIEMs hang on them.

export type EventTarget = 'TAILNET' | 'NODE' | 'API_KEY' | 'USER' | 'WEBHOOK_ENDPOINT' | 'FAILED_REQUEST';

export interface EventSpec {
  about: string;
  tailscale: boolean;
}

export const eventCatalogue = {
  'TAILNET.CREATE.POSTURE_INTEGRATION': { tailscale: true, about: 'A posture integration was added.' },
  'TAILNET.UPDATE.POSTURE_INTEGRATION': {
    tailscale: true,
    about:
      "A posture integration's settings were changed. A changed secret shows as `secretChanged: true`, never as its value.",
  },
  'TAILNET.DELETE.POSTURE_INTEGRATION': {
    tailscale: true,
    about: 'A posture integration was removed, with its agents and all values that came from it.',
  },
  'TAILNET.PAUSE.POSTURE_INTEGRATION': {
    tailscale: false,
    about:
      'Syncing stopped: the credentials were refused (`auth`), they may not read agents (`permission`), or an administrator asked for it.',
  },
  'TAILNET.RESUME.POSTURE_INTEGRATION': { tailscale: false, about: 'Syncing goes on after a pause.' },
  'TAILNET.HOLD.POSTURE_INTEGRATION': {
    tailscale: false,
    about:
      'A sweep would have taken values from more devices than the limit allows: these losses are withheld until somebody accepts them or the agents come back.',
  },
  'TAILNET.RELEASE.POSTURE_INTEGRATION': { tailscale: false, about: 'A hold ended: nothing is withheld any more.' },
  'TAILNET.ACCEPT.POSTURE_INTEGRATION': {
    tailscale: false,
    about: 'An administrator accepted that as many devices as were shown lose values, within 24 hours.',
  },
  'TAILNET.FAIL.POSTURE_INTEGRATION': {
    tailscale: false,
    about: 'Syncs began to fail. Logged once, not at every attempt.',
  },
  'TAILNET.ESCALATE.POSTURE_INTEGRATION': {
    tailscale: false,
    about: 'Syncs have been failing for an hour, and no pause explains it. Logged once a failure.',
  },
  'TAILNET.RECOVER.POSTURE_INTEGRATION': {
    tailscale: false,
    about: 'A sync succeeded after failures. `new` has `wasEscalated` where these had lasted an hour.',
  },
  'TAILNET.WARN.POSTURE_INTEGRATION': {
    tailscale: false,
    about:
      'Something is about to end: the token (30, 7, 1 days before) or the evidence for all values (48, 24, 12 hours before).',
  },
  'TAILNET.UPDATE.PLACEHOLDER_SERIALS': {
    tailscale: false,
    about: "The administrator's list of placeholder serials was changed.",
  },
  'TAILNET.UPDATE.ACL': {
    tailscale: true,
    about:
      'Another policy was applied. `old` and `new` have revision and hash of both; `policy show --revision` prints the texts.',
  },
  'TAILNET.ENABLE.COLLECT_POSTURE_IDENTITY': {
    tailscale: true,
    about: 'Identity collection was switched on: agents are matched to devices again, at once.',
  },
  'TAILNET.DISABLE.COLLECT_POSTURE_IDENTITY': {
    tailscale: true,
    about:
      'Identity collection was switched off: no agent is matched any more, and all devices lose the values of providers. `new` says how many.',
  },
  'TAILNET.ENABLE.MACHINE_APPROVAL_NEEDED': {
    tailscale: true,
    about: '`devicesApprovalOn` was set. It is stored, and changes nothing here.',
  },
  'TAILNET.DISABLE.MACHINE_APPROVAL_NEEDED': {
    tailscale: true,
    about: '`devicesApprovalOn` was unset. It is stored, and changes nothing here.',
  },
  'TAILNET.ENABLE.USER_APPROVAL_REQUIRED': {
    tailscale: true,
    about: '`usersApprovalOn` was set. It is stored, and changes nothing here.',
  },
  'TAILNET.DISABLE.USER_APPROVAL_REQUIRED': {
    tailscale: true,
    about: '`usersApprovalOn` was unset. It is stored, and changes nothing here.',
  },
  'TAILNET.ENABLE.NETWORK_FLOW_LOGGING': {
    tailscale: true,
    about: '`networkFlowLoggingOn` was set. It is stored, and changes nothing here.',
  },
  'TAILNET.DISABLE.NETWORK_FLOW_LOGGING': {
    tailscale: true,
    about: '`networkFlowLoggingOn` was unset. It is stored, and changes nothing here.',
  },
  'TAILNET.ENABLE.GEOSTEERING': {
    tailscale: true,
    about: '`regionalRoutingOn` was set. It is stored, and changes nothing here.',
  },
  'TAILNET.DISABLE.GEOSTEERING': {
    tailscale: true,
    about: '`regionalRoutingOn` was unset. It is stored, and changes nothing here.',
  },
  'TAILNET.ENABLE.HTTPS': {
    tailscale: true,
    about: '`httpsEnabled` was set. It is stored, and changes nothing here.',
  },
  'TAILNET.DISABLE.HTTPS': {
    tailscale: true,
    about: '`httpsEnabled` was unset. It is stored, and changes nothing here.',
  },
  'TAILNET.UPDATE.MAX_KEY_DURATION': {
    tailscale: true,
    about: '`devicesKeyDurationDays` was changed. It is stored, and changes nothing here.',
  },
  'TAILNET.UPDATE.SETTINGS': {
    tailscale: false,
    about: 'Service-wide settings were changed that have no event of their own. `old` and `new` hold just those.',
  },
  'NODE.CREATE': { tailscale: true, about: 'A device was added.' },
  'NODE.UPDATE': { tailscale: false, about: 'A device was changed: host name, user, operating system or tags.' },
  'NODE.DELETE': { tailscale: true, about: 'A device was removed.' },
  'NODE.UPDATE.POSTURE_IDENTITY': {
    tailscale: true,
    about: "A device's serial numbers, addresses or certificate fingerprints were changed.",
  },
  'NODE.REFUSE.POSTURE_IDENTITY': {
    tailscale: false,
    about:
      'A device came with a serial number that is not its own: an administrator set it on another device, or a reporter asked for one that another device has. It gets none of it. Names both; of reports at most once a day.',
  },
  'NODE.CONFLICT.POSTURE_IDENTITY': {
    tailscale: false,
    about:
      'Several devices claim one serial number, which matches none of them; also told when another one joins them. `new` has the serial number, how many devices claim it, and the first 20 of them.',
  },
  'NODE.BIND.AGENT': {
    tailscale: false,
    about: 'An administrator bound an agent to a device, or undid that; told of each device concerned.',
  },
  'NODE.REFETCH.AGENT': {
    tailscale: false,
    about: "An administrator asked that a device's agents are read again at once.",
  },
  'NODE.CREATE.ATTRIBUTES': {
    tailscale: true,
    about: 'A device got its first values from a provider, or its first custom attributes.',
  },
  'NODE.UPDATE.ATTRIBUTES': {
    tailscale: true,
    about:
      'Some of the values that a device has from a provider, or of its custom attributes, were set, changed or removed; `old` and `new` hold just those, with the `expiries` of custom ones that have any.',
  },
  'NODE.DELETE.ATTRIBUTES': {
    tailscale: true,
    about: 'A device lost all values that it had from a provider, or all custom attributes.',
  },
  'NODE.UPDATE.POSTURE_STANDING': {
    tailscale: false,
    about:
      'A device passes, fails, or is unknown to, a posture, and was not before. Told of changes only: not of its first standing in a posture.',
  },
  'API_KEY.CREATE': { tailscale: true, about: 'An API key was made. `new` has its name, scopes and expiry.' },
  'API_KEY.REVOKE': { tailscale: true, about: 'An API key was revoked: within a second it holds nowhere any more.' },
  'USER.LOGIN': {
    tailscale: false,
    about:
      'Somebody signed in to the pages: with an API key (`key`), a one-time link (`link`) or by OpenID Connect (`openid`). `new` has how, as which role or with which scopes, and until when.',
  },
  'USER.LOGOUT': { tailscale: false, about: 'Somebody signed out of the pages.' },
  'USER.CREATE.SIGN_IN_LINK': {
    tailscale: false,
    about: 'A link that signs in once was made. `new` has its role and until when it holds, never its code.',
  },
  'WEBHOOK_ENDPOINT.CREATE': {
    tailscale: false,
    about: 'A webhook was added. `new` has its URL and the notices it gets.',
  },
  'WEBHOOK_ENDPOINT.UPDATE': { tailscale: false, about: "A webhook's name, URL or notices were changed." },
  'WEBHOOK_ENDPOINT.DELETE': {
    tailscale: false,
    about: 'A webhook was removed, with the notices that waited for it; `old` says how many.',
  },
  'WEBHOOK_ENDPOINT.ENABLE': { tailscale: false, about: 'A webhook gets notices again, those that waited first.' },
  'WEBHOOK_ENDPOINT.DISABLE': {
    tailscale: false,
    about:
      'A webhook gets no more notices: an administrator asked for it, its receiver took none for 5 days (`failing`), or answered that it is gone for good (`gone`).',
  },
  'WEBHOOK_ENDPOINT.UPDATE.SECRET': {
    tailscale: false,
    about: 'A webhook got another secret; `new` says until when notices are signed with the one before, too.',
  },
  'WEBHOOK_ENDPOINT.TEST': { tailscale: false, about: 'An administrator asked for a test notice to a webhook.' },
  'FAILED_REQUEST.UPDATE': {
    tailscale: true,
    about:
      'Requests with a key, or of somebody signed in, that lacks a scope were refused (403). One a key or person, scope and minute, with their `count`; `since` and `until` say when.',
  },
  'FAILED_REQUEST.AUTHENTICATE': {
    tailscale: false,
    about:
      'Requests without a key or session that holds, and attempts to sign in, were refused (401): missing, unknown, revoked or expired. One a known key, or network of the source, and minute, with their `count`.',
  },
  'FAILED_REQUEST.LOGIN': {
    tailscale: false,
    about:
      'The OpenID provider knows somebody who has no role here. `new` has the claim that was looked at and what stood in it.',
  },
} as const satisfies Record<string, EventSpec>;

export type EventCode = keyof typeof eventCatalogue;

/** Who did it. The form is Tailscale's. */
export interface Actor {
  id: string;
  type: 'USER' | 'AUTOMATED_WORKER' | 'OAUTH_CLIENT';
  loginName: string;
  displayName: string;
}

/** Where it came from. The names are Tailscale's. */
export type Origin = 'CONTROL' | 'CONFIG_API' | 'ADMIN_CONSOLE';

/** The sync and the expiry of values, which nobody asked for by hand. */
export const worker: Actor = {
  id: 'posture-sync',
  type: 'AUTOMATED_WORKER',
  loginName: 'posture-sync',
  displayName: 'posture-sync worker',
};

/** @param name the operating system's user who ran the command */
export function commandLineUser(name: string): Actor {
  return { id: `cli:${name}`, type: 'USER', loginName: name, displayName: name };
}

/** A request with that key. Tailscale's type for a credential with scopes that is no person. */
export function apiKeyActor({ id, name }: { id: string; name: string }): Actor {
  return { id: `key:${id}`, type: 'OAUTH_CLIENT', loginName: name, displayName: name };
}

/** Whoever signed in with a one-time link. @param name whose link it was: a link names nobody else */
export function linkActor({ id, name }: { id: string; name: string }): Actor {
  return { id: `link:${id}`, type: 'USER', loginName: name, displayName: name };
}

/** @param subject by which the OpenID provider knows a person for ever @param login their e-mail address, where it is known */
export function personActor({ subject, login, name }: { subject: string; login: string; name: string }): Actor {
  return { id: `openid:${subject}`, type: 'USER', loginName: login, displayName: name };
}

/** Whoever asks without a key that holds. */
export const unknownClient: Actor = {
  id: 'unknown',
  type: 'OAUTH_CLIENT',
  loginName: 'unknown key',
  displayName: 'unknown key',
};

/** An entry as clients get it: Tailscale's configuration audit log entry, with `event`, our code, beside it. */
export interface AuditEntry {
  eventTime: string;
  type: 'CONFIG';
  /** The revision: it ties together all entries of one write, and orders writes. */
  eventGroupID: string;
  origin: Origin;
  actor: Actor;
  target: { id: string; name: string; type: EventTarget; property?: string };
  action: string;
  old?: unknown;
  new?: unknown;
  actionDetails?: string;
  error?: string;
  event: EventCode;
}

/** @returns target type, action and property of a code: 'NODE.UPDATE.ATTRIBUTES' -> NODE, UPDATE, ATTRIBUTES */
export function eventParts(code: EventCode): { target: EventTarget; action: string; property: string | null } {
  const [target, action, property] = code.split('.');
  return { target: target as EventTarget, action: action ?? '', property: property ?? null };
}
