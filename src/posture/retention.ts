// How long things are kept, for who drops them and for who tells of it. The audit log's own time is configured (AUDIT_RETENTION).
const hour = 3_600_000;
const day = 24 * hour;

/** Gone agents and tombstones of values are kept so long: to explain, and for readers of the change feed. */
export const goneKeptMs = 30 * day;
/** Runs older than this are dropped, but for so many of the newest of each integration. */
export const runsKept = { ms: goneKeptMs, newest: 1_000 };
/** Notices are kept so long after their delivery; those that were given up, or wait for a disabled webhook, longer. */
export const noticesKept = { ms: 7 * day, undeliveredMs: 30 * day };
/** Requests that ended are kept for whoever asked; those by which devices lost values for as long as the limits count that. */
export const requestsKept = { ms: hour, withLossesMs: day };
