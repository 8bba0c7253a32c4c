// `GET /metrics`: what the service does, in figures, as Prometheus reads them. What the process counts is always told; what stands in the
// database is read at most once in a while and within a bound, and left out while it cannot be had: what is not known is not told.
import type { FastifyInstance } from 'fastify';
import { AggregatorRegistry, Registry } from 'prom-client';
import manifest from '../../package.json' with { type: 'json' };
import { type Description, keyRefusals, textAnswer } from '../http/described.ts';
import type { Log } from '../log.ts';
import { createPool, type Now } from '../store/client.ts';
import { readFigures, type StoredFigures } from '../store/figures.ts';
import { type MetricName, metricCatalogue } from './metric-catalogue.ts';
import { type ProcessFigures, processSamples, type Sample, storedSamples } from './metric-samples.ts';

export interface FiguresReader {
  /** @returns the figures, some seconds old at most; null where they could not be had in time */
  read(): Promise<StoredFigures | null>;
  stop(): Promise<void>;
}

export interface FiguresOptions {
  databaseUrl: string;
  log: Log;
  /** So long they are told again without a look. 10 s. */
  keptMs?: number;
  /** Longer than this no scrape waits for them. 2 s. */
  withinMs?: number;
}

/** Reads by one session of its own, so that scrapes take none from those who work. The database may be away. */
export function createFiguresReader({
  databaseUrl,
  log,
  keptMs = 10_000,
  withinMs = 2_000,
}: FiguresOptions): FiguresReader {
  const pool = createPool(databaseUrl, { max: 1, applicationName: 'posture-sync metrics', answerWithinMs: withinMs });
  let kept: { figures: StoredFigures; atMs: number } | null = null;
  let looking: Promise<StoredFigures | null> | null = null;
  let isFailing = false;
  const look = async (): Promise<StoredFigures | null> => {
    try {
      const figures = await readFigures(pool, withinMs);
      kept = { figures, atMs: performance.now() };
      isFailing = false;
      return figures;
    } catch (error) {
      if (!isFailing) log.warn({ err: error }, 'the figures for metrics cannot be read');
      isFailing = true;
      return null;
    } finally {
      looking = null;
    }
  };
  return {
    async read() {
      if (kept !== null && performance.now() - kept.atMs < keptMs) return kept.figures;
      looking ??= look();
      const late = Promise.withResolvers<null>();
      const timer = setTimeout(() => late.resolve(null), withinMs);
      try {
        return await Promise.race([looking, late.promise]);
      } finally {
        clearTimeout(timer);
      }
    },
    async stop() {
      await looking;
      await pool.end();
    },
  };
}

export interface MetricsParts {
  figures: Pick<FiguresReader, 'read'>;
  /** The database's clock. */
  now: Now;
  /** What the process counts, as of now. */
  counted(): Pick<ProcessFigures, 'view' | 'decisions' | 'refusals' | 'feedReaders'>;
}

const described: Description = {
  ...{ tags: ['Metrics'], summary: 'Read what the service does, in figures', operationId: 'getMetrics' },
  description: 'For Prometheus; docs/metrics.md has them.',
  response: { 200: textAnswer('The text format of Prometheus.', 'text/plain'), ...keyRefusals(403) },
};

export function addMetrics(server: FastifyInstance, { figures, now, counted }: MetricsParts): void {
  server.get('/metrics', { config: { scope: 'metrics:read', described } }, async (_request, reply) => {
    const stored = await figures.read();
    const { user, system } = process.cpuUsage();
    const own = processSamples({
      ...counted(),
      version: manifest.version,
      isDatabaseUp: stored !== null,
      latencies: server.latencies.read(),
      cpuSeconds: (user + system) / 1e6,
      residentBytes: process.memoryUsage.rss(),
      startedSeconds: performance.timeOrigin / 1_000,
    });
    const samples = stored === null ? own : [...own, ...storedSamples(stored, now())];
    reply.header('content-type', Registry.PROMETHEUS_CONTENT_TYPE).header('cache-control', 'no-store');
    return await exposition(samples);
  });
}

/** A registry for one answer, of figures that were counted elsewhere: prom-client's own counters look their labels up at each step. */
async function exposition(samples: readonly Sample[]): Promise<string> {
  const metrics = [...Map.groupBy(samples, ({ metric }) => metric)].map(([name, its]) => {
    const { type, about: help } = metricCatalogue[name satisfies MetricName];
    const values = its.map(({ labels, value, suffix = '' }) => ({ labels, value, metricName: `${name}${suffix}` }));
    return { name, help, type, values, aggregator: 'first' };
  });
  return await AggregatorRegistry.aggregate([metrics]).metrics();
}
