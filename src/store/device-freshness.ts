// How old what providers say of a device is, reckoned where it is asked for: a sweep that confirms everybody writes no device's row.
import { customSource } from '../posture/custom-attributes.ts';

const ofRow = 'coalesce(v.frozen_at, greatest(v.observed_at, i.swept_at))';

/** When the oldest values of row v (of integration i) were confirmed. `case` spares nearly every row the look into what is withheld. */
export const evidenceConfirmedAt = `
  case when v.withheld is null then ${ofRow}
    else least(${ofRow}, (select min((w.value ->> 'confirmedAt')::timestamptz) from jsonb_each(v.withheld) w)) end`;

/** Row v is what a provider says of its device. */
export const isEvidence = `v.source <> '${customSource}' and v.values <> '{}'`;
export const evidenceRows = 'device_attributes v left join integrations i on i.id = v.integration_id';

/** Of device d: when the oldest of what providers say was confirmed; null: they say nothing. */
export const deviceConfirmedAt = `(select min(${evidenceConfirmedAt}) from ${evidenceRows} where v.device_id = d.id and ${isEvidence})`;

/** Whether providers say nothing of device d, or all that they say was confirmed since a time, or not all of it was. */
export const freshnessStates = ['fresh', 'stale', 'none'] as const;
export type FreshnessState = (typeof freshnessStates)[number];

/** @param since gives an SQL expression, where one is needed @returns an SQL condition on device d */
export function freshnessCondition(state: FreshnessState, since: () => string): string {
  const exists = (what: string) =>
    `exists (select from ${evidenceRows} where v.device_id = d.id and ${isEvidence}${what})`;
  if (state === 'none') return `not ${exists('')}`;
  const old = exists(` and coalesce(${evidenceConfirmedAt} < ${since()}, true)`);
  return state === 'stale' ? old : `(${exists('')} and not ${old})`;
}
