// `device import`: devices from a file, from agents, or from a tailnet.
import { type Command, Option } from 'commander';
import {
  devicesFromAgents,
  type ImportOptions,
  type ImportResult,
  importDevices,
} from '../operations/device-import.ts';
import type { Request } from '../operations/devices.ts';
import { importTailnet, type ScheduledImport, scheduledImport } from '../operations/tailnet-import.ts';
import { createEgress } from '../providers/http.ts';
import { type DeviceFormat, readDeviceFile } from './device-file.ts';
import { errorText } from './integration-text.ts';
import { declare, refuseTokenArguments } from './options.ts';
import { counted, fields, remark, say, sayJson, timeAndAge } from './output.ts';
import { pace, startProgress } from './progress.ts';
import { type Session, withSession } from './session.ts';
import { Failed, type Surroundings, wrongUse } from './surroundings.ts';
import { readScheduledKey } from './tailnet-key.ts';
import { readToken } from './token-input.ts';

interface ImportCommandOptions {
  json?: boolean;
  format?: DeviceFormat;
  fromAgents?: boolean;
  /** True: the one of TAILSCALE_IMPORT_URL. */
  tailscale?: string | true;
  keyFile?: string;
  dryRun?: boolean;
  status?: boolean;
}

export function registerImport(group: Command, to: Surroundings): void {
  const command = declare(
    group,
    'import [file]',
    'create and change devices from ndjson or csv, or from a tailnet; devices that are not in it stay',
    [
      'posture-sync device import inventory.csv',
      'posture-sync device import - < inventory.ndjson',
      'posture-sync device import --from-agents',
      'posture-sync device import --tailscale https://api.tailscale.com --key-file key.txt --dry-run',
    ],
  )
    .addOption(new Option('--format <format>', 'by the name of the file if not given').choices(['ndjson', 'csv']))
    .option('--from-agents', 'instead of a file: make a device of each agent whose serial number no device has')
    .option('--tailscale [url]', "instead of a file: a tailnet's devices, from there or from TAILSCALE_IMPORT_URL")
    .option('--key-file <file>', 'with --tailscale: a file with an access token; without it standard input has one')
    .option('--dry-run', 'say what would change, write nothing')
    .option('--status', 'how the import on schedule goes, and nothing else')
    .addHelpText(
      'after',
      '\nFields: id, hostname, serialNumbers, addresses, certificateFingerprints, user, os, tags.\nOne that is absent keeps what is there, null clears it. In csv lists are separated by ;, an empty cell keeps, and the word null clears.',
    )
    .action(async (file: string | undefined, options: ImportCommandOptions) => {
      const sources = [file !== undefined, options.fromAgents, options.tailscale !== undefined, options.status];
      if (sources.filter(is => is === true).length !== 1)
        wrongUse('device import needs one of: a file, - for standard input, --from-agents, --tailscale, --status');
      if (options.keyFile !== undefined && options.tailscale === undefined)
        wrongUse('--key-file goes with --tailscale');
      if (options.status) await tellStatus(to, options);
      else await runImport(to, file, options);
    });
  refuseTokenArguments(command);
}

async function runImport(to: Surroundings, file: string | undefined, options: ImportCommandOptions): Promise<void> {
  const { json, format, fromAgents, tailscale, dryRun = false } = options;
  await withSession(to, {}, async session => {
    const { request } = session;
    const progress = startProgress(to);
    const begun = performance.now();
    const onProgress = (count: number) =>
      progress.show(pace({ count, total: null, what: 'devices' }, performance.now() - begun));
    const how = { dryRun, onProgress };
    const result = await (tailscale !== undefined
      ? fromTailnet(to, session, request, options, how)
      : fromAgents || file === undefined
        ? devicesFromAgents(request, how)
        : importDevices(request, readDeviceFile(file, format ?? null, to.stdin), how)
    ).finally(() => progress.end());
    if (json) await sayJson(to, dryRun ? { ...result, dryRun } : result);
    else for (const line of importLines(result, dryRun)) await say(to, line);
    const { created, changed, unchanged, rejectedTotal } = result;
    if (rejectedTotal > 0)
      remark(to, `${counted(rejectedTotal, 'line')} ${rejectedTotal === 1 ? 'was' : 'were'} rejected`);
    if (rejectedTotal > 0 && created + changed + unchanged === 0) throw new Failed();
  });
}

async function fromTailnet(
  to: Surroundings,
  { config, allowedHosts, log }: Session,
  request: Request,
  { tailscale, keyFile }: ImportCommandOptions,
  how: ImportOptions,
): Promise<ImportResult> {
  const scheduled = config.tailscaleImport;
  const url = tailscale === true ? scheduled?.url : tailscale;
  if (url === undefined) wrongUse('--tailscale needs a URL, as TAILSCALE_IMPORT_URL is not set');
  // A key goes nowhere but where it was meant for.
  const isScheduled = scheduled !== null && scheduled.url === url && keyFile === undefined;
  const key = isScheduled ? await readScheduledKey(scheduled) : await readToken(to, keyFile ?? null, 'Access token');
  if (key === '') wrongUse('--tailscale needs an access token, on standard input or by --key-file');
  const egress = createEgress({ allowedHosts, log });
  try {
    return await importTailnet(request, { egress, url, key }, to.stop, how);
  } finally {
    egress.close();
  }
}

function importLines(
  { created, changed, unchanged, rejected, rejectedTotal }: ImportResult,
  dryRun: boolean,
): string[] {
  return [
    `${dryRun ? 'Would be: ' : ''}${created} created, ${changed} changed, ${unchanged} unchanged, ${rejectedTotal} rejected`,
    ...rejected.slice(0, 20).map(({ line, message }) => `  line ${line}: ${message}`),
    ...(rejectedTotal > 20 ? [`  and ${rejectedTotal - 20} more; --json has the first ${rejected.length}`] : []),
  ];
}

async function tellStatus(to: Surroundings, { json }: ImportCommandOptions): Promise<void> {
  await withSession(to, {}, async ({ db, now }) => {
    const status = await scheduledImport(db);
    if (json) await sayJson(to, status);
    else for (const line of statusLines(status, now())) await say(to, line);
  });
}

function statusLines(
  { url, lastAttempt, lastSuccess, failingSince, error, result }: ScheduledImport,
  now: Date,
): string[] {
  return fields([
    ['from', url],
    ['last attempt', timeAndAge(lastAttempt, now)],
    ['last success', timeAndAge(lastSuccess, now) ?? 'none'],
    ['failing since', timeAndAge(failingSince, now)],
    ['error', error && errorText(error)],
    ['devices', result && countsLine(result)],
    ...(result?.rejected ?? []).map(({ line, message }): [string, string] => [`entry ${line}`, message]),
  ]);
}

const countsLine = ({ created, changed, unchanged, rejectedTotal }: Omit<ImportResult, 'rejected'>) =>
  `${created} created, ${changed} changed, ${unchanged} unchanged, ${rejectedTotal} rejected`;
