// Looks on at what changes, as a browser does: events of the administration API, taken apart as they come.
import { onTestFinished } from 'vitest';
import { readStream } from './stream.ts';

export interface LiveEvent {
  name: string;
  id: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it waits for
  data: any;
}

export interface LiveClient {
  status: number;
  headers: Headers;
  text(): string;
  events(): LiveEvent[];
  /** Resolves with the first event from a place on that fits @throws where the connection ended before */
  until(fits: (event: LiveEvent) => boolean, from?: number): Promise<LiveEvent>;
  ended: Promise<void>;
  close(): void;
}

function eventOf(block: string): LiveEvent[] {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const name = field('event');
  return name === undefined ? [] : [{ name, id: field('id') ?? '', data: JSON.parse(field('data') ?? 'null') }];
}

/** Follows events; it is closed with the test. While the database is not reached yet it asks again. */
export async function openLive(url: string, key: string, headers: Record<string, string> = {}): Promise<LiveClient> {
  const closing = new AbortController();
  onTestFinished(() => closing.abort());
  const ask = () =>
    fetch(`${url}/api/v2/tailnet/-/live`, {
      headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream', ...headers },
      signal: closing.signal,
    });
  let response = await ask();
  while (response.status === 503) {
    await response.text();
    response = await ask();
  }
  const stream = readStream(response);
  const events = () => stream.text().split('\n\n').slice(0, -1).flatMap(eventOf);
  return {
    status: response.status,
    headers: response.headers,
    text: stream.text,
    events,
    until: (fits, from = 0) => stream.until(() => events().slice(from).find(fits)),
    ended: stream.ended,
    close: () => closing.abort(),
  };
}
