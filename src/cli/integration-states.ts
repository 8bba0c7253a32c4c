// `integration pause|resume|accept`: what moves an integration besides its settings.
import type { Command } from 'commander';
import { acceptLosses, pauseEnd, pauseIntegration, resumeIntegration } from '../operations/integration-states.ts';
import { showIntegration } from '../operations/integration-view.ts';
import { asOptions, declare } from './options.ts';
import { counted, say, sayJson, timeAndAge } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerStates(group: Command, to: Surroundings): void {
  registerPause(group, to);
  registerResume(group, to);
  registerAccept(group, to);
}

function registerPause(group: Command, to: Surroundings): void {
  declare(group, 'pause <name>', 'stop syncing; values stay until they expire', [
    'posture-sync integration pause hq',
    'posture-sync integration pause hq --until 8h',
  ])
    .option('--until <time>', 'the pause ends then: 2026-12-31T08:00:00Z, or 8h from now; else when it is resumed')
    .action(async (name: string, options: { json?: boolean; until?: string }) => {
      await withSession(to, {}, async ({ request, db, now }) => {
        const until = await asOptions(async () => pauseEnd(options.until ?? null, now()));
        const isChanged = await pauseIntegration(request, name, until);
        if (options.json) return await sayJson(to, await showIntegration(db, now, name));
        const end = until === null ? '' : ` until ${timeAndAge(until, now())}`;
        await say(
          to,
          `${name} ${isChanged ? `is paused${end}. Its values stay until they expire.` : 'was paused already.'}`,
        );
      });
    });
}

function registerResume(group: Command, to: Surroundings): void {
  declare(group, 'resume <name>', 'end a pause of any kind and sync at once', [
    'posture-sync integration resume hq',
  ]).action(async (name: string, options: { json?: boolean }) => {
    await withSession(to, {}, async ({ request, db, now }) => {
      const isChanged = await resumeIntegration(request, name);
      if (options.json) await sayJson(to, await showIntegration(db, now, name));
      else await say(to, `${name} ${isChanged ? 'goes on: a running service syncs it at once.' : 'was not paused.'}`);
    });
  });
}

function registerAccept(group: Command, to: Surroundings): void {
  declare(
    group,
    'accept <name>',
    'accept for 24 hours that as many devices lose values as are held, a tenth more at most',
    ['posture-sync integration accept hq'],
  ).action(async (name: string, options: { json?: boolean }) => {
    await withSession(to, {}, async ({ request, db, now }) => {
      const most = await acceptLosses(request, name);
      if (options.json) await sayJson(to, await showIntegration(db, now, name));
      else
        await say(
          to,
          `${counted(most, 'device')} may lose values within 24 hours: a running service syncs it at once.`,
        );
    });
  });
}
