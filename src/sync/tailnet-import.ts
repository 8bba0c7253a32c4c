// Devices imported from a tailnet on schedule. The table's one row is the queue: of all workers the one that moves its time has
// the turn, and tries it once; whatever comes of it, the next is an interval later. That it fails is told once, and when it ends.
import cron from 'node-cron';
import { ProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import { storedError } from '../operations/integration-test.ts';
import { importTailnet } from '../operations/tailnet-import.ts';
import { worker } from '../posture/events.ts';
import type { Egress } from '../providers/http.ts';
import type { Now, Pool } from '../store/client.ts';
import { forgetTailnetImport, storeImported, storeImportFailed, takeTurn } from '../store/tailnet-import.ts';
import { cronLogger } from './turns.ts';

/** Where devices come from. */
export interface ScheduledTailnet {
  url: string;
  intervalMs: number;
  /** @throws ProviderError settings where there is none */
  readKey(): Promise<string>;
}

export interface TailnetImportContext {
  pool: Pool;
  egress: Egress;
  now: Now;
  log: Log;
  /** Null or absent: none. */
  tailnet?: ScheduledTailnet | null;
}

/** Of rejected entries so many are kept to be shown. */
const mostRejectedKept = 20;

export function startTailnetImports(context: TailnetImportContext): { stop(): Promise<void> } {
  const { log } = context;
  const look = createTailnetLook(context);
  const stopping = new AbortController();
  let isFailing = false;
  let current: Promise<void> = Promise.resolve();
  const tick = () => {
    if (stopping.signal.aborted) return;
    // One after the other, also where the first one takes long: a stop waits for what is under way.
    const looked = current.then(() => look(stopping.signal));
    current = looked.then(
      () => {
        isFailing = false;
      },
      error => {
        // The database is away, or a bug.
        if (!stopping.signal.aborted && !isFailing) log.error({ err: error }, 'importing devices broke off; trying on');
        isFailing = true;
      },
    );
    return current;
  };
  const task = cron.schedule('* * * * *', tick, { noOverlap: true, logger: cronLogger(log) });
  void tick();
  return {
    async stop() {
      stopping.abort(new Error('the service stops'));
      await task.destroy();
      await current;
    },
  };
}

/** @returns what looks once; it throws when the database is away */
export function createTailnetLook(context: TailnetImportContext): (stopping: AbortSignal) => Promise<void> {
  const { pool, tailnet } = context;
  let isForgotten = false;
  return async stopping => {
    if (tailnet) return await importWhenDue(context, tailnet, stopping);
    // Once: where another worker still imports from somewhere, it must not find at each look that it never did.
    if (!isForgotten) await forgetTailnetImport(pool);
    isForgotten = true;
  };
}

/** One look. Any number of workers may look at once. @throws when the database is away */
export async function importWhenDue(
  context: TailnetImportContext,
  { url: given, intervalMs, readKey }: ScheduledTailnet,
  stopping: AbortSignal,
): Promise<void> {
  const { pool, egress, now, log } = context;
  // As it is shown to others: a password in it would not be for them.
  const url = new URL(given).origin;
  if (!(await takeTurn(pool, url, now(), intervalMs))) return;
  // Before the next turn comes, which another worker may take.
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(intervalMs)]);
  try {
    const request = { db: pool, now, actor: worker };
    const { rejected, ...counts } = await importTailnet(request, { egress, url: given, key: await readKey() }, signal, {
      origin: 'CONTROL',
    });
    const result = { ...counts, rejected: rejected.slice(0, mostRejectedKept) };
    const failingSince = await storeImported(pool, url, now(), result);
    log.info({ ...counts, ...(failingSince ? { failingSince } : {}) }, 'devices imported');
  } catch (error) {
    if (stopping.aborted) return;
    const failure = signal.aborted
      ? new ProviderError('unavailable', 'the list of devices did not come in time')
      : error;
    if (!(failure instanceof ProviderError)) throw failure;
    const isNew = await storeImportFailed(pool, url, now(), storedError(failure));
    const { kind, message, status } = failure;
    log[isNew ? 'warn' : 'debug']({ kind, message, status }, 'devices could not be imported');
  }
}
