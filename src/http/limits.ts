// How many requests somebody may make: counted in windows of 10 s, in this process's memory, by its monotonic clock, so
// that no jump of the wall clock refuses or admits anybody.

const windowMs = 10_000;
/** Beyond so many, the one that was counted longest ago is forgotten. */
const mostCounted = 20_000;

/** Requests in 10 s. */
export const requestLimits = {
  /** Of a key, for administration. */
  perKey: 50_000,
  /** Of a key, for decisions: a gateway asks for each request of its users. */
  perGatewayKey: 1_000_000,
  /** Without a key that holds, from one network. */
  perNetwork: 1_000,
} as const;

export interface Limiter {
  /**
   * Counts a request.
   * @param who whose it is
   * @returns 0, or after how many seconds to come back when there were more than `most` in this window
   */
  take(who: string, most: number): number;
}

/** @param clock milliseconds that only ever go forward */
export function createLimiter(clock: () => number = () => performance.now()): Limiter {
  const windows = new Map<string, { count: number; endsAt: number }>();
  return {
    take(who, most) {
      const at = clock();
      let window = windows.get(who);
      if (!window || window.endsAt <= at) {
        // Put at the end, so that the map stands in the order of its windows.
        windows.delete(who);
        window = { count: 0, endsAt: at + windowMs };
        windows.set(who, window);
        const [oldest] = windows.keys();
        if (windows.size > mostCounted && oldest !== undefined) windows.delete(oldest);
      }
      window.count++;
      return window.count <= most ? 0 : Math.max(1, Math.ceil((window.endsAt - at) / 1_000));
    },
  };
}
