// `device import|add|replace|list|show|export|postures|serials|bind|remove|placeholders|refetch`.
import type { Command } from 'commander';
import { readAttributes } from '../operations/attributes.ts';
import { type ListedDevice, pagesOfDevices, readDeviceQuery } from '../operations/device-list.ts';
import { addDevice, bindAgent, removeDevice, replaceDevice, setSerials, theDevice } from '../operations/devices.ts';
import { deviceMatch } from '../operations/explain.ts';
import { lossesOfPlaceholders, lossesOfRemoval } from '../operations/losses.ts';
import { changePlaceholders } from '../operations/placeholders.ts';
import { isCustom } from '../posture/custom-attributes.ts';
import { identifierReasons } from '../posture/reasons.ts';
import type { DeviceRow } from '../store/devices.ts';
import { listPlaceholders } from '../store/placeholders.ts';
import { registerExport, registerPostures } from './device-export.ts';
import { type FilterOptions, filterOptions, queryOf } from './device-filters.ts';
import { registerImport } from './device-import.ts';
import { registerRefetch } from './device-refetch.ts';
import { customLines, withConflicts } from './device-text.ts';
import { asOptions, collect, declare, refuseLosses } from './options.ts';
import { counted, fields, say, sayJson, table } from './output.ts';
import { withSession } from './session.ts';
import { type Surroundings, wrongUse } from './surroundings.ts';

export function registerDevice(group: Command, to: Surroundings): void {
  registerImport(group, to);
  registerAdd(group, to);
  registerReads(group, to);
  registerExport(group, to);
  registerPostures(group, to);
  registerIdentity(group, to);
  registerRemove(group, to);
  registerPlaceholders(group, to);
  registerRefetch(group, to);
}

/** Of a device that was read with its values. */
function valuesIn({ attributes, expiries }: ListedDevice) {
  return attributes === undefined ? {} : { attributes, expiries };
}

/** A device as commands show it. */
function shown(row: DeviceRow) {
  const { id, hostname, user, os, tags, serials, addresses, certificateFingerprints, conflicts } = row;
  return {
    id,
    hostname,
    serialNumbers: serials.map(({ serial }) => serial),
    addresses,
    certificateFingerprints,
    user,
    os,
    tags,
    match: deviceMatch(row),
    serials,
    conflicts,
  };
}

interface AddOptions {
  json?: boolean;
  hostname?: string;
  serial?: string[];
  address?: string[];
  certificateFingerprint?: string[];
  user?: string;
  os?: string;
  tag?: string[];
}

function recordOptions(command: Command): Command {
  return command
    .option('--hostname <name>')
    .option('--serial <serial>', 'a serial number; may be repeated', collect)
    .option('--address <address>', 'an address that only it has; may be repeated', collect)
    .option('--certificate-fingerprint <sha256>', 'of its client certificate; may be repeated', collect)
    .option('--user <user>')
    .option('--os <os>')
    .option('--tag <tag>', 'may be repeated', collect);
}

function recordOf({ json: _, serial, address, certificateFingerprint, tag, ...rest }: AddOptions) {
  return {
    ...rest,
    ...(serial ? { serialNumbers: serial } : {}),
    ...(address ? { addresses: address } : {}),
    ...(certificateFingerprint ? { certificateFingerprints: certificateFingerprint } : {}),
    ...(tag ? { tags: tag } : {}),
  };
}

function registerAdd(group: Command, to: Surroundings): void {
  const adding = declare(group, 'add <id>', 'add a device', [
    'posture-sync device add lt-0042 --hostname ANNA-LT --serial C02XK1ZZJG5J --user anna@example.com',
  ]);
  recordOptions(adding).action(async (id: string, options: AddOptions) => {
    await withSession(to, {}, async ({ request }) => {
      await tellDevice(to, await asOptions(() => addDevice(request, { id, ...recordOf(options) })), options.json);
    });
  });
  const replacing = declare(group, 'replace <id>', 'make a device what the options say: what is not given is cleared', [
    'posture-sync device replace lt-0042 --hostname ANNA-LT --serial C02XK1ZZJG5J --user bob@example.com',
  ]);
  recordOptions(replacing).action(async (id: string, options: AddOptions) => {
    await withSession(to, {}, async ({ request }) => {
      await tellDevice(to, await asOptions(() => replaceDevice(request, id, recordOf(options))), options.json);
    });
  });
}

