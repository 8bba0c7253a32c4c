// What lets Node find the files of drizzle-orm quickly finds the same ones as Node would.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/checkout.ts';

const folder = path.join(root, 'node_modules/drizzle-orm');

test('drizzle-orm names each file of its own by its whole name, and all are modules', () => {
  expect(JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')).type).toBe('module');
  let named = 0;
  for (const part of ['', 'pg-core', 'node-postgres', 'sql', 'sql/expressions', 'pg-core/columns'])
    for (const file of readdirSync(path.join(folder, part)).filter(name => name.endsWith('.js'))) {
      const text = readFileSync(path.join(folder, part, file), 'utf8');
      for (const [, specifier = ''] of text.matchAll(/ from "(\.[^"]+)"/g)) {
        named++;
        const target = path.join(folder, part, specifier);
        expect(target).toMatch(/\.js$/);
        expect(existsSync(target), `${part}/${file}: ${specifier}`).toBe(true);
      }
    }
  expect(named).toBeGreaterThan(300);
  // A package.json further down could say otherwise of its files.
  const manifests = readdirSync(folder, { recursive: true }).filter(name => /(^|\/)package\.json$/.test(String(name)));
  expect(manifests).toEqual(['package.json']);
});
