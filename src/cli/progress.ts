// Progress of long work, on standard error: one line that overwrites itself on a terminal, elsewhere a plain line at most
// every 5 seconds, so that a log of CI stays short.
import { printable, roughly } from './output.ts';
import type { Surroundings } from './surroundings.ts';

export interface Progress {
  /** Shows where the work is. Cheap enough to be called at every step. */
  show(text: string): void;
  /** Takes the line away, so that what follows starts on an empty one. */
  end(): void;
}

const plainEveryMs = 5_000;
const terminalEveryMs = 100;

export function startProgress({ stderr }: Surroundings, clock: () => number = () => performance.now()): Progress {
  const isTerminal = stderr.isTTY === true;
  // Work that is done at once shows nothing on a pipe.
  let lastMs = isTerminal ? Number.NEGATIVE_INFINITY : clock();
  let isShown = false;
  return {
    show(text) {
      const nowMs = clock();
      if (nowMs - lastMs < (isTerminal ? terminalEveryMs : plainEveryMs)) return;
      lastMs = nowMs;
      const line = printable(text);
      if (isTerminal) stderr.write(`\r\u001b[K${line.slice(0, (stderr.columns ?? 80) - 1)}`);
      else stderr.write(`${line}\n`);
      isShown = isTerminal;
    },
    end() {
      if (isShown) stderr.write('\r\u001b[K');
      isShown = false;
    },
  };
}

/** @returns `12 pages, 12000 of 50000 agents, 8000/s, 5s left` */
export function pace(
  done: { pages?: number; count: number; total: number | null; what: string },
  elapsedMs: number,
): string {
  const perSecond = elapsedMs > 500 ? done.count / (elapsedMs / 1_000) : 0;
  const left = done.total !== null && perSecond > 0 ? ((done.total - done.count) / perSecond) * 1_000 : null;
  return [
    ...(done.pages === undefined ? [] : [`${done.pages} pages`]),
    `${done.count}${done.total === null ? '' : ` of ${done.total}`} ${done.what}`,
    ...(perSecond > 0 ? [`${Math.round(perSecond)}/s`] : []),
    ...(left !== null && left > 0 ? [`${roughly(left)} left`] : []),
  ].join(', ');
}
