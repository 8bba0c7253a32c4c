// `device refetch`: has a device's agents read again at once, and tells what came. Where no worker takes it, this command does.
import type { Command } from 'commander';
import { askForRefetch, deviceToRefetch, type Refetch, waitForRefetch } from '../operations/refetch.ts';
import { createAnswerBell } from '../store/answer-bell.ts';
import { createRefetchDesk } from '../sync/refetch-desk.ts';
import { startServing } from '../sync/serving.ts';
import { declare } from './options.ts';
import { counted, say, sayJson } from './output.ts';
import { type Session, withSession } from './session.ts';
import { Failed, type Surroundings } from './surroundings.ts';
import { changeLine } from './sync-text.ts';
import { workerContext } from './worker-context.ts';

/** A worker takes a request within a few milliseconds. */
const workerWithinMs = 1_000;
/** Longer than the longest question. */
const answerWithinMs = 60_000;

export function registerRefetch(group: Command, to: Surroundings): void {
  declare(group, 'refetch <device>', 'read the agents of a device again at once, by its id or serial number', [
    'posture-sync device refetch lt-0042',
    'posture-sync device refetch C02XK1ZZJG5J --json',
  ]).action(async (text: string, options: { json?: boolean }) => {
    await withSession(to, { needsKeys: true, endsItself: true }, async session => {
      const { id: device, hostname } = await deviceToRefetch(session.db, text);
      const id = await askForRefetch(session.request, device);
      const waiting = { db: session.db, bell: createAnswerBell(session.url) };
      let refetch: Refetch | null;
      try {
        refetch = await waitForRefetch(waiting, id, workerWithinMs, to.stop);
        if (refetch?.finishedAt === null) refetch = await serveItself(to, session, waiting, id);
      } finally {
        await waiting.bell.stop();
      }
      if (refetch === null) throw new Failed();
      if (options.json) await sayJson(to, refetch);
      else for (const line of refetchLines(refetch, hostname)) await say(to, line);
      if (refetch.state !== 'done') throw new Failed();
    });
  });
}

/** It takes only what no worker is at. */
async function serveItself(
  to: Surroundings,
  session: Session,
  waiting: Parameters<typeof waitForRefetch>[0],
  id: number,
): Promise<Refetch | null> {
  const { context, egress } = workerContext(session);
  const refetching = { ...context, pool: session.db, concurrency: session.config.syncConcurrency };
  const serving = startServing(refetching, signal => [createRefetchDesk(refetching, signal)]);
  try {
    return await waitForRefetch(waiting, id, answerWithinMs, to.stop);
  } finally {
    await serving.stop();
    egress.close();
  }
}

function refetchLines({ device, state, integrations, error }: Refetch, hostname: string | null): string[] {
  const lines = integrations.flatMap(answer => {
    const { integration, outcome, reason, agents } = answer;
    if (outcome !== 'read') return [`${integration}: ${outcome === 'failed' ? 'failed' : 'not asked'}: ${reason}`];
    const isChanged = answer.old !== null || answer.new !== null;
    return [
      `${integration}: ${agents === 0 ? 'has no agent of it' : `${counted(agents, 'agent')} read`}${isChanged ? '' : ', nothing changed'}`,
      ...(isChanged ? [`  ${changeLine({ device, hostname, old: answer.old, new: answer.new })}`] : []),
    ];
  });
  const ending =
    state === 'done'
      ? []
      : [
          error === null
            ? 'No answer yet. It goes on; ask again later.'
            : integrations.length === 0
              ? error.message
              : '',
        ];
  return [`${device}: ${state === 'done' ? 'read again' : 'not read again'}`, ...lines, ...ending].filter(
    line => line !== '',
  );
}
