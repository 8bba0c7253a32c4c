// What a key may be allowed, in the service's own sentences, and in groups as people look for them.
import { useQuery } from '@tanstack/react-query';
import { api, ask, here, type Schemas } from '../../api/client.ts';
import type { texts } from '../../texts.ts';

type ScopeInfo = Schemas['Scope'];
type GroupName = keyof typeof texts.keys.groups;

export interface ScopeGroup {
  name: GroupName;
  scopes: ScopeInfo[];
}

const groupOf: readonly [RegExp, GroupName][] = [
  [/^gateway:/, 'gateway'],
  [/^devices:/, 'devices'],
  [/^feature_settings/, 'posture'],
  [/^policy_file/, 'policy'],
  [/^(webhooks|logs|metrics)/, 'watching'],
  [/^api_access_tokens/, 'keys'],
  [/^all(:read)?$/, 'wide'],
];

/** @returns the scopes that there are, and how each is told; the code alone while they are not known */
export function useScopes() {
  const { data, error, isPending } = useQuery({
    queryKey: ['keys', 'scopes'],
    queryFn: ({ signal }) => ask(api.GET('/api/v2/tailnet/{tailnet}/keys/scopes', { params: { path: here }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const scopes = data?.scopes ?? [];
  // Backticks mark code in them.
  const sentenceOf = (scope: string) => scopes.find(each => each.scope === scope)?.about.replaceAll('`', '') ?? scope;
  return { scopes, sentenceOf, error, isPending };
}

/** @returns the scopes by group, in the order of the groups; those that are included in all others come last */
export function grouped(scopes: readonly ScopeInfo[]): ScopeGroup[] {
  const names = [...new Set(groupOf.map(([, name]) => name)), 'others' as const];
  const nameOf = (scope: string) => groupOf.find(([pattern]) => pattern.test(scope))?.[1] ?? 'others';
  return names
    .map(name => ({ name, scopes: scopes.filter(({ scope }) => nameOf(scope) === name) }))
    .filter(group => group.scopes.length > 0);
}
