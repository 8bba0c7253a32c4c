// `attribute set|delete|batch|list|history`: custom posture attributes of a device, which administrators state, beside all others that
// it has, and what became of each.
import { type Command, Option } from 'commander';
import { type HistoryEntry, type HistoryQuery, wholeAttributeHistory } from '../operations/attribute-history.ts';
import {
  deleteAttribute,
  patchAttributes,
  type ReadAttribute,
  readAttributes,
  setAttribute,
} from '../operations/attributes.ts';
import { parseDuration } from '../posture/duration.ts';
import { customLines } from './device-text.ts';
import { asOptions, declare, wholeNumber } from './options.ts';
import { counted, printable, say, sayJson, table, timeAndAge } from './output.ts';
import { withSession } from './session.ts';
import { type Surroundings, wrongUse } from './surroundings.ts';
import { readJsonFile } from './text-file.ts';

const valueTypes = ['boolean', 'number', 'string'] as const;
type ValueType = (typeof valueTypes)[number];

const keyRules = `
A key is custom: and then letters, digits, underscores and colons, 128 characters at most. Its first value gives it its type and
its spelling, for all devices. A value is true, false, a whole number, or a text of at most 50 letters, digits, underscores
and periods.`;

export function registerAttribute(group: Command, to: Surroundings): void {
  registerSet(group, to);
  registerDelete(group, to);
  registerBatch(group, to);
  declare(group, 'list <device>', 'list all attributes that a device has', [
    'posture-sync attribute list lt-0042',
  ]).action(async (device: string, options: { json?: boolean }) => {
    await withSession(to, {}, async ({ request, now }) => {
      const found = Object.entries(await readAttributes(request, device));
      if (options.json) for (const [name, attribute] of found) await sayJson(to, { name, ...attribute });
      else for (const line of listLines(device, found, now())) await say(to, line);
    });
  });
  registerHistory(group, to);
}

const collect = (value: string, before: readonly string[] = []) => [...before, value];

function registerHistory(group: Command, to: Surroundings): void {
  declare(group, 'history <device>', 'print how the attributes of a device changed, newest first', [
    'posture-sync attribute history lt-0042 --since 7d',
    'posture-sync attribute history lt-0042 --key sentinelOne:infected --last 10',
  ])
    .option('--key <name>', 'only this attribute; may be repeated', collect)
    .option('--since <time>', 'from then on: 2026-11-20T16:00:00Z, 2026-11-20 (UTC), or 24h for the last day')
    .option('--until <time>', 'up to then, in the same forms')
    .option('--last <n>', 'only so many, the newest', wholeNumber(1, 1_000_000))
    .action(async (device: string, options: HistoryOptions) => {
      await withSession(to, {}, async ({ request }) => {
        const { json, key: keys, last = Number.POSITIVE_INFINITY, ...range } = options;
        const query: HistoryQuery = { keys, since: range.since, until: range.until };
        let left = last;
        const changes = wholeAttributeHistory(request, device, query);
        for (let next = await asOptions(() => changes.next()); !next.done; next = await changes.next()) {
          to.stop.throwIfAborted();
          if (json) await sayJson(to, next.value);
          else await say(to, changeLine(next.value));
          if (--left <= 0) return;
        }
      });
    });
}

interface HistoryOptions {
  json?: boolean;
  key?: readonly string[];
  since?: string;
  until?: string;
  last?: number;
}

/** `2026-11-20T16:00:00Z  sentinelOne:infected: false -> true  posture-sync (sync of hq)` */
function changeLine(change: HistoryEntry): string {
  const { at, key, expiresAt, actor, cause, integration, comment } = change;
  const text = (value: HistoryEntry['new']) => (value === null ? 'not set' : String(value));
  const until = expiresAt === null ? '' : ` until ${expiresAt}`;
  const of = integration === null ? (cause ?? '') : `${cause} of ${integration}`;
  const parts = [
    at.toISOString().replace(/\.\d+Z$/, 'Z'),
    `${key}: ${text(change.old)} -> ${text(change.new)}${until}`,
    `${actor.loginName}${of === '' ? '' : ` (${of})`}`,
    comment ?? '',
  ];
  return printable(parts.filter(part => part !== '').join('  '));
}

interface SetOptions {
  json?: boolean;
  type?: ValueType;
  expiry?: string | number;
  comment?: string;
}

