// A reader for the test of the feed: keeps a copy by nothing but what docs/http.md promises, is cut at random in the middle of
// whatever comes, goes on from where it was, and complains of everything that comes twice or in the wrong order.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FeedRecord } from '../../examples/local-decider/copy.ts';
import { linesOf } from '../../examples/local-decider/follow.ts';
import type { Random } from '../support/random.ts';

export interface ReaderContext {
  url: string;
  key: string;
  random: Random;
  /** By polls, not by events. */
  polls: boolean;
  /** Ends the reader once it has come to this revision; null: not known yet. */
  last(): number | null;
}

/** What a reader has at the end, and how it came to it. */
export interface ReaderReport {
  /** Record by name, as text. */
  copy: Map<string, string>;
  policy: string;
  /** Where each batch that brought something led to. */
  revisions: number[];
  snapshots: number;
  /** Connections that it dropped itself. */
  drops: number;
  /** Answers other than the one that was asked for. */
  refusals: Record<number, number>;
  complaints: string[];
}

export async function readUntilLast(context: ReaderContext): Promise<ReaderReport> {
  const { random, last } = context;
  const report: ReaderReport = {
    copy: new Map(),
    policy: '',
    revisions: [],
    snapshots: 0,
    drops: 0,
    refusals: {},
    complaints: [],
  };
  const state = { revision: null as number | null };
  while (state.revision === null || state.revision !== last()) {
    const dropping = new AbortController();
    try {
      if (state.revision === null) state.revision = await snapshot(context, report, dropping);
      else await changes(context, report, state, dropping);
    } catch {
      // Cut, by itself or by the service: what was not ended does not count.
      if (dropping.signal.aborted) report.drops++;
    }
    await sleep(random.below(60));
  }
  return report;
}

async function open({ url, key }: ReaderContext, path: string, accept: string, dropping: AbortController) {
  const headers = { authorization: `Bearer ${key}`, accept };
  const response = await fetch(`${url}${path}`, { headers, signal: dropping.signal });
  if (response.ok && response.body !== null) return { status: 200, body: response.body } as const;
  await response.text();
  return { status: response.status, body: null } as const;
}

/** Drops the connection after so many pieces; now and then never. */
async function* untilDropped(body: AsyncIterable<Uint8Array>, random: Random, dropping: AbortController) {
  let left = random.below(4) === 0 ? Number.POSITIVE_INFINITY : random.below(40);
  for await (const piece of body) {
    yield piece;
    if (left-- <= 0) dropping.abort();
  }
}

async function snapshot(
  context: ReaderContext,
  report: ReaderReport,
  dropping: AbortController,
): Promise<number | null> {
  const { status, body } = await open(context, '/gateway/snapshot', '*/*', dropping);
  if (body === null) {
    report.refusals[status] = (report.refusals[status] ?? 0) + 1;
    return null;
  }
  const records: FeedRecord[] = [];
  for await (const line of linesOf(untilDropped(body, context.random, dropping))) records.push(JSON.parse(line));
  const end = records.at(-1)?.end;
  if (end === undefined) return null;
  if (records[0]?.snapshot?.revision !== end.revision) report.complaints.push('a snapshot of two revisions');
  report.snapshots++;
  report.copy.clear();
  take(report, records);
  report.revisions.push(end.revision);
  return end.revision;
}

async function changes(
  context: ReaderContext,
  report: ReaderReport,
  state: { revision: number | null },
  dropping: AbortController,
): Promise<void> {
  const { polls, random, last } = context;
  const accept = polls ? 'application/x-ndjson' : 'text/event-stream';
  const { status, body } = await open(context, `/gateway/changes?after=${state.revision}&wait=1`, accept, dropping);
  if (body === null) {
    report.refusals[status] = (report.refusals[status] ?? 0) + 1;
    if (status === 410) state.revision = null;
    return;
  }
  let batch: FeedRecord[] = [];
  for await (const line of linesOf(untilDropped(body, random, dropping))) {
    const text = polls ? line : line.startsWith('data: ') ? line.slice(6) : '';
    if (text === '') continue;
    const record: FeedRecord = JSON.parse(text);
    batch.push(record);
    const { end } = record;
    if (end === undefined) continue;
    const before: number = state.revision ?? 0;
    if (end.after !== before) report.complaints.push(`after ${before} came what is after ${end.after}`);
    if (end.revision < before) report.complaints.push(`${end.revision} came after ${before}`);
    const isMore = take(report, batch);
    if (isMore && end.revision === before) report.complaints.push(`something came twice at ${before}`);
    if (end.revision > before) report.revisions.push(end.revision);
    state.revision = end.revision;
    batch = [];
    if (state.revision === last()) dropping.abort();
  }
}

/** @returns whether it brought anything but ages */
function take(report: ReaderReport, records: readonly FeedRecord[]): boolean {
  const named = new Set<string>();
  for (const { removed, device, attributes, policy } of records) {
    if (policy !== undefined) {
      report.policy = JSON.stringify(policy);
      named.add('policy');
    }
    const name = nameOf({ removed, device, attributes } as FeedRecord);
    if (name === null) continue;
    if (named.has(name)) report.complaints.push(`${name} came twice in one batch`);
    named.add(name);
    if (removed !== undefined) {
      for (const key of report.copy.keys()) if (key.startsWith(`${removed.id} `)) report.copy.delete(key);
    } else if (attributes?.values === null) report.copy.delete(name);
    else report.copy.set(name, JSON.stringify(device ?? attributes));
  }
  return named.size > 0;
}

/** @returns `d1 device` or `d1 fake`; null for what is neither of a device */
export function nameOf({ removed, device, attributes }: FeedRecord): string | null {
  if (attributes !== undefined) return `${attributes.deviceId} ${attributes.source}`;
  const id = device?.id ?? removed?.id;
  return id === undefined ? null : `${id} device`;
}
