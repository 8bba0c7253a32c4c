// `audit`: who or what changed what, when, from what to what. Oldest first, one entry a line; or by writes, newest first.
import { type Command, Option } from 'commander';
import { type AuditRequest, auditFilter, readAudit } from '../operations/audit.ts';
import { auditCsvHead, auditCsvLine } from '../operations/audit-csv.ts';
import { listAuditGroups, showAuditGroup } from '../operations/audit-groups.ts';
import type { AuditEntry } from '../posture/events.ts';
import type { AuditFilter } from '../store/audit.ts';
import type { AuditGroup } from '../store/audit-groups.ts';
import { addExamples, asOptions, wholeNumber } from './options.ts';
import { printable, say, sayJson, sayText } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

const groupsAtOnce = 200;
const entriesAtOnce = 1_000;

interface AuditOptions {
  json?: boolean;
  since?: string;
  until?: string;
  actor?: string;
  target?: string;
  event?: string;
  targetId?: string;
  csv?: boolean;
  groups?: boolean;
  last: number;
  group?: string;
}

export function registerAudit(command: Command, to: Surroundings): void {
  addExamples(command, [
    'posture-sync audit --since 24h',
    'posture-sync audit --target lt-0042 --event NODE.UPDATE --json',
    'posture-sync audit --groups --last 20',
    'posture-sync audit --group 1042',
    'posture-sync audit --since 2026-11-01 --csv > audit.csv',
  ])
    .option('--since <time>', 'from then on: 2026-11-20T16:00:00Z, 2026-11-20 (UTC), or 24h for the last day')
    .option('--until <time>', 'up to then, in the same forms')
    .option('--actor <who>', 'only by whoever has this id, or with ~anna "anna" in the name; several by commas')
    .option('--target <text>', 'only of targets with this in their id or name')
    .option('--target-id <ids>', 'only of the targets with these ids')
    .option(
      '--event <codes>',
      'only these events or their beginnings, as in NODE.UPDATE,TAILNET; =NODE.UPDATE is that one alone',
    )
    .option('--groups', 'a write a line, newest first')
    .option('--last <n>', 'with --groups: so many at most', wholeNumber(1, 10_000), 100)
    .option('--group <id>', 'only the entries of this write, as --groups and eventGroupID name it')
    .addOption(new Option('--csv', 'as CSV, for spreadsheets').conflicts(['json', 'groups', 'group']))
    .action(async ({ json, csv, groups, last, group, ...options }: AuditOptions) => {
      await withSession(to, {}, async ({ db, now }) => {
        const filter = await asOptions(() => auditFilter(requestOf(options), now));
        if (groups) return await sayGroups(to, { db, now }, filter, last, json === true);
        if (group !== undefined) return await sayGroup(to, { db, now }, group, filter, json === true);
        if (csv) await sayText(to, auditCsvHead);
        for await (const entry of readAudit(db, filter)) {
          to.stop.throwIfAborted();
          if (json) await sayJson(to, entry);
          else if (csv) await sayText(to, auditCsvLine(entry));
          else await say(to, entryLine(entry));
        }
      });
    });
}

type Asking = Parameters<typeof listAuditGroups>[0];

/** What is rare is searched for page by page, until there are enough or nothing is left. */
async function sayGroups(to: Surroundings, by: Asking, filter: AuditFilter, last: number, isJson: boolean) {
  let cursor: string | null = null;
  for (let left = last; left > 0; ) {
    to.stop.throwIfAborted();
    const found: Awaited<ReturnType<typeof listAuditGroups>> = await listAuditGroups(
      by,
      filter,
      cursor,
      Math.min(left, groupsAtOnce),
    );
    for (const group of found.groups) {
      if (isJson) await sayJson(to, groupOf(group));
      else await say(to, groupLine(group));
    }
    left -= found.groups.length;
    cursor = found.nextCursor;
    if (cursor === null) return;
  }
}

async function sayGroup(to: Surroundings, by: Asking, id: string, filter: AuditFilter, isJson: boolean) {
  for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
    to.stop.throwIfAborted();
    const found: Awaited<ReturnType<typeof showAuditGroup>> = await showAuditGroup(
      by,
      id,
      filter,
      cursor,
      entriesAtOnce,
    );
    for (const entry of found.entries) {
      if (isJson) await sayJson(to, entry);
      else await say(to, entryLine(entry));
    }
    cursor = found.nextCursor;
  }
}

function groupOf({ revision, at, actor, cause, runId, entries, first }: AuditGroup) {
  return { eventGroupID: String(revision), eventTime: at, actor, cause, runId, entries, logs: first };
}

/** `2026-11-20T16:00:00Z  1042  anna  device import  12 entries: NODE.CREATE dev-1, NODE.CREATE dev-2, ...` */
function groupLine({ revision, at, actor, cause, entries, first }: AuditGroup): string {
  const told = first.map(({ event, target }) => `${event} ${target.name}`);
  const rest = entries > told.length ? ', ...' : '';
  const time = at.toISOString().replace(/\.\d+Z$/, 'Z');
  const what = `${entries} ${entries === 1 ? 'entry' : 'entries'}: ${told.join(', ')}${rest}`;
  return printable([time, String(revision), actor.loginName, cause, what].join('  '));
}

function requestOf({ since, until, actor, target, targetId, event }: Partial<AuditOptions>): AuditRequest {
  return {
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(actor === undefined ? {} : { actors: actor.split(',') }),
    ...(target === undefined ? {} : { targets: [target] }),
    ...(targetId === undefined ? {} : { targetIds: targetId.split(',') }),
    ...(event === undefined ? {} : { events: event.split(',') }),
  };
}

/** `2026-11-20T16:00:00Z  anna  NODE.UPDATE.ATTRIBUTES  dev-1 (HOST)  infected: false -> true` */
function entryLine(entry: AuditEntry): string {
  const { target } = entry;
  const name = target.name === target.id ? target.id : `${target.id} (${target.name})`;
  const parts = [
    entry.eventTime.replace(/\.\d+Z$/, 'Z'),
    entry.actor.loginName,
    entry.event,
    name,
    difference(entry.old, entry.new),
    entry.actionDetails ?? '',
    entry.error ?? '',
  ];
  return printable(parts.filter(part => part !== '').join('  '));
}

function difference(before: unknown, after: unknown): string {
  if (isRecord(before) || isRecord(after)) {
    const [old, now] = [isRecord(before) ? before : {}, isRecord(after) ? after : {}];
    const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
    return names
      .map(name => {
        if (!isRecord(before)) return `${name}: ${text(now[name])}`;
        return `${name}: ${text(old[name])} -> ${text(now[name])}`;
      })
      .join(', ');
  }
  if (before === undefined && after === undefined) return '';
  return `${text(before)} -> ${text(after)}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  if (value === undefined || value === null) return 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
