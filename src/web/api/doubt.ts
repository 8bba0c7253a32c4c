// Since when nothing is known: whether what is shown as good may still be called so. A connection that is lost for a moment is no news.
// One that stays lost is, until it is back and all that is shown was asked anew.

/** Nothing is known since then, in RFC 3339: the service cannot be reached, or it cannot reach its database. */
export interface Doubt {
  since: string;
  why: 'lost' | 'away';
}

/** A service that is started anew, or a network that changes, takes so long. */
const graceMs = 4_000;
/** The service says something every 15 s: where it said nothing for so long, a loss is none of a moment. */
export const silentMs = 40_000;
const lookMs = 5_000;

export interface Doubts {
  /** The service said something, and has its database. */
  heard(): void;
  lost(why: Doubt['why']): void;
  /** @param caughtUp resolves when what is shown was asked anew */
  regained(caughtUp: Promise<unknown>): void;
  stop(): void;
}

/** @param tell gets each doubt that arises, and null when it is gone */
export function createDoubts(tell: (doubt: Doubt | null) => void): Doubts {
  let heardMs = Date.now();
  let told: Doubt | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let losses = 0;
  /** What is being asked anew since the last loss. */
  let pending: Promise<unknown> = Promise.resolve();
  const say = (doubt: Doubt | null) => {
    told = doubt;
    tell(doubt);
  };
  const calm = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  let why: Doubt['why'] = 'lost';
  return {
    heard() {
      heardMs = Date.now();
    },
    lost(reason) {
      losses++;
      pending = Promise.resolve();
      why = reason;
      if (told !== null && told.why !== why) say({ ...told, why });
      if (told !== null) return;
      const since = new Date(heardMs).toISOString();
      // Looked at again after hours, or woken up: what is shown is as old as that already.
      if (Date.now() - heardMs > silentMs) {
        calm();
        return say({ since, why });
      }
      if (timer !== undefined) return;
      timer = setTimeout(() => {
        timer = undefined;
        say({ since, why });
      }, graceMs);
    },
    regained(caughtUp) {
      calm();
      // What could not be asked anew says so in its own place. What comes later, and is asked sooner, ends nothing that is still asked.
      pending = Promise.all([pending, caughtUp.catch(() => {})]);
      if (told === null) return;
      const before = losses;
      void pending.then(() => {
        if (losses === before && told !== null) say(null);
      });
    },
    stop: calm,
  };
}

/**
 * Looks by the clock, since timers stand still while a machine sleeps.
 * @param heardMs when something was heard last; null: nobody listens
 * @param silent called when nothing was heard for too long
 * @returns stops it
 */
export function watchSilence(heardMs: () => number | null, silent: () => void): () => void {
  const timer = setInterval(() => {
    const last = heardMs();
    if (last !== null && Date.now() - last > silentMs) silent();
  }, lookMs);
  return () => clearInterval(timer);
}
