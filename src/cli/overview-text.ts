// The overview and its history as people read them in a terminal.
import type { Overview } from '../operations/overview.ts';
import { percent } from '../operations/overview-attention-item.ts';
import type { OverviewHistory } from '../operations/overview-history.ts';
import { fields, printable, roughly, table, timeAndAge } from './output.ts';

export function overviewLines(overview: Overview, now: Date): string[] {
  const { verdict, attention, devices, oldestEvidence: oldest } = overview;
  const from = oldest?.integration ? ` of "${oldest.integration.name}"` : '';
  return [
    printable(verdict.sentence),
    ...attentionLines(attention, now),
    '',
    ...fields([
      ['devices', devices.total],
      ['fresh posture', devices.freshShare === null ? null : `${devices.fresh} (${percent(devices.freshShare)})`],
      ['stale posture', devices.stale],
      ['no posture', devices.none],
      ['oldest evidence', oldest && `${timeAndAge(oldest.confirmedAt, now)}, ${oldest.device}${from}`],
    ]),
    devices.freshMeans,
    verdict.means,
    ...listed(
      ['NO POSTURE', 'WHY'],
      devices.without.map(({ devices: n, sentence }) => [n, sentence]),
    ),
    ...listed(
      ['INTEGRATION', 'STATE', 'LAST SUCCESS', 'AGENTS', 'MATCHED', 'RATE'],
      overview.integrations.map(({ name, state, lastSuccess, agents, matched, matchRate }) => [
        ...[name, state, timeAndAge(lastSuccess, now) ?? 'never', agents, matched],
        matchRate === null ? null : percent(matchRate),
      ]),
    ),
    ...listed(
      ['POSTURE', 'PASSING', 'FAILING', 'UNKNOWN'],
      overview.postures.map(({ posture, passing, failing, unknown }) => [posture, passing, failing, unknown]),
    ),
  ];
}

function attentionLines(attention: Overview['attention'], now: Date): string[] {
  return attention.flatMap(({ severity, message, action, since }) => [
    '',
    printable(`${severity.toUpperCase()}: ${message}${since === null ? '' : ` Since ${timeAndAge(since, now)}.`}`),
    printable(`  ${action}`),
  ]);
}

type Rows = Parameters<typeof table>[1];

function listed(header: readonly string[], rows: Rows): string[] {
  return rows.length === 0 ? [] : ['', ...table(header, rows)];
}

export function historyLines({ from, stepMs, devices, postures }: OverviewHistory): string[] {
  const begun = Date.parse(from);
  const rows = devices.total.flatMap((total, i) => {
    if (total === null) return [];
    const at = new Date(begun + i * stepMs).toISOString().replace(/\.\d+Z$/, 'Z');
    const fresh = devices.fresh[i] ?? 0;
    const age = devices.oldestEvidenceAgeMs[i] ?? null;
    const passing = postures.map(({ passing: series }) => series[i] ?? null);
    return [
      [at, total, fresh, total === 0 ? null : percent(fresh / total), age === null ? null : roughly(age), ...passing],
    ];
  });
  if (rows.length === 0) return ['Nobody sampled in this time: workers do, each few minutes.'];
  const header = ['FROM', 'DEVICES', 'FRESH', 'SHARE', 'OLDEST'];
  return table([...header, ...postures.map(({ posture }) => posture)], rows);
}
