// What `bench decide`, `bench view`, `bench api`, `bench pages` and `bench impact` found, for people: figures beside their goals.
import { cpus, totalmem } from 'node:os';
import type { ApiBench, Timed } from './bench-api.ts';
import type { Weight } from './bench-browser.ts';
import type { DecideBench } from './bench-decide.ts';
import type { Evaluated, Loading } from './bench-evaluate.ts';
import { round } from './bench-fleet.ts';
import type { ImpactBench } from './bench-impact.ts';
import type { OverviewBench } from './bench-overview.ts';
import type { PagesBench, Taken } from './bench-pages.ts';
import { table } from './output.ts';

/** @returns what figures belong to */
export function machine(): string {
  return `${cpus().length} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
}

const goals: Readonly<Record<string, string>> = {
  'forward-auth by posture': '40000/s',
  'AuthZEN evaluation': '25000/s',
  'nginx with auth_request': '25000/s',
  'forward-auth at 10,000/s': 'p99 3 ms',
  'forward-auth at 10,000/s during a sweep': 'p99 twice that',
};

export function decideReport(bench: DecideBench & Evaluated): string[] {
  const of = (name: string) => bench.loads.find(load => load.name === name)?.loaded?.requestsPerSecond ?? null;
  // The machine is shared: it is compared with the mean of what was got before and after.
  const bares = [of('bare node:http and a Map'), of('bare node:http and a Map, again')].flatMap(it => it ?? []);
  const bare = bares.reduce((sum, each) => sum + each, 0) / Math.max(1, bares.length);
  const ratio = (a: number | null, b: number | null) => (a && b ? (a / b).toFixed(2) : '-');
  const forward = of('forward-auth by posture');
  const { visible, sweep } = bench;
  return [
    `${bench.devices} devices; ${machine()}`,
    ...table(
      ['asked', 'requests/s', 'p50 ms', 'p99 ms', 'goal', 'not 2xx', 'failed'],
      bench.loads.map(({ name, loaded }) =>
        loaded === null
          ? [name, 'not measured: there is no nginx', null, null, goals[name] ?? null, null, null]
          : [
              name,
              loaded.requestsPerSecond,
              loaded.p50Ms.toFixed(2),
              loaded.p99Ms.toFixed(2),
              goals[name] ?? null,
              loaded.refused,
              loaded.failed,
            ],
      ),
    ),
    `forward-auth: ${ratio(forward, bare)} x a bare server (goal 0.6), ${ratio(forward, of('one named SELECT a request'))} x one SELECT a request (goal 2)`,
    `in process: ${bench.perSecond} evaluations/s of a posture with three conditions (goal 10000000), ${ratio(bench.perSecond, bench.celPerSecond)} x CEL on the same rule (goal 5)`,
    `commit to visible: p50 ${visible.p50Ms} ms, p99 ${visible.p99Ms} ms of ${visible.writes} writes (goal p99 1000)`,
    `the sweep: ${sweep.seconds} s, ${sweep.changed} values changed, head held ${sweep.headMs} ms; service process ${bench.serviceMb ?? '-'} MB`,
  ];
}

export function viewReport({ devices, seconds, heapBytesPerDevice }: Loading): string[] {
  return [
    `${devices} devices; ${machine()}`,
    `loaded in ${seconds} s (goal 20 for 1000000), ${heapBytesPerDevice} bytes of heap a device (goal 1024)`,
  ];
}

export function overviewReport({ devices, counted, kept, history }: OverviewBench): string[] {
  const timed = ({ p50Ms, p99Ms }: Timed) => `${p50Ms} ms (longest ${p99Ms})`;
  return [
    `${devices} devices; ${machine()}`,
    `the overview counted anew: ${timed(counted)} (goal 1000 until the page can be used), kept: ${timed(kept)}`,
    ...Object.entries(history).map(([period, each]) => `over ${period}: ${timed(each)}`),
  ];
}

export function impactReport({ devices, changes }: ImpactBench): string[] {
  return [
    `${devices} devices; ${machine()}`,
    ...table(
      ['policy', 'seconds', 'goal', 'CPU seconds', 'longest without a turn, ms', 'gain', 'lose'],
      changes.map(({ name, seconds, cpuSeconds, blockedMs, gaining, losing }) => [
        ...[name, seconds, round((2 * devices) / 100_000), cpuSeconds, blockedMs, gaining, losing],
      ]),
    ),
  ];
}

const apiGoals: Readonly<Record<string, string>> = { 'attributes at 2000/s during a sweep': 'p99 5 ms' };

export function apiReport({ devices, bulk, loads, sweep, list, serviceMb }: ApiBench): string[] {
  const times = (a: number, b: number) => (a / b).toFixed(2);
  const of = (name: string) => loads.find(load => load.name === name)?.loaded.requestsPerSecond ?? Number.NaN;
  const asked = of('attributes of one device');
  const timed = ({ p50Ms, p99Ms }: Timed) => `${p50Ms} ms (longest ${p99Ms})`;
  return [
    `${devices} devices; ${machine()}`,
    `created in one call in ${bulk.first} s (goal ${(15 * devices) / 100_000}): ${times(bulk.first, bulk.fastify)} x a bare Fastify route that reads and answers the lines (${bulk.fastify} s), ${times(bulk.first, bulk.sql)} x bare SQL (${bulk.sql} s); the same call again ${bulk.again} s`,
    `a list of 1000 with attributes: ${timed(list.plain)} (goal 100), with all fields ${timed(list.whole)}; ${times(list.plain.p50Ms, list.fastify.p50Ms)} x a bare Fastify route (${timed(list.fastify)}), ${times(list.plain.p50Ms, list.sql.p50Ms)} x bare SQL (${timed(list.sql)})`,
    ...table(
      ['asked', 'requests/s', 'p50 ms', 'p99 ms', 'goal', 'not 2xx', 'failed'],
      loads.map(({ name, loaded }) => [
        name,
        loaded.requestsPerSecond,
        loaded.p50Ms.toFixed(2),
        loaded.p99Ms.toFixed(2),
        apiGoals[name] ?? null,
        loaded.refused,
        loaded.failed,
      ]),
    ),
    `attributes of one device: ${times(asked, of('a bare Fastify route'))} x a bare Fastify route, ${times(asked, of('one named SELECT a request'))} x one SELECT a request`,
    `the sweep: ${sweep.seconds} s, ${sweep.changed} values changed, head held ${sweep.headMs} ms; service process ${serviceMb ?? '-'} MB`,
  ];
}

export function pagesReport({ devices, first, overview, table: turned, pages }: PagesBench): string[] {
  const kb = ({ sent, unpacked }: Weight) =>
    `${(sent / 1000).toFixed(1)} KB (unpacked ${(unpacked / 1000).toFixed(1)})`;
  const timed = ({ p50, longest, times }: Taken) => `${p50} ms (longest of ${times}: ${longest})`;
  return [
    `${devices} devices; ${machine()}`,
    `first load of the overview: scripts ${kb(first.scripts)} in ${first.scripts.requests} files (goal 300), styles ${kb(first.styles)}`,
    `overview usable after ${timed(overview.cold)} with nothing kept by the browser, ${timed(overview.warm)} with scripts kept (goal 1000)`,
    `next page of devices after ${timed(turned)} (goal 200)`,
    ...table(
      ['page', 'answers', 'KB sent', 'KB unpacked'],
      pages.map(({ name, weights: { answers } }) => [
        name,
        answers.requests,
        (answers.sent / 1000).toFixed(1),
        (answers.unpacked / 1000).toFixed(1),
      ]),
    ),
  ];
}