function registerSet(group: Command, to: Surroundings): void {
  declare(group, 'set <device> <key> <value>', 'set a custom attribute of a device', [
    'posture-sync attribute set lt-0042 custom:tier gold',
    'posture-sync attribute set lt-0042 custom:approved true --expiry 30d --comment "ticket 4711"',
    'posture-sync attribute set lt-0042 custom:build 20 --type string',
  ])
    .addOption(new Option('--type <type>', 'what the value is; if not given: as it looks').choices([...valueTypes]))
    .option('--expiry <time>', 'the value ends then: 2026-12-31T00:00:00Z, or 30d from now', expiry)
    .option('--comment <text>', 'for the audit log, at most 200 characters')
    .addHelpText('after', keyRules)
    .action(async (device: string, key: string, text: string, options: SetOptions) => {
      const value = givenValue(text, options.type);
      await withSession(to, {}, async ({ request, now }) => {
        const { expiry: ends, comment } = options;
        const input = {
          value,
          comment,
          expiry: typeof ends === 'number' ? new Date(now().getTime() + ends).toISOString() : ends,
        };
        const set = await asOptions(() => setAttribute(request, device, key, input));
        if (options.json) return await sayJson(to, { name: key, ...set });
        for (const line of customLines([[key, set]], now())) await say(to, line);
      });
    });
}

function registerDelete(group: Command, to: Surroundings): void {
  declare(group, 'delete <device> <key>', 'delete a custom attribute of a device', [
    'posture-sync attribute delete lt-0042 custom:tier',
  ])
    .option('--comment <text>', 'for the audit log, at most 200 characters')
    .action(async (device: string, key: string, { json, comment }: { json?: boolean; comment?: string }) => {
      await withSession(to, {}, async ({ request }) => {
        const deleted = await asOptions(() => deleteAttribute(request, device, key, { comment }));
        if (json) await sayJson(to, { name: key, deleted });
        else await say(to, printable(deleted ? `Deleted ${key} of ${device}.` : `${device} does not have ${key}.`));
      });
    });
}

function registerBatch(group: Command, to: Surroundings): void {
  declare(group, 'batch <file>', 'set and delete custom attributes of many devices at once: all of it, or nothing', [
    'posture-sync attribute batch changes.json --comment "ticket 4711"',
  ])
    .option('--comment <text>', 'for the audit log, at most 200 characters')
    .addHelpText(
      'after',
      '\nThe file is JSON: {"nodes": {"lt-0042": {"custom:tier": {"value": "gold"}, "custom:old": null}}}. null deletes; - is standard input.',
    )
    .action(async (file: string, { json, comment }: { json?: boolean; comment?: string }) => {
      const patch = await readJsonFile(to, file);
      await withSession(to, {}, async ({ request }) => {
        const given = comment === undefined ? patch : { ...Object(patch), comment };
        const { changed } = await asOptions(() => patchAttributes(request, given));
        if (json) await sayJson(to, { changed });
        else await say(to, `${counted(changed, 'device')} changed.`);
      });
    });
}

/** What is refused of a value, the operation says. */
function givenValue(text: string, type: ValueType | undefined): unknown {
  const isBoolean = text === 'true' || text === 'false';
  const isNumber = /^-?\d+$/.test(text);
  const meant = type ?? (isBoolean ? 'boolean' : isNumber ? 'number' : 'string');
  if (meant === 'boolean' && isBoolean) return text === 'true';
  if (meant === 'number' && isNumber) return Number(text);
  if (meant === 'string') return text;
  wrongUse(`the value ${JSON.stringify(text)} is no ${meant}`);
}

/** @returns a span from now in ms, or the time as it is written */
function expiry(text: string): number | string {
  return parseDuration(text) ?? text;
}

function listLines(device: string, attributes: readonly [string, ReadAttribute][], now: Date): string[] {
  if (attributes.length === 0) return [`${device} has no attributes; posture-sync explain ${device} says why`];
  return table(
    ['ATTRIBUTE', 'VALUE', 'TYPE', 'INTEGRATION', 'CONFIRMED', 'EXPIRES'],
    attributes.map(([name, { value, type, integration, confirmedAt, expiresAt }]) => [
      name,
      String(value),
      type,
      integration,
      timeAndAge(confirmedAt, now),
      timeAndAge(expiresAt, now),
    ]),
  );
}
