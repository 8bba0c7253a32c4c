// `overview`: whether posture can be trusted right now, what needs attention, and how it was over the last day, week or month.
import { type Command, Option } from 'commander';
import { readOverview } from '../operations/overview.ts';
import { keepCounts } from '../operations/overview-counts.ts';
import { type HistoryPeriod, historyPeriods, readHistory } from '../operations/overview-history.ts';
import { addExamples } from './options.ts';
import { say, sayJson } from './output.ts';
import { historyLines, overviewLines } from './overview-text.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerOverview(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync overview', 'posture-sync overview --history 7d'])
    .addOption(new Option('--history <period>', 'tell how it was instead').choices(Object.keys(historyPeriods)))
    .action(async (options: { history?: HistoryPeriod; json?: boolean }) => {
      await withSession(to, {}, async ({ db, now, config }) => {
        if (options.history !== undefined) {
          const history = await readHistory({ db, now }, options.history);
          if (options.json) return await sayJson(to, history);
          for (const line of historyLines(history)) await say(to, line);
          return;
        }
        const asked = { db, now, counts: keepCounts(), syncIntervalMs: config.syncIntervalMs, view: null };
        const overview = await readOverview({ ...asked, withWebhooks: true });
        if (options.json) return await sayJson(to, overview);
        for (const line of overviewLines(overview, now())) await say(to, line);
      });
    });
}
