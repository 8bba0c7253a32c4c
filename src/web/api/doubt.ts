// Since when nothing is known: whether what is shown as good may still be called so. A connection that is lost for a moment is no news.
// One that stays lost is, until it is back and all that is shown was asked anew.

/** Nothing is known since then, in RFC 3339: the service cannot be reached, or it cannot reach its database. */
export interface Doubt {
  since: string;
  why: 'lost' | 'away';
}

/** A service that is started anew, or a network that changes, takes so long. */
const graceMs = 4_000;

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
      why = reason;
      if (told !== null && told.why !== why) say({ ...told, why });
      if (told !== null || timer !== undefined) return;
      const since = new Date(heardMs).toISOString();
      timer = setTimeout(() => {
        timer = undefined;
        say({ since, why });
      }, graceMs);
    },
    regained(caughtUp) {
      calm();
      if (told === null) return;
      const before = losses;
      // What could not be asked anew says so in its own place.
      void caughtUp
        .catch(() => {})
        .then(() => {
          if (losses === before && told !== null) say(null);
        });
    },
    stop: calm,
  };
}
