// Providers over HTTP: what a form needs to set up an integration of each, and what is said of those that nothing can be read from.
import { expect, it } from 'vitest';
import { providers } from '../../src/providers/registry.ts';
import { startApi } from '../support/api.ts';

interface Provider {
  id: string;
  title: string;
  canBeSynced: boolean;
  guide: string | null;
  namespace: string | null;
  settings: Record<string, unknown>[];
  attributes: { name: string; known: string[] }[];
}

it('providers tell what each is set up with and what devices get from it, those that can be synced first', async () => {
  const api = await startApi();
  const { status, body } = await api.call('GET', '/api/v2/tailnet/-/posture/providers');
  expect(status).toBe(200);
  const all: Provider[] = body.providers;
  expect(all.filter(({ canBeSynced }) => canBeSynced).map(({ id }) => id)).toEqual([...providers.keys()]);
  expect(all.map(({ canBeSynced }) => canBeSynced)).toEqual(all.map((_, i) => i < providers.size));
  const [first] = all;
  expect(first).toMatchObject({ id: 'sentinelone', title: 'SentinelOne', namespace: 'sentinelOne' });
  expect(first?.guide).toMatch(/^https:\/\//);
  const [url, token, pace, sites] = first?.settings ?? [];
  expect(url).toMatchObject({ name: 'url', label: 'SentinelOne URL', required: true, secret: false });
  expect(url).toMatchObject({ kind: 'text', tailscale: 'cloudId', example: 'usea1-011.sentinelone.net' });
  expect(token).toMatchObject({ name: 'token', label: 'API Token', required: true, secret: true });
  expect(token?.help).toContain('Service Users');
  expect(pace).toMatchObject({ kind: 'number', required: false, default: 20, tailscale: null });
  expect(sites).toMatchObject({ kind: 'list', required: false, default: null });
  const state = first?.attributes.find(({ name }) => name === 'sentinelOne:operationalState');
  expect(state).toMatchObject({ type: 'string', known: expect.arrayContaining(['na', 'fully_disabled']) });
  for (const { guide, namespace, attributes } of all.filter(({ canBeSynced }) => !canBeSynced))
    expect([guide, namespace, attributes]).toEqual([null, null, []]);
});
