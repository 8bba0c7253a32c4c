// Why nobody is signed in any more, as far as this browser remembers who was: the service tells no one whether a key or a session ever
// was. What is kept is no secret: until when the session was to last, and what it was made with.

interface Remembered {
  expiresAt: string;
  kind: 'key' | 'link' | 'openid';
}

export interface SessionEnd {
  /** Its time was over; or it was ended before: its key was revoked, or the service forgot it. */
  why: 'over' | 'ended';
  kind: Remembered['kind'];
  /** When it was over, or would have been. */
  expiresAt: string;
}

const name = 'posture-sync session';
/** No clock of a browser is right to the second. */
const clockMs = 60_000;

/** @param session of whoever is signed in; null: they signed out, which needs no reason */
export function rememberSession(session: { expiresAt: string | null; kind: Remembered['kind'] } | null): void {
  try {
    if (session === null || session.expiresAt === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify({ expiresAt: session.expiresAt, kind: session.kind }));
  } catch {
    // A browser may refuse to keep anything: then no reason is told.
  }
}

/** @returns why whoever was signed in here, and did not sign out, is not any more; null: nobody was */
export function sessionEnd(): SessionEnd | null {
  try {
    const { expiresAt, kind } = JSON.parse(localStorage.getItem(name) ?? '{}') as Partial<Remembered>;
    const endMs = Date.parse(expiresAt ?? '');
    if (expiresAt === undefined || kind === undefined || Number.isNaN(endMs)) return null;
    return { why: Date.now() >= endMs - clockMs ? 'over' : 'ended', kind, expiresAt };
  } catch {
    return null;
  }
}
