// How many requests somebody may make: counted in windows, in this process's memory, by its monotonic clock, so that no jump
// of the wall clock refuses or admits anybody.

const windowMs = 10_000;
const hourMs = 3_600_000;
/** Beyond so many, the one that was counted longest ago is forgotten. */
const mostCounted = 20_000;

/** Requests in 10 s. */
export const requestLimits = {
  /** Of a key, for administration. */
  perKey: 50_000,
  /** Of a key, for decisions: a gateway asks for each request of its users. */
  perGatewayKey: 1_000_000,
  /** Of a key, for reports: it lies on every device, and so in the wrong hands sooner than others. */
  perReportKey: 2_000,
  /** Without a key that holds, from one network. */
  perNetwork: 1_000,
  /** Attempts to sign in, from one network. */
  signInsPerNetwork: 100,
} as const;

/** Reports of devices' identity in an hour. */
export const reportLimits = {
  /** Of one device: reporters do so once a day, and when somebody looks what they do. */
  perDevice: 20,
  /** Of a key, for devices that are not known: created or refused. */
  perKeyOfNewDevices: 5_000,
} as const;

export interface Limiter {
  /**
   * Counts a request.
   * @param who whose it is
   * @returns 0, or after how many seconds to come back when there were more than `most` in this window
   */
  take(who: string, most: number): number;
}

/** @param clock milliseconds that only ever go forward @param lengthMs of a window: 10 s where nothing is said */
export function createLimiter(clock: () => number = () => performance.now(), lengthMs: number = windowMs): Limiter {
  const windows = new Map<string, { count: number; endsAt: number }>();
  return {
    take(who, most) {
      const at = clock();
      let window = windows.get(who);
      if (!window || window.endsAt <= at) {
        // Put at the end, so that the map stands in the order of its windows.
        windows.delete(who);
        window = { count: 0, endsAt: at + lengthMs };
        windows.set(who, window);
        const [oldest] = windows.keys();
        if (windows.size > mostCounted && oldest !== undefined) windows.delete(oldest);
      }
      window.count++;
      return window.count <= most ? 0 : Math.max(1, Math.ceil((window.endsAt - at) / 1_000));
    },
  };
}

export interface ReportLimits {
  /** Counts a report. @returns 0, or after how many seconds to come back */
  take(keyId: string, device: string, isNew: boolean): number;
}

/** @param clock as of createLimiter */
export function createReportLimits(clock?: () => number): ReportLimits {
  // Apart, so that ids that are made up cannot push the counts of keys out.
  const [ofDevices, ofKeys] = [createLimiter(clock, hourMs), createLimiter(clock, hourMs)];
  return {
    take(keyId, device, isNew) {
      const seconds = ofDevices.take(device, reportLimits.perDevice);
      return seconds > 0 || !isNew ? seconds : ofKeys.take(keyId, reportLimits.perKeyOfNewDevices);
    },
  };
}
