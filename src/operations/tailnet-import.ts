// Devices from a tailnet: its list is read whole, and each entry is a line as of a file. Only what is in the list is written:
// a device that is absent from it stays, since a list may be short for reasons of its own.
import { AppError } from '../errors.ts';
import { readTailnet, readTailnetDevice, type TailnetSource } from '../providers/tailnet.ts';
import type { Pool } from '../store/client.ts';
import { readTailnetImport, type TailnetImport } from '../store/tailnet-import.ts';
import { type ImportLine, type ImportOptions, type ImportResult, importDevices } from './device-import.ts';
import type { Request } from './devices.ts';

/**
 * @returns as of an import; a line is the number of the entry in the list
 * @throws ProviderError when the list did not come whole: then nothing was written; the signal's reason
 */
export async function importTailnet(
  request: Request,
  source: TailnetSource,
  signal: AbortSignal,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const entries = await readTailnet(source, signal);
  return await importDevices(request, linesOf(entries), { cause: 'tailscale import', ...options });
}

function* linesOf(entries: readonly unknown[]): Generator<ImportLine> {
  const seen = new Set<string>();
  for (const [i, entry] of entries.entries()) {
    const line = i + 1;
    const read = readTailnetDevice(entry);
    if (read === null) continue;
    if ('message' in read) yield { line, message: read.message };
    // Written twice it would change at each import, and back.
    else if (seen.has(read.device.id)) yield { line, message: `the list has ${JSON.stringify(read.device.id)} twice` };
    else {
      seen.add(read.device.id);
      yield { line, record: read.device };
    }
  }
}

/** How the import on schedule goes. Times are RFC 3339. */
export interface ScheduledImport {
  url: string;
  lastAttempt: string;
  lastSuccess: string | null;
  failingSince: string | null;
  error: TailnetImport['error'];
  /** Of the last one that succeeded. */
  result: TailnetImport['result'];
}

/** @throws AppError not_found while there is none */
export async function scheduledImport(db: Pool): Promise<ScheduledImport> {
  const found = await readTailnetImport(db);
  if (found === null)
    throw new AppError(
      'not_found',
      'no devices are imported on schedule: TAILSCALE_IMPORT_URL is not set, or no worker ran yet',
    );
  const { url, attemptedAt, succeededAt, failingSince, error, result } = found;
  return {
    ...{ url, lastAttempt: attemptedAt.toISOString(), lastSuccess: succeededAt?.toISOString() ?? null },
    ...{ failingSince: failingSince?.toISOString() ?? null, error, result },
  };
}
