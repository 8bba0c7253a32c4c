// The registry equals the folders, names are unique, and docs/attributes.md is what the facts say.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { attributesMarkdown } from '../../src/providers/documentation.ts';
import { attributeSpec, attributeType, providerOf, providers } from '../../src/providers/registry.ts';

const root = new URL('../../', import.meta.url);

test('each folder of src/providers is a provider in the registry, and each provider has its folder', () => {
  const entries = readdirSync(new URL('src/providers/', root), { withFileTypes: true });
  const folders = entries.filter(entry => entry.isDirectory()).map(entry => entry.name);
  expect([...providers.keys()].sort()).toEqual(folders.sort());
});

test('each provider is known by its own id', () => {
  for (const [id, provider] of providers) expect(providerOf(id)).toBe(provider);
});

test('an unknown provider is refused by naming the known ones', () => {
  expect(() => providerOf('nothere')).toThrow('there is no provider "nothere"; there is sentinelone');
});

test('attribute names are unique over all providers, and stand in the namespace of theirs', () => {
  const names = [...providers.values()].flatMap(({ attributes }) => attributes.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
  for (const { namespace, attributes } of providers.values()) {
    for (const { name } of attributes) expect(name).toMatch(new RegExp(`^${namespace}:[A-Za-z][A-Za-z0-9]*\\*?$`));
  }
});

test('the type of an attribute is found by its full name', () => {
  expect(attributeType('sentinelOne:lastActiveDate')).toBe('time');
  expect(attributeSpec('sentinelOne:operationalState')?.known).toContain('na');
  expect(attributeType('sentinelOne:nothing')).toBeUndefined();
  expect(attributeType('custom:tier')).toBeUndefined();
});

test('docs/attributes.md is what the providers declare; npm run generate writes it', () => {
  const written = readFileSync(new URL('docs/attributes.md', root), 'utf8');
  expect(written).toBe(attributesMarkdown(providers.values()));
});
