// `docs`: writes the documents that are made from code into the checkout. For developers; a test compares them.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { metricsMarkdown } from '../api/metrics-document.ts';
import { eventsMarkdown } from '../posture/documentation.ts';
import { attributesMarkdown } from '../providers/documentation.ts';
import { providers } from '../providers/registry.ts';
import { openApiDocument } from './openapi-document.ts';
import { addExamples } from './options.ts';
import { say, sayJson } from './output.ts';
import type { GeneratedDocument, Surroundings } from './surroundings.ts';

/** @returns every document that is made from code */
export async function generatedDocuments(to: Surroundings): Promise<readonly GeneratedDocument[]> {
  return [
    ['docs/attributes.md', attributesMarkdown(providers.values())],
    ['docs/events.md', eventsMarkdown()],
    ['docs/openapi.json', await openApiDocument()],
    ['docs/metrics.md', metricsMarkdown()],
    ...(await to.configurationDocuments()),
  ];
}

export function registerDocs(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync docs']).action(async (options: { json?: boolean }) => {
    for (const [path, text] of await generatedDocuments(to)) {
      await writeFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), text);
      if (options.json) await sayJson(to, { written: path });
      else await say(to, `wrote ${path}`);
    }
  });
}
