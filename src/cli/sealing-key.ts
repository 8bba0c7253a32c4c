// `sealing-key`: the public half of the first key, for processes that are to seal to it whatever the database says.
import type { Command } from 'commander';
import { sealingKeyOf } from '../store/sealed-boxes.ts';
import { addExamples } from './options.ts';
import { say, sayJson } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerSealingKey(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync sealing-key']).action(async (options: { json?: boolean }) => {
    await withSession(to, { needsKeys: true }, async ({ keys }) => {
      const { id, publicKey } = await sealingKeyOf(keys[0]);
      const key = `${id}:${publicKey.toString('base64')}`;
      if (options.json) await sayJson(to, { id, key });
      else await say(to, key);
    });
  });
}