async function tellDevice(to: Surroundings, device: DeviceRow, json: boolean | undefined): Promise<void> {
  if (json) await sayJson(to, shown(device));
  else for (const line of deviceLines(device)) await say(to, line);
}

function deviceLines(device: DeviceRow): string[] {
  const { explanation } = deviceMatch(device);
  const serials = device.serials.map(({ serial, source, problem }) => {
    const why = problem && (identifierReasons[problem as keyof typeof identifierReasons] ?? problem);
    const remarks = [...(source === 'manual' ? ['set by hand'] : []), ...(why ? [why] : [])];
    return `${serial}${remarks.length > 0 ? ` (${remarks.join('; ')})` : ''}`;
  });
  const { addresses, certificateFingerprints, conflicts } = device;
  return fields([
    ['device', device.id],
    ['host name', device.hostname],
    ['serials', serials.join(', ') || 'none'],
    ['addresses', withConflicts('address', addresses, conflicts)],
    ['certificates', withConflicts('certificate_fingerprint', certificateFingerprints, conflicts)],
    ['user', device.user],
    ['system', device.os],
    ['tags', device.tags.join(', ')],
    [
      'posture',
      explanation === null ? `from an agent; to see it: posture-sync explain ${device.id}` : `none: ${explanation}`,
    ],
  ]);
}

interface ListOptions extends FilterOptions {
  json?: boolean;
  attributes?: boolean;
}

function registerReads(group: Command, to: Surroundings): void {
  const listing = declare(group, 'list', 'list devices, one a line', [
    'posture-sync device list',
    'posture-sync device list --match no_agent --json',
    'posture-sync device list --problem address_on_several_devices',
    'posture-sync device list --attribute sentinelOne:infected=true',
    'posture-sync device list --posture healthy --standing failing',
    'posture-sync device list --freshness stale --fresh-within 24h',
  ]);
  filterOptions(listing)
    .option('--attributes', 'with --json: with the values of each')
    .action(async (options: ListOptions) => {
      const { json, attributes = false, ...query } = options;
      if (attributes && !json) wrongUse('--attributes goes with --json');
      await withSession(to, {}, async ({ db, now, config: { syncIntervalMs } }) => {
        const filters = await asOptions(() => readDeviceQuery({ db, now, syncIntervalMs }, queryOf(query)));
        let isFirst = true;
        for await (const rows of pagesOfDevices({ db, now }, filters, attributes)) {
          if (json) for (const row of rows) await sayJson(to, { ...shown(row), ...valuesIn(row) });
          else for (const line of listLines(rows, isFirst)) await say(to, line);
          isFirst = false;
        }
        if (isFirst && !json)
          await say(to, 'There is no such device. Bring devices in: posture-sync device import --help');
      });
    });
  declare(group, 'show <id>', 'show a device and what it is known by', ['posture-sync device show lt-0042']).action(
    async (id: string, options: { json?: boolean }) => {
      await withSession(to, {}, async ({ request, db, now }) => {
        const custom = Object.entries(await readAttributes(request, id)).filter(([name]) => isCustom(name));
        const device = await theDevice(db, id);
        if (options.json) return await sayJson(to, { ...shown(device), customAttributes: Object.fromEntries(custom) });
        for (const line of [...deviceLines(device), ...customLines(custom, now())]) await say(to, line);
      });
    },
  );
}

