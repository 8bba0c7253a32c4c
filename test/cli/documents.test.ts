// The documents that are made from code are in the repository as the code makes them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { generatedDocuments } from '../../src/cli/docs.ts';
import { configurationDocuments, readConfig } from '../../src/config.ts';
import { eventCatalogue } from '../../src/posture/events.ts';
import { root } from '../support/checkout.ts';

const documents = await generatedDocuments({
  config: async () => readConfig({}),
  configurationDocuments: async () => configurationDocuments(),
  stdin: Readable.from([]),
  stdout: new Writable(),
  stderr: new Writable(),
  user: 'anna',
  stop: new AbortController().signal,
  program: '',
  tellParent: () => {},
});

test.each(documents)('%s is what `npm run generate` writes', (file, text) => {
  expect(readFileSync(path.join(root, file), 'utf8')).toBe(text);
});

test('docs/events.md has every event', () => {
  const [, text = ''] = documents.find(([file]) => file === 'docs/events.md') ?? [];
  for (const code of Object.keys(eventCatalogue)) expect(text).toContain(`| \`${code}\` |`);
});
