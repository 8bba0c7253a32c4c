// `settings show|set`: the service-wide settings. Switching identity collection off wants the number of devices that lose values.
import type { Command } from 'commander';
import { changeSettings, lossesOfSwitchingOff, readSettings } from '../operations/settings.ts';
import { reasonSentence } from '../posture/reasons.ts';
import type { Settings } from '../store/settings.ts';
import { asOptions, declare, wholeNumber } from './options.ts';
import { counted, fields, say, sayJson } from './output.ts';
import { type Session, withSession } from './session.ts';
import { type Surroundings, wrongUse } from './surroundings.ts';

export function registerSettings(group: Command, to: Surroundings): void {
  declare(group, 'show', 'show all settings', ['posture-sync settings show']).action(
    async (options: { json?: boolean }) => {
      await withSession(to, {}, async ({ db }) => {
        const settings = await readSettings(db);
        if (options.json) return await sayJson(to, settings);
        for (const line of settingsLines(settings)) await say(to, line);
      });
    },
  );
  declare(group, 'set <name=value...>', 'change settings; those not named stay', [
    'posture-sync settings set allowMultipleIntegrations=true',
    'posture-sync settings set postureIdentityCollectionOn=false --confirm 430',
  ])
    .option('--confirm <n>', 'how many devices lose values by it, where any do', wholeNumber(0, 2_000_000_000))
    .action(async (pairs: string[], options: { json?: boolean; confirm?: number }) => {
      const changes = readPairs(pairs);
      await withSession(to, {}, async session => {
        const confirm = options.confirm ?? (await confirmed(to, session, changes));
        const { settings, changed, losses } = await asOptions(() =>
          changeSettings(session.request, changes, { confirm, isConfirmRequired: true }),
        );
        if (options.json) return await sayJson(to, { ...settings, changed });
        await say(to, changed.length === 0 ? 'Nothing changed.' : `Changed ${changed.join(', ')}.`);
        if (losses.devices > 0)
          await say(to, `${counted(losses.devices, 'device')} lost ${counted(losses.attributes, 'value')}.`);
      });
    });
}

function settingsLines(settings: Settings): string[] {
  return [
    ...fields(Object.entries(settings).map(([name, value]) => [name, value === '' ? 'none' : String(value)] as const)),
    ...(settings.postureIdentityCollectionOn ? [] : [`warning: ${reasonSentence('agent', 'identity_collection_off')}`]),
  ];
}

/** @returns what was written as NAME=VALUE, as JSON would have it: `true`, `90`, else text */
function readPairs(pairs: readonly string[]): Record<string, unknown> {
  const changes = new Map<string, unknown>();
  for (const pair of pairs) {
    const [, name, text] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined || text === undefined) wrongUse(`"${pair}" is not of the form NAME=VALUE`);
    if (changes.has(name)) wrongUse(`${name}: it is given twice`);
    changes.set(name, /^(true|false|\d{1,9})$/.test(text) ? JSON.parse(text.replace(/^0+(?=\d)/, '')) : text);
  }
  return Object.fromEntries(changes);
}

/**
 * What the number of devices is, as whoever sits at the terminal says; null where no device loses anything.
 * @throws CommanderError where nobody can be asked
 */
async function confirmed(to: Surroundings, { db }: Session, changes: Record<string, unknown>): Promise<number | null> {
  if (changes.postureIdentityCollectionOn !== false) return null;
  const { devices, attributes } = await lossesOfSwitchingOff(db);
  if (devices === 0) return null;
  const losses = `${counted(devices, 'device')} would lose ${counted(attributes, 'value')}`;
  if (to.stdin.isTTY !== true) wrongUse(`to switch identity collection off, add --confirm ${devices}: ${losses}`);
  const typed = await typedLine(to, `${losses}. To go on, type the number of devices: `);
  if (/^\d{1,10}$/.test(typed)) return Number(typed);
  wrongUse(`nothing was changed: ${losses}`);
}

async function typedLine({ stdin, stderr }: Surroundings, prompt: string): Promise<string> {
  stderr.write(prompt);
  let typed = '';
  try {
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      typed += String(chunk);
      if (typed.includes('\n')) break;
    }
  } finally {
    stdin.pause();
  }
  return typed.trim();
}
