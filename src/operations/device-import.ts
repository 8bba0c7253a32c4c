// Many devices at once, from a file, a request, or the agents there are: read a portion at a time, each written by itself.
import { AppError } from '../errors.ts';
import type { Origin } from '../posture/events.ts';
import { reasonSentence } from '../posture/reasons.ts';
import type { Pool } from '../store/client.ts';
import type { IncomingDevice } from '../store/devices.ts';
import { readSettings } from '../store/settings.ts';
import { freshenStatistics } from '../store/statistics.ts';
import { readDevice } from './device-input.ts';
import { type Request, upsert } from './devices.ts';

/** A line of a file: a record, or why it could not be read. */
export type ImportLine = { line: number; record: unknown } | { line: number; message: string };

export interface ImportResult {
  created: number;
  changed: number;
  unchanged: number;
  /** The first thousand. */
  rejected: { line: number; message: string }[];
  /** All of them. */
  rejectedTotal: number;
}

/** So many devices share a transaction: others wait for the head no longer than this takes. */
const portion = 2_000;
const mostRejectedTold = 1_000;

export interface ImportOptions {
  /** Finds out what each portion would do, and writes nothing. A device that comes twice is counted for each time. */
  dryRun?: boolean;
  /** For the audit log; what an administrator asked for, if nothing is said. */
  cause?: string;
  origin?: Origin;
  /** Called after each portion with the lines done. */
  onProgress?: (lines: number) => void;
}

/** What became of a line. */
export type LineOutcome =
  | { line: number; id: string; outcome: 'created' | 'changed' | 'unchanged' }
  | { line: number; outcome: 'rejected'; message: string };

/**
 * Creates and changes devices. Devices that are not among the lines stay; one bad line rejects that line only. Portions are
 * written as they come: what was written before a failure stays written, and importing again is harmless.
 * @returns for each portion, once it is written, what became of each of its lines, in their order
 */
export async function* importLines(
  request: Request,
  lines: AsyncIterable<ImportLine> | Iterable<ImportLine>,
  options: ImportOptions = {},
): AsyncGenerator<LineOutcome[]> {
  const portions = portionsOf(lines);
  const read = () => {
    const next = portions.next();
    // Whoever takes no more does not learn of its failure.
    next.catch(() => {});
    return next;
  };
  try {
    for (let next = read(); ; ) {
      const { done, value } = await next;
      if (done) return;
      // While a portion is written the next one is read.
      next = read();
      yield await writePortion(request, value, options);
    }
  } finally {
    await freshenStatistics(request.db);
    // Not waited for: the lines may never come.
    portions.return().catch(() => {});
  }
}

/** Lines as they were read, and the devices of those that could be: each id once. */
interface ReadPortion {
  devices: Map<string, IncomingDevice>;
  lines: ({ line: number; id: string } | { line: number; message: string })[];
}

async function* portionsOf(lines: AsyncIterable<ImportLine> | Iterable<ImportLine>): AsyncGenerator<ReadPortion, void> {
  let read: ReadPortion = { devices: new Map(), lines: [] };
  for await (const line of lines) {
    const given = 'message' in line ? line : readDevice(line.record);
    const device = 'message' in given ? null : given.device;
    // A device that comes twice is written twice, in the order of the file.
    if (read.lines.length >= portion || (device !== null && read.devices.has(device.id))) {
      yield read;
      read = { devices: new Map(), lines: [] };
    }
    if (device !== null) read.devices.set(device.id, device);
    read.lines.push(
      'message' in given ? { line: line.line, message: given.message } : { line: line.line, id: given.device.id },
    );
  }
  if (read.lines.length > 0) yield read;
}

async function writePortion(
  request: Request,
  { devices, lines }: ReadPortion,
  options: ImportOptions,
): Promise<LineOutcome[]> {
  const nothing = { created: [], changed: [] };
  const done =
    devices.size === 0 ? nothing : await upsert(request, [...devices.values()], { cause: 'device import', ...options });
  const [created, changed] = [new Set<string>(done.created), new Set<string>(done.changed)];
  return lines.map((each): LineOutcome => {
    if ('message' in each) return { line: each.line, outcome: 'rejected', message: each.message };
    const { line, id } = each;
    return { line, id, outcome: created.has(id) ? 'created' : changed.has(id) ? 'changed' : 'unchanged' };
  });
}

/** Creates and changes devices, as `importLines`, and counts. */
export async function importDevices(
  request: Request,
  lines: AsyncIterable<ImportLine> | Iterable<ImportLine>,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const result: ImportResult = { created: 0, changed: 0, unchanged: 0, rejected: [], rejectedTotal: 0 };
  let done = 0;
  for await (const outcomes of importLines(request, lines, options)) {
    for (const each of outcomes) {
      if (each.outcome !== 'rejected') result[each.outcome]++;
      else if (++result.rejectedTotal <= mostRejectedTold)
        result.rejected.push({ line: each.line, message: each.message });
    }
    done += outcomes.length;
    options.onProgress?.(done);
  }
  return result;
}

/**
 * Makes devices of agents that no device has the serial of: a first picture where no inventory is at hand.
 * @throws AppError conflict while identity collection is off: then nobody knows of which agents that is true
 */
export async function devicesFromAgents(request: Request, options: ImportOptions = {}): Promise<ImportResult> {
  if (!(await readSettings(request.db)).postureIdentityCollectionOn)
    throw new AppError('conflict', reasonSentence('agent', 'identity_collection_off'));
  return await importDevices(request, unmatchedAgents(request.db), options);
}

async function* unmatchedAgents(db: Pool): AsyncGenerator<ImportLine> {
  // Of agents with one serial the one that would speak for the device gives the name. Read whole before anything is
  // written, since writing changes what is unmatched.
  const { rows } = await db.query(
    `select distinct on (identifiers[1]) agent_id, integration_id, hostname, serials, exists (select from devices where id = 'agent-' || agent_id) as taken
     from agents where reason = 'no_device'
     order by identifiers[1], active is true desc, registered_at desc nulls last, length(agent_id) desc, agent_id desc, integration_id`,
  );
  const taken = new Set<string>();
  for (const [i, row] of rows.entries()) {
    // Two integrations may each have an agent of that id, and somebody may have named a device so: neither is overwritten.
    const plain = `agent-${row.agent_id}`.slice(0, 100);
    const isTaken = row.taken || taken.has(plain);
    taken.add(plain);
    const record = {
      id: isTaken ? `${plain}-${row.integration_id}`.slice(0, 128) : plain,
      hostname: row.hostname?.slice(0, 255) ?? null,
      serialNumbers: row.serials,
    };
    yield { line: i + 1, record };
  }
}
