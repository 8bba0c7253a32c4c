// The feed for readers elsewhere, served on loopback from a database, and clients of it: one that reads answers whole, and
// one whose connection can be left unread.
import net from 'node:net';
import { onTestFinished } from 'vitest';
import type { FeedRecord } from '../../examples/local-decider/copy.ts';
import { type ChangeFeed, startChangeFeed } from '../../src/gateway/change-feed.ts';
import { addChanges } from '../../src/gateway/changes.ts';
import type { FeedLimits } from '../../src/gateway/feed-state.ts';
import { addSnapshot } from '../../src/gateway/snapshot.ts';
import { createStreams, type StreamLimits, type Streams } from '../../src/http/streams.ts';
import { createLog } from '../../src/log.ts';
import { write } from '../../src/store/write.ts';
import { fakeAttributes } from './fake-provider.ts';
import { startService, type TestService } from './http.ts';
import { readStream } from './stream.ts';
import { tester, type World } from './world.ts';

export interface FedService extends TestService {
  feed: ChangeFeed;
  streams: Streams;
  /** May read the feed. */
  reader: string;
  snapshotsUnderWay(): number;
}

export interface FedServiceOptions {
  /** Where the feed reads from; the world's database by default. */
  url?: string;
  limits?: Partial<FeedLimits>;
  streamLimits?: StreamLimits;
}

/** Starts it; it ends with the test. */
export async function startFeeding(world: World, options: FedServiceOptions = {}): Promise<FedService> {
  const { url: databaseUrl = world.database.url, limits = {}, streamLimits } = options;
  const moving = ['fake:lastSeen'];
  const log = createLog('silent', { write: () => {} });
  const feed = await startChangeFeed({ databaseUrl, moving, now: world.now, log, limits });
  let streams: Streams | null = null;
  let snapshots = { underWay: () => 0 };
  const service = await startService({
    database: world.database,
    now: world.now,
    routes(server) {
      streams = createStreams(server, streamLimits);
      const parts = { feed, streams, databaseUrl, moving, specs: fakeAttributes, now: world.now };
      snapshots = addSnapshot(server, parts);
      addChanges(server, parts);
    },
  });
  onTestFinished(() => feed.stop());
  if (streams === null) throw new Error('the routes were not added');
  const reader = await service.key('reader', ['gateway:stream']);
  return { ...service, feed, streams, reader, snapshotsUnderWay: () => snapshots.underWay() };
}

/** Adds devices with values, of one revision, past all derivation: as many as it takes to fill a connection. */
export async function fillDatabase({ db, now }: World, from: number, to: number): Promise<number> {
  const by = { actor: tester, origin: 'CONTROL', cause: 'test' } as const;
  const { revision } = await write(db, now, by, async w => {
    await w.client.query(
      `insert into devices (id, hostname, created_at, updated_at, revision)
       select 'many-' || n, repeat('h', 200), $3, $3, $4 from generate_series($1::int, $2::int) n`,
      [from, to, w.at, w.revision],
    );
    await w.client.query(
      `insert into device_attributes (device_id, source, values, revision, changed_at)
       select 'many-' || n, 'fake', jsonb_build_object('fake:threats', n), $4, $3 from generate_series($1::int, $2::int) n`,
      [from, to, w.at, w.revision],
    );
  });
  return revision;
}

/** @returns the records of an answer's lines */
export function recordsOf(text: string): FeedRecord[] {
  return text.split('\n').flatMap(line => {
    const data = line.startsWith('data: ') ? line.slice(6) : line;
    return data.startsWith('{') ? [JSON.parse(data)] : [];
  });
}

export interface EventsClient {
  status: number;
  /** All that came, as text. */
  text(): string;
  records(): FeedRecord[];
  /** Resolves when something that fits has come @throws where the connection ended before */
  until(fits: (text: string) => boolean): Promise<void>;
  ended: Promise<void>;
  close(): void;
}

/** Follows events; it is closed with the test. */
export async function openEvents(
  service: FedService,
  after: number,
  headers: Record<string, string> = {},
): Promise<EventsClient> {
  const closing = new AbortController();
  onTestFinished(() => closing.abort());
  const response = await fetch(`${service.url}/gateway/changes?after=${after}`, {
    headers: { authorization: `Bearer ${service.reader}`, accept: 'text/event-stream', ...headers },
    signal: closing.signal,
  });
  const stream = readStream(response);
  return {
    status: response.status,
    text: stream.text,
    records: () => recordsOf(stream.text()),
    until: async fits => void (await stream.until(text => (fits(text) ? true : undefined))),
    ended: stream.ended,
    close: () => closing.abort(),
  };
}

/** Asks and never reads the answer: its connection fills up. */
export async function askAndNotRead(service: FedService, path: string, accept: string): Promise<net.Socket> {
  const { hostname, port } = new URL(service.url);
  const socket = net.connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  socket.pause();
  await new Promise(resolve => socket.once('connect', resolve));
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: x\r\naccept: ${accept}\r\nauthorization: Bearer ${service.reader}\r\n\r\n`,
  );
  return socket;
}
