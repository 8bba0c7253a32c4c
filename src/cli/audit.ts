// `audit`: who or what changed what, when, from what to what. Oldest first, one entry a line.
import type { Command } from 'commander';
import { type AuditRequest, auditFilter, readAudit } from '../operations/audit.ts';
import type { AuditEntry } from '../posture/events.ts';
import { asOptions, declare } from './options.ts';
import { printable, say, sayJson } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

interface AuditOptions {
  json?: boolean;
  since?: string;
  until?: string;
  actor?: string;
  target?: string;
  event?: string;
}

export function registerAudit(program: Command, to: Surroundings): void {
  declare(program, 'audit', 'print the audit log, oldest first', [
    'posture-sync audit --since 24h',
    'posture-sync audit --target lt-0042 --event NODE.UPDATE --json',
  ])
    .option('--since <time>', 'from then on: 2026-11-20T16:00:00Z, 2026-11-20 (UTC), or 24h for the last day')
    .option('--until <time>', 'up to then, in the same forms')
    .option('--actor <who>', 'only by whoever has this id, or with ~anna "anna" in the name')
    .option('--target <text>', 'only of targets with this in their id or name')
    .option('--event <codes>', 'only these events or their beginnings, as in NODE.UPDATE,TAILNET')
    .action(async ({ json, ...options }: AuditOptions) => {
      await withSession(to, {}, async ({ db, now }) => {
        const filter = await asOptions(() => auditFilter(requestOf(options), now));
        for await (const entry of readAudit(db, filter)) {
          to.stop.throwIfAborted();
          if (json) await sayJson(to, entry);
          else await say(to, entryLine(entry));
        }
      });
    });
}

function requestOf({ since, until, actor, target, event }: AuditOptions): AuditRequest {
  return {
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(actor === undefined ? {} : { actors: [actor] }),
    ...(target === undefined ? {} : { targets: [target] }),
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
