// `device export` and `device postures`: the table of devices as CSV, and how one stands in each posture.
import { type Command, Option } from 'commander';
import { freshSince, readDeviceQuery } from '../operations/device-list.ts';
import { posturesOfDevice } from '../operations/device-postures.ts';
import { readColumns, tableAsCsv, tablePages } from '../operations/device-table.ts';
import { type TableOrder, tableOrders } from '../store/device-table.ts';
import { type FilterOptions, filterOptions, queryOf } from './device-filters.ts';
import { asOptions, collect, declare } from './options.ts';
import { say, sayJson, sayText, table } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

export function registerExport(group: Command, to: Surroundings): void {
  const command = group
    .command('export')
    .description(
      'print devices as CSV, the first line with names; what a spreadsheet would reckon has an apostrophe in front',
    )
    .option(
      '--column <name>',
      'user, serials, postures and the like, or the full name of an attribute; may be repeated',
      collect,
    )
    .addOption(new Option('--sort <order>', 'by what they are in order').choices([...tableOrders]).default('name'))
    .option('--descending', 'the other way round')
    .option('--json', 'an object a device, a line each, in the place of CSV')
    .addHelpText(
      'after',
      '\nExample:\n  $ posture-sync device export --column user --column serials --column sentinelOne:infected > devices.csv',
    );
  filterOptions(command).action(
    async (options: FilterOptions & { column?: string[]; sort: TableOrder; descending?: boolean; json?: boolean }) => {
      const { column = [], sort, descending = false, json = false, ...filters } = options;
      await withSession(to, {}, async ({ db, now, config: { syncIntervalMs } }) => {
        const asked = { db, now, syncIntervalMs };
        const query = await asOptions(async () => ({
          filters: await readDeviceQuery(asked, queryOf(filters)),
          ...{ order: sort, isDescending: descending, columns: readColumns(column) },
          freshSince: await freshSince(asked, filters.freshWithin),
        }));
        if (!json) for await (const text of tableAsCsv({ db, now }, query)) await sayText(to, text);
        else
          for await (const devices of tablePages({ db, now }, query))
            for (const device of devices) await sayJson(to, device);
      });
    },
  );
}

export function registerPostures(group: Command, to: Surroundings): void {
  declare(group, 'postures <id>', 'show how a device stands in each posture right now, and what keeps it from it', [
    'posture-sync device postures lt-0042',
  ]).action(async (id: string, { json }: { json?: boolean }) => {
    await withSession(to, {}, async ({ db, now, config: { syncIntervalMs } }) => {
      const found = await posturesOfDevice({ db, now, syncIntervalMs }, id);
      if (json) return await sayJson(to, found);
      if (!found.isPolicyReadable)
        return await say(to, 'This version cannot read the policy in force, so no device passes anything.');
      if (found.postures.length === 0)
        return await say(to, 'There are no postures. Apply a policy: posture-sync policy apply --help');
      const old = 'by what was not confirmed lately: whether it still passes is not known';
      const rows = found.postures.map(({ posture, state, reasons, restsOn }) => [
        ...[posture, state],
        reasons[0]?.message ?? (restsOn?.isFresh === false ? old : null),
      ]);
      for (const line of table(['POSTURE', 'STATE', 'BECAUSE'], rows)) await say(to, line);
    });
  });
}
