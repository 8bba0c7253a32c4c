// How long answers took, counted by route, method and status class: plain numbers that whoever shows them reads. Label sets are
// bounded: routes are those that there are, methods the common ones, statuses their class.

/** Upper bounds in seconds. What took longer is counted last. */
export const latencyBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;

/** Of one route, method and status class. */
export interface Latency {
  readonly route: string;
  readonly method: string;
  /** `2xx` */
  readonly status: string;
  /** Answers within each bound and not within the one before; one more at the end. */
  readonly counts: number[];
  /** All of them together. */
  seconds: number;
}

export interface Latencies {
  /** @param route its pattern, not the path */
  note(route: string, method: string, status: number, ms: number): void;
  /**
   * For what is answered so often that a look-up each would show.
   * @returns what counts an answer to a GET; all of one turn of the event loop are counted with the time that the turn took
   */
  byTurn(route: string): TurnCounter;
  read(): readonly Latency[];
}

export interface TurnCounter {
  /** To be called before the answer is worked out. */
  begin(): void;
  count(status: number): void;
  /** To be called when the answers of the turn are sent; a second call does nothing. */
  end(): void;
}

const commonMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

export function createLatencies(): Latencies {
  const all = new Map<string, Latency>();
  const cell = (route: string, method: string, status: string): Latency => {
    const key = `${status} ${method} ${route}`;
    let found = all.get(key);
    if (found === undefined) {
      found = { route, method, status, counts: new Array(latencyBounds.length + 1).fill(0), seconds: 0 };
      all.set(key, found);
    }
    return found;
  };
  return {
    note(route, method, status, ms) {
      add(cell(route, commonMethods.has(method) ? method : 'other', classOf(status)), 1, ms / 1_000);
    },
    byTurn: route => turnCounter(status => cell(route, 'GET', status)),
    read: () => [...all.values()],
  };
}

function classOf(status: number): string {
  return `${Math.trunc(status / 100)}xx`;
}

function add(latency: Latency, count: number, seconds: number): void {
  let bucket = 0;
  while (bucket < latencyBounds.length && seconds > (latencyBounds[bucket] ?? 0)) bucket++;
  latency.counts[bucket] = (latency.counts[bucket] ?? 0) + count;
  latency.seconds += count * seconds;
}

function turnCounter(cellOf: (status: string) => Latency): TurnCounter {
  // By status class. A typed array, since it is counted at each request of a gateway.
  const counts = new Uint32Array(6);
  const cells: Latency[] = [];
  let startedMs = 0;
  return {
    begin() {
      if (startedMs === 0) startedMs = performance.now();
    },
    count(status) {
      const statusClass = (status / 100) | 0;
      counts[statusClass] = (counts[statusClass] ?? 0) + 1;
    },
    end() {
      if (startedMs === 0) return;
      const seconds = (performance.now() - startedMs) / 1_000;
      startedMs = 0;
      for (let statusClass = 0; statusClass < counts.length; statusClass++) {
        const count = counts[statusClass] ?? 0;
        if (count === 0) continue;
        const cell = cells[statusClass] ?? cellOf(`${statusClass}xx`);
        cells[statusClass] = cell;
        add(cell, count, seconds);
        counts[statusClass] = 0;
      }
    },
  };
}