function listLines(rows: readonly DeviceRow[], isFirst: boolean): string[] {
  const lines = table(
    ['ID', 'HOST NAME', 'MATCH', 'USER', 'SERIAL NUMBERS'],
    rows.map(row => [
      row.id,
      row.hostname,
      row.reason ?? 'matched',
      row.user,
      row.serials.map(({ serial }) => serial).join(', '),
    ]),
  );
  return isFirst ? lines : lines.slice(1);
}

function registerIdentity(group: Command, to: Surroundings): void {
  declare(
    group,
    'serials <id> [serials...]',
    'set the serial numbers of a device by hand; they win over imported ones',
    ['posture-sync device serials lt-0042 C02XK1ZZJG5J', 'posture-sync device serials lt-0042 --clear'],
  )
    .option('--clear', 'go back to the imported ones')
    .action(async (id: string, serials: string[], options: { json?: boolean; clear?: boolean }) => {
      if ((serials.length === 0) !== (options.clear === true))
        wrongUse('device serials needs serial numbers, or --clear');
      await withSession(to, {}, async ({ request }) =>
        tellDevice(to, await asOptions(() => setSerials(request, id, serials)), options.json),
      );
    });
  declare(group, 'bind <id> <agent-id>', 'bind an agent to a device, where serial numbers cannot match it', [
    'posture-sync device bind lt-0042 1234567890123456789',
    'posture-sync device bind lt-0042 1234567890123456789 --undo',
  ])
    .option('--integration <name>', 'needed where several integrations have an agent of that id')
    .option('--undo', 'take the binding away')
    .action(async (id: string, agentId: string, options: { json?: boolean; integration?: string; undo?: boolean }) => {
      await withSession(to, {}, async ({ request, db }) => {
        await bindAgent(request, options.undo ? null : id, agentId, options.integration, options.undo ? id : undefined);
        await tellDevice(to, await theDevice(db, id), options.json);
      });
    });
}

function registerRemove(group: Command, to: Surroundings): void {
  declare(group, 'remove <id>', 'remove a device with its values', ['posture-sync device remove lt-0042 --yes'])
    .option('--yes', 'do it; without this it only says how many values the device would lose')
    .action(async (id: string, options: { json?: boolean; yes?: boolean }) => {
      await withSession(to, {}, async ({ request, db }) => {
        const { attributes } = await lossesOfRemoval(db, id);
        if (!options.yes) wrongUse(`to remove ${id}, add --yes: it would lose ${counted(attributes, 'value')}`);
        await removeDevice(request, id);
        if (options.json) await sayJson(to, { removed: id, attributes });
        else await say(to, `Removed ${id} with ${counted(attributes, 'value')}.`);
      });
    });
}

function registerPlaceholders(group: Command, to: Surroundings): void {
  declare(group, 'placeholders', 'list or extend the serial numbers that identify nothing, such as "Default string"', [
    'posture-sync device placeholders --add "ACME DEFAULT"',
  ])
    .option('--add <serial>', 'may be repeated', collect)
    .option('--remove <serial>', 'one that was added; may be repeated', collect)
    .option('--yes', 'do it even where devices lose values by it')
    .action(async (options: { json?: boolean; add?: string[]; remove?: string[]; yes?: boolean }) => {
      await withSession(to, {}, async ({ request, db }) => {
        const { add = [], remove = [] } = options;
        if (add.length > 0 && !options.yes) refuseLosses('to add it', await lossesOfPlaceholders(db, add));
        if (add.length + remove.length > 0) await asOptions(() => changePlaceholders(request, { add, remove }));
        const all = await listPlaceholders(db);
        if (options.json) for (const { raw, source } of all) await sayJson(to, { serial: raw, source });
        else {
          for (const line of table(
            ['SERIAL', 'SOURCE'],
            all.map(entry => [entry.raw, entry.source]),
          ))
            await say(to, line);
          await say(
            to,
            `${counted(all.length, 'placeholder')}; serial numbers of fewer than 4 characters, or of one repeated, count too.`,
          );
        }
      });
    });
}
