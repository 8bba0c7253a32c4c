// The simulator's own paths, below /simulator on the same port and without authentication: what a demo, a test or a bench
// in another process switches. They listen on loopback and are no part of the console's contract.
import { AppError } from '../errors.ts';
import { type Answer, jsonAnswer } from './answers.ts';
import { churnAtPace } from './churn.ts';
import { checkFault, type FaultBoard, faultNames, isFaultName } from './faults.ts';
import type { Fleet } from './fleet.ts';
import { inventory } from './inventory.ts';

export interface Controlled {
  fleet: Fleet;
  board: FaultBoard;
  counters: object;
  now: () => Date;
}

function record(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null) throw new AppError('invalid', 'the body must be a JSON object');
  return Object.fromEntries(Object.entries(body));
}

function status({ fleet, board, counters }: Controlled): Answer {
  return jsonAnswer({
    agents: fleet.agents.length,
    listed: fleet.listed(),
    at: new Date(fleet.at).toISOString(),
    faults: board.active().map(({ name, options, strikes }) => ({ name, ...options, strikes })),
    requests: { ...counters, recent: undefined },
  });
}

function advance({ fleet, now }: Controlled, body: unknown): Answer {
  const { to, minutes, changePercent, pace } = record(body);
  if (to !== undefined && Number.isNaN(Date.parse(String(to)))) throw new AppError('invalid', 'to must be a time');
  if (minutes !== undefined && !(Number(minutes) >= 0))
    throw new AppError('invalid', 'minutes must be a number from 0 on');
  const target = to === undefined ? now().getTime() : Date.parse(String(to));
  const report = fleet.advance({
    minutes: minutes === undefined ? Math.max(0, (target - fleet.at) / 60_000) : Number(minutes),
    ...(changePercent === undefined ? {} : { changePercent: Number(changePercent) }),
    ...(pace === undefined ? {} : { rates: churnAtPace(Number(pace)) }),
  });
  return jsonAnswer({ at: new Date(fleet.at).toISOString(), events: report.events, changed: report.changed.length });
}

/**
 * - `GET /simulator` how it stands; `GET /simulator/faults` every fault with its sentence
 * - `POST /simulator/faults {"name":"throttled","times":2}` on; `DELETE /simulator/faults[/NAME]` off
 * - `POST /simulator/advance {"minutes":15,"changePercent":1}`, or `{"pace":10}`, or `{"to":"2026-..."}`; `{}` is up to now
 * - `GET /simulator/inventory` the organisation's device records as ndjson
 *
 * @returns null for a path that there is not. Throws AppError `invalid` on wrong input.
 */
export function control(method: string, path: string, body: unknown, controlled: Controlled): Answer | null {
  const { board } = controlled;
  if (method === 'GET' && path === '/simulator') return status(controlled);
  if (method === 'GET' && path === '/simulator/faults') return jsonAnswer(faultNames);
  if (method === 'POST' && path === '/simulator/faults') {
    const { name, ...options } = record(body);
    const fault = checkFault(name, options);
    board.set(fault.name, fault.options);
    return status(controlled);
  }
  if (method === 'DELETE' && path === '/simulator/faults') {
    board.clear();
    return status(controlled);
  }
  if (method === 'DELETE' && path.startsWith('/simulator/faults/')) {
    const name = path.slice('/simulator/faults/'.length);
    if (!isFaultName(name)) throw new AppError('invalid', `unknown fault ${name}`);
    board.clear(name);
    return status(controlled);
  }
  if (method === 'POST' && path === '/simulator/advance') return advance(controlled, body);
  if (method === 'GET' && path === '/simulator/inventory') {
    const lines = inventory(controlled.fleet).map(device => `${JSON.stringify(device)}\n`);
    return { status: 200, headers: { 'content-type': 'application/x-ndjson' }, body: lines.join('') };
  }
  return null;
}
