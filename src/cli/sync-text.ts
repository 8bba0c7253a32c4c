// What came of a sync, as text for people. Pure.
import { noAgents } from '../operations/integration-view.ts';
import type { PlannedChange } from '../store/withheld.ts';
import type { SyncResult } from '../sync/context.ts';
import { errorText } from './integration-text.ts';
import { counted, fields, printable } from './output.ts';

export function syncLines(result: SyncResult): string[] {
  const { attributes, unmatched, integration } = result;
  const reasons = Object.entries(unmatched).map(([reason, n]) => `${n} ${reason}`);
  const verbs = result.dryRun ? ['would be set', 'would change', 'would be removed'] : ['set', 'changed', 'removed'];
  const total = result.changesTotal ?? 0;
  return [
    `${integration}: ${result.outcome}${result.dryRun ? ' (dry run: nothing was written)' : ''} in ${(result.durationMs / 1_000).toFixed(1)} s`,
    ...fields([
      ['  agents', `${result.agents} on ${counted(result.pages, 'page')}${result.complete ? '' : ', not all of them'}`],
      ['  skipped', result.skipped > 0 ? `${result.skipped} that could not be read` : null],
      ['  matched', result.matched],
      ['  unmatched', reasons.join(', ')],
      [
        '  attributes',
        `${attributes.set} ${verbs[0]}, ${attributes.changed} ${verbs[1]}, ${attributes.removed} ${verbs[2]}`,
      ],
      ['  withheld', attributes.withheld > 0 ? counted(attributes.withheld, 'value') : null],
      ['  events', result.dryRun ? null : result.events],
      [
        '  changes',
        result.dryRun
          ? `${counted(total, 'device')}${total > (result.changes ?? []).length ? ', the first 1000 shown' : ''}`
          : null,
      ],
      ['  error', result.error && errorText(result.error)],
    ]),
    ...(result.outcome === 'held' && result.agents === 0 ? [`  ${noAgents}`] : []),
    ...(result.outcome === 'held' && !result.dryRun
      ? [
          `More devices would lose values than the limit allows, so they keep them. To see them: posture-sync integration show ${integration}`,
          `If they may: posture-sync sync ${integration} --accept`,
        ]
      : []),
  ];
}

/** `dev-000012 (HOST-12): sentinelOne:infected false -> true, sentinelOne:isActive - -> true` */
export function changeLine(change: PlannedChange): string {
  const names = [...new Set([...Object.keys(change.old ?? {}), ...Object.keys(change.new ?? {})])].sort();
  const shown = (values: Record<string, unknown> | null, name: string) =>
    values && name in values ? String(values[name]) : 'not set';
  const parts = names.map(name => `${name} ${shown(change.old, name)} -> ${shown(change.new, name)}`);
  return printable(`${change.device}${change.hostname ? ` (${change.hostname})` : ''}: ${parts.join(', ')}`);
}
