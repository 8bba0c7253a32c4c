// The decision log: a line of JSON for each decision that is logged, with what it rests on. Lines wait in a bounded buffer for a
// reader that is slow; what does not fit is dropped and counted, since no decision waits for its line.
import fs from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Answer, Asked, DecisionLog } from './decisions.ts';

export interface DecisionLogOptions {
  /** Null: standard output. */
  file: string | null;
  /** Share of the allowed ones that are logged, from 0 to 1. Denials are always. */
  ofAllowed: number;
  log: Log;
  /** From 0 to below 1, for the share. */
  random?(): number;
  /** Of lines that wait, in characters. 8 million where nothing is said. */
  mostWaiting?: number;
}

export interface OpenDecisionLog extends DecisionLog {
  /** Lines that were not written. */
  dropped(): number;
  /** Writes what waits. */
  stop(): Promise<void>;
}

const usualMostWaiting = 8_000_000;
/** Drops are told so often at most. */
const toldEveryMs = 60_000;
const stopWithinMs = 1_000;

/** @throws AppError invalid when the file cannot be opened */
export function openDecisionLog(options: DecisionLogOptions): OpenDecisionLog {
  const { file, ofAllowed, log, random = Math.random, mostWaiting = usualMostWaiting } = options;
  if (file !== null) tryToOpen(file);
  const stream = pino.destination({
    ...(file === null ? { fd: 1 } : { dest: file, mkdir: true }),
    sync: false,
    maxLength: mostWaiting,
  });
  let dropped = 0;
  let told = 0;
  let isStopped = false;
  stream.on('drop', () => dropped++);
  // A pipe whose reader is gone, a disk that is full: decisions go on.
  stream.on('error', error => {
    dropped++;
    if (!isStopped) log.warn({ err: error }, 'the decision log cannot be written');
  });
  const tell = () => {
    if (dropped === told) return;
    log.warn({ dropped: dropped - told, droppedInAll: dropped }, 'lines of the decision log were dropped');
    told = dropped;
  };
  const telling = setInterval(tell, toldEveryMs);
  telling.unref();
  return {
    note(asked, answer) {
      if (isStopped || (answer.allowed && ofAllowed < 1 && random() >= ofAllowed)) return;
      stream.write(`${lineOf(asked, answer)}\n`);
    },
    dropped: () => dropped,
    async stop() {
      isStopped = true;
      clearInterval(telling);
      tell();
      const ended = new Promise(resolve => {
        stream.once('finish', resolve);
        stream.once('close', resolve);
      });
      stream.end();
      await Promise.race([ended, new Promise(resolve => setTimeout(resolve, stopWithinMs).unref())]);
    },
  };
}

/** The stream opens its file later, and one that it could not open fails at every line. A pipe may have no reader yet. */
function tryToOpen(file: string): void {
  const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = fs.constants;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.closeSync(fs.openSync(file, O_APPEND | O_CREAT | O_NONBLOCK | O_WRONLY));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code !== 'ENXIO') throw new AppError('invalid', `DECISION_LOG_FILE: ${file} cannot be opened: ${code}`);
  }
}

function lineOf(asked: Asked, answer: Answer): string {
  const { id, at, allowed, outcome, device, rule, posture, refusals, grounds, refresh } = answer;
  const age = (confirmedAt: number | null) => (confirmedAt === null ? null : Math.max(0, Math.round(at - confirmedAt)));
  return JSON.stringify({
    at: new Date(at).toISOString(),
    decision: id,
    route: asked.route,
    key: asked.callerId,
    allowed,
    outcome,
    device: device?.id ?? null,
    identities: asked.identities,
    user: asked.user ?? null,
    ...asked.by,
    rule,
    posture,
    reasons: refusals.flatMap(refusal =>
      refusal.reasons.map(({ posture: of, condition, found, unknown, integration, confirmedAt }) => ({
        ...{ posture: of, condition, found, unknown, integration },
        ageMs: age(confirmedAt),
      })),
    ),
    grounds: grounds.map(({ attribute, integration, confirmedAt }) => ({
      attribute,
      integration,
      ageMs: age(confirmedAt),
    })),
    revision: answer.revision,
    policyRevision: answer.policyRevision,
    viewAgeMs: answer.viewAgeMs,
    validUntil: answer.validUntil === null ? null : new Date(answer.validUntil).toISOString(),
    refresh,
  });
}
