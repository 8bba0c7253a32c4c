// Sends notices to webhooks. Each webhook is one worker's turn at a time, by a lock of that worker's session: so its notices go
// out in order, at its pace, and those of a worker that dies are taken up at once by another one. What is marked as delivered
// was; what was delivered may be sent once more.
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';
import type { Log } from '../log.ts';
import type { Egress } from '../providers/http.ts';
import type { Now, Pool, Session } from '../store/client.ts';
import { nextNotices, noticeKey, type WaitingNotice, webhooksWithWork } from '../store/deliveries.ts';
import { watchHeadPatiently } from '../store/head.ts';
import { endWebhookTurn, tryWebhookTurn, type Webhook, webhookById } from '../store/webhooks.ts';
import { attempt } from './notice-attempt.ts';

export interface NoticesContext {
  databaseUrl: string;
  pool: Pool;
  egress: Egress;
  /** What notices to a webhook are signed with at a time. @throws AppError when they cannot be opened */
  signingSecretsOf(webhook: Webhook, at: Date): Promise<readonly string[]> | readonly string[];
  now: Now;
  log: Log;
  /** An answer that takes longer is none. 15 s. */
  noticeTimeoutMs?: number;
  /** Tests stop or change things at these points. */
  reachedInNotices?(point: 'sent' | 'marked', notice: WaitingNotice): Promise<void> | void;
}

/** Notices of one webhook under way at once, and how many are begun in a second, at most: also when it was away for days. */
export const pace = { atOnce: 4, perSecond: 25 };
/** Read together. */
const portion = 50;
/** The turns of a frozen worker end by themselves after so long. */
const sessionIdleMs = 60_000;
/** Looking through a hundred thousand notices that wait. */
const answerWithinMs = 30_000;
/** What is under way at a stop may end by itself for so long. */
const stopWithinMs = 5_000;

/** A webhook that this worker sends to. */
interface Turn {
  readonly id: string;
  readonly session: Session;
  /** One at a time looks for what is next. */
  readonly looking: LimitFunction;
  ready: WaitingNotice[];
  readonly underWay: Set<string>;
  lanes: number;
  /** By the monotonic clock. */
  freeAt: number;
}

interface State {
  readonly context: NoticesContext;
  /** Nothing new is begun. */
  readonly stopping: AbortController;
  /** What is under way is cut. */
  readonly cutting: AbortController;
  readonly lanes: Set<Promise<void>>;
  session: Session | null;
  turns: Map<string, Turn>;
}

/** Begins to send what waits; the database may be away. */
export function startNotices(context: NoticesContext): { stop(): Promise<void> } {
  const state: State = {
    context,
    stopping: new AbortController(),
    cutting: new AbortController(),
    lanes: new Set(),
    session: null,
    turns: new Map(),
  };
  const watch = watchHeadPatiently(context.databaseUrl, {
    applicationName: 'posture-sync notices',
    answerWithinMs,
    atEveryLook: true,
    onMoved: session => look(state, session),
  });
  return {
    async stop() {
      state.stopping.abort();
      const cut = setTimeout(() => state.cutting.abort(new Error('the service stops')), stopWithinMs);
      await Promise.all(state.lanes);
      clearTimeout(cut);
      await watch.stop();
    },
  };
}

/** Takes the turns of webhooks that have work and nobody is at, and has as many lanes at work on each as there may be. */
async function look(state: State, session: Session): Promise<void> {
  if (state.session !== session) {
    await session.query(`set idle_session_timeout = ${sessionIdleMs}`);
    // With the session before all its turns have ended.
    state.session = session;
    state.turns = new Map();
  }
  if (state.stopping.signal.aborted) return;
  const ids = await webhooksWithWork(session, state.context.now());
  for (const turn of state.turns.values()) {
    if (turn.lanes > 0 || ids.includes(turn.id)) continue;
    state.turns.delete(turn.id);
    await endWebhookTurn(session, turn.id);
  }
  for (const id of ids) {
    let turn = state.turns.get(id);
    if (turn === undefined) {
      if (!(await tryWebhookTurn(session, id))) continue;
      turn = { id, session, looking: pLimit(1), ready: [], underWay: new Set(), lanes: 0, freeAt: 0 };
      state.turns.set(id, turn);
    }
    while (turn.lanes < pace.atOnce) openLane(state, turn);
  }
}

function openLane(state: State, turn: Turn): void {
  turn.lanes++;
  const work = runLane(state, turn)
    .catch(error => {
      // A session that was lost is followed by another one, which finds all that was not marked.
      if (state.session === turn.session && !state.cutting.signal.aborted)
        state.context.log.warn({ err: error, webhook: turn.id }, 'sending notices broke off; trying on');
    })
    .finally(() => {
      state.lanes.delete(work);
      turn.lanes--;
    });
  state.lanes.add(work);
}

async function runLane(state: State, turn: Turn): Promise<void> {
  for (;;) {
    const next = await turn.looking(() => nextOf(state, turn));
    if (next === null) return;
    const key = noticeKey(next.notice);
    try {
      const isTaken = await attempt(state.context, next.webhook, next.notice, state.cutting.signal);
      // Whether more is sent now is to be looked at anew.
      if (!isTaken) turn.ready = [];
    } finally {
      turn.underWay.delete(key);
    }
  }
}

/** @returns what to send next, when its time has come; null where there is nothing for now */
async function nextOf(state: State, turn: Turn): Promise<{ webhook: Webhook; notice: WaitingNotice } | null> {
  const { context, stopping } = state;
  const { pool } = context;
  await sleep(Math.max(0, turn.freeAt - performance.now()), undefined, { signal: stopping.signal }).catch(() => {});
  // Whoever lost its session lost its turns.
  if (stopping.signal.aborted || state.session !== turn.session) return null;
  // Read for each notice: what an administrator changes holds from the next one on.
  const webhook = await webhookById(pool, turn.id);
  const at = context.now();
  if (webhook === null || webhook.disabledAt !== null) return null;
  if (webhook.nextAttemptAt !== null && webhook.nextAttemptAt > at) return null;
  const isAway = webhook.failingSince !== null;
  // A receiver that took nothing lately is asked by one notice at a time whether it is back.
  if (isAway && turn.underWay.size > 0) return null;
  if (isAway) turn.ready = [];
  if (turn.ready.length === 0) {
    const wanted = isAway ? 'probe' : { due: at, most: portion };
    turn.ready = await nextNotices(pool, turn.id, wanted, [...turn.underWay]);
  }
  const notice = turn.ready.shift();
  if (notice === undefined) return null;
  turn.underWay.add(noticeKey(notice));
  turn.freeAt = Math.max(turn.freeAt, performance.now()) + 1_000 / pace.perSecond;
  return { webhook, notice };
}
