// `verify`: proves that everything derived is what agents, devices and settings say. A finding is a fault of ours.
import type { Command } from 'commander';
import { verifyAll } from '../operations/audit.ts';
import { secretProblems } from '../operations/secrets.ts';
import { readSettings } from '../operations/settings.ts';
import { reasonSentence } from '../posture/reasons.ts';
import { addExamples } from './options.ts';
import { remark, say, sayJson } from './output.ts';
import { withSession } from './session.ts';
import { Failed, type Surroundings } from './surroundings.ts';

export function registerVerify(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync verify']).action(async (options: { json?: boolean }) => {
    await withSession(to, {}, async ({ db, keysGiven }) => {
      const findings = await verifyAll(db);
      if (options.json) await sayJson(to, { ok: findings.length === 0, findings });
      else if (findings.length === 0) await say(to, 'Everything is as it should be.');
      else {
        for (const { what, count, examples } of findings) {
          await say(to, `${count} ${what}, for example:`);
          for (const example of examples) await say(to, `  ${JSON.stringify(example)}`);
        }
        await say(to, 'This is a fault of posture-sync: please report it.');
      }
      // Nothing derived is then as it should be, and yet perhaps not what somebody expects who asks.
      if (!(await readSettings(db)).postureIdentityCollectionOn)
        remark(to, reasonSentence('agent', 'identity_collection_off'));
      // Keys are whoever's who runs this: what they do not open is no fault of ours.
      if (keysGiven !== null) for (const problem of await secretProblems(db, keysGiven)) remark(to, problem);
      if (findings.length > 0) throw new Failed();
    });
  });
}
