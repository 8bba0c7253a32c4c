// The worker as a supervised child process, so that a sweep never delays an answer. It is started again when it ends, less
// and less eagerly; it ends with its parent, whatever ends that.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, getPriority, setPriority } from 'node:os';
import type { Log } from '../log.ts';

/** What the child says once its scheduler runs. */
export const workerIsReady = 'worker is ready';

const backoffMs = { least: 1_000, most: 30_000 };
/** One that ran so long was well: the next restart is quick again. */
const wellAfterMs = 60_000;
const stopWithinMs = 8_500;

export interface WorkerProcess {
  /** It runs, and its scheduler too. */
  isReady(): boolean;
  /** Tells it to stop and waits; kills it when it takes longer than 8.5 s. */
  stop(): Promise<void>;
}

/** @param program the file that the process was started with, main.ts */
export function superviseWorker(program: string, log: Log): WorkerProcess {
  let child: ChildProcess | null = null;
  let isReady = false;
  let isStopping = false;
  let waitMs = backoffMs.least;
  let timer: NodeJS.Timeout | undefined;

  const start = () => {
    const startedMs = performance.now();
    const started = fork(program, ['serve', '--as-worker'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child = started;
    if (started.pid !== undefined) yieldToAnswers(started.pid);
    started.on('message', message => {
      isReady = message === workerIsReady;
    });
    started.once('error', err => log.error({ err }, 'the worker cannot be started'));
    started.once('exit', (code, signal) => {
      child = null;
      isReady = false;
      if (isStopping) return;
      if (performance.now() - startedMs > wellAfterMs) waitMs = backoffMs.least;
      log.error({ code, signal, againInMs: waitMs }, 'the worker ended; starting it again');
      timer = setTimeout(start, waitMs);
      waitMs = Math.min(waitMs * 2, backoffMs.most);
    });
  };
  start();

  return {
    isReady: () => isReady,
    async stop() {
      isStopping = true;
      clearTimeout(timer);
      const running = child;
      if (running === null) return;
      const gone = once(running, 'exit');
      running.kill('SIGTERM');
      const kill = setTimeout(() => running.kill('SIGKILL'), stopWithinMs);
      await gone;
      clearTimeout(kill);
    },
  };
}

/** Where there are too few processors a sweep takes longer, and decisions do not wait for it. */
export function yieldToAnswers(pid: number): void {
  try {
    // Below what this process has, which may be below normal itself.
    const { PRIORITY_BELOW_NORMAL, PRIORITY_LOW } = constants.priority;
    setPriority(pid, Math.min(getPriority() + PRIORITY_BELOW_NORMAL, PRIORITY_LOW));
  } catch {
    // It ended already, or the system has no priorities for us.
  }
}
