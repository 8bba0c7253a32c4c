// docs/events.md, from the catalogue of events: a golden file that a test compares. Pure.
import { type EventSpec, eventCatalogue } from './events.ts';

/** @returns the Markdown of docs/events.md */
export function eventsMarkdown(): string {
  const rows = Object.entries<EventSpec>(eventCatalogue).map(
    ([code, { about, tailscale }]) => `| \`${code}\` | ${tailscale ? 'yes' : ''} | ${about.replaceAll('|', '\\|')} |`,
  );
  return [
    '# Audit events',
    '',
    'Made from the catalogue in `src/posture/events.ts`: `npm run generate` writes this file, and a test compares it.',
    '',
    "An entry has the shape of Tailscale's configuration audit log, with our code beside it in `event`. A code is",
    '`TARGET.ACTION[.PROPERTY]`; its parts stand in `target.type`, `action` and `target.property` too. Codes are never',
    "renamed. Those marked are Tailscale's own names, so that rules written for its log find them.",
    '',
    '| event | Tailscale | meaning |',
    '|---|---|---|',
    ...rows,
    '',
    'All entries of one audited write share `eventGroupID`, the revision. Revisions are the order of writes, without gaps.',
    '`actor` is who asked, or "posture-sync worker" for what a sync or the passing of time does. `origin` is `CONFIG_API`',
    'for what was asked for by a command or the API, `ADMIN_CONSOLE` for the pages, and `CONTROL` for what happened by itself.',
    '',
    '```json',
    JSON.stringify(
      {
        eventTime: '2026-11-20T16:00:00.000Z',
        type: 'CONFIG',
        eventGroupID: '42',
        origin: 'CONTROL',
        actor: {
          id: 'posture-sync',
          type: 'AUTOMATED_WORKER',
          loginName: 'posture-sync',
          displayName: 'posture-sync worker',
        },
        target: { id: 'lt-0042', name: 'ANNA-LT', type: 'NODE', property: 'ATTRIBUTES' },
        action: 'UPDATE',
        old: { 'sentinelOne:infected': false },
        new: { 'sentinelOne:infected': true },
        event: 'NODE.UPDATE.ATTRIBUTES',
      },
      null,
      2,
    ),
    '```',
    '',
  ].join('\n');
}
