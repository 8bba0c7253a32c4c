// What an API key may be allowed, and what each scope includes. Those for administration have Tailscale's names, so that
// clients that ask for them by name work. Pure.

interface ScopeSpec {
  /** One sentence for people. */
  about: string;
  tailscale: boolean;
}

export const scopeCatalogue = {
  all: { tailscale: true, about: 'Everything that any key may do, also what later versions add.' },
  'all:read': {
    tailscale: true,
    about: 'Reads everything that a scope ending in `:read` reads, and asks for no decision.',
  },
  'gateway:decide': {
    tailscale: false,
    about: 'Asks for decisions, and reads the attributes of devices that a decision rests on.',
  },
  'gateway:stream': {
    tailscale: false,
    about: 'Reads the snapshot of all devices and the feed of all changes, to decide elsewhere.',
  },
  feature_settings: { tailscale: true, about: 'Manages posture integrations, syncs and settings.' },
  'feature_settings:read': { tailscale: true, about: 'Reads posture integrations, their runs, and settings.' },
  'devices:core': { tailscale: true, about: 'Manages devices, their serial numbers and their agents.' },
  'devices:core:read': { tailscale: true, about: 'Reads devices.' },
  'devices:posture_attributes': { tailscale: true, about: 'Sets and removes custom posture attributes of devices.' },
  'devices:posture_attributes:read': { tailscale: true, about: 'Reads the posture attributes of devices.' },
  'devices:report': {
    tailscale: false,
    about: 'Reports the identity of a device, for a reporter that runs on it, and nothing else.',
  },
  policy_file: { tailscale: true, about: 'Changes the policy.' },
  'policy_file:read': { tailscale: true, about: 'Reads the policy and its history, and checks another one.' },
  api_access_tokens: {
    tailscale: true,
    about: 'Makes API keys, with no more scopes than it has itself, and revokes any.',
  },
  'api_access_tokens:read': { tailscale: true, about: 'Reads which API keys there are, never a key itself.' },
  webhooks: { tailscale: true, about: 'Manages webhooks, and has test notices sent.' },
  'webhooks:read': { tailscale: true, about: 'Reads webhooks and their delivery logs.' },
  'logs:configuration': { tailscale: true, about: 'Manages where the audit log is sent.' },
  'logs:configuration:read': { tailscale: true, about: 'Reads the audit log.' },
  'metrics:read': { tailscale: false, about: 'Reads the metrics, for Prometheus.' },
} as const satisfies Record<string, ScopeSpec>;

export type Scope = keyof typeof scopeCatalogue;

export const scopes = Object.keys(scopeCatalogue) as readonly Scope[];

export function isScope(text: string): text is Scope {
  return Object.hasOwn(scopeCatalogue, text);
}

/** @returns whether a key that was given one scope may do what needs another: `all` includes all, `x` includes `x:read` */
export function includes(given: Scope, needed: Scope): boolean {
  if (given === needed || given === 'all' || needed === `${given}:read`) return true;
  return given === 'all:read' && needed.endsWith(':read');
}

/** @returns every scope that the given ones include. Those that this version does not know include nothing. */
export function scopesGrantedBy(given: readonly string[]): ReadonlySet<Scope> {
  const known = given.filter(isScope);
  return new Set(scopes.filter(needed => known.some(scope => includes(scope, needed))));
}
