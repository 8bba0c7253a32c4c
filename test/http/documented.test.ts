// docs/http.md says of scopes, limits and routes what the code does.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { requestLimits } from '../../src/http/limits.ts';
import { scopeCatalogue } from '../../src/posture/scopes.ts';
import { root } from '../support/checkout.ts';
import { section } from '../support/documents.ts';

const document = readFileSync(path.join(root, 'docs/http.md'), 'utf8');

test('docs/http.md has just the scopes that there are, with their sentences', () => {
  const rows = [...(section(document, 'Scopes') ?? '').matchAll(/^\| `(.+?)` \| (.+) \|$/gm)];
  expect(rows.map(([, scope, about]) => [scope, about])).toEqual(
    Object.entries(scopeCatalogue).map(([scope, { about }]) => [scope, about]),
  );
});

test('docs/http.md has the limits', () => {
  const text = section(document, 'Limits') ?? '';
  for (const limit of Object.values(requestLimits)) expect(text).toContain(limit.toLocaleString('en'));
});
