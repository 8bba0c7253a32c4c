// `migrate`: brings the database to this version's tables.
import type { Command } from 'commander';
import { addExamples } from './options.ts';
import { say, sayJson } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerMigrate(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync migrate']).action(async (options: { json?: boolean }) => {
    await withSession(to, { migrates: true }, async () => {
      if (options.json) await sayJson(to, { migrated: true });
      else await say(to, 'The database is up to date.');
    });
  });
}
