// What GET /agents and /agents/count answer for a query, with the faults that strike within a page.
import { AppError } from '../errors.ts';
import { type Answer, jsonAnswer } from './answers.ts';
import { type BufferPool, pageBody } from './body.ts';
import { damagedEnd, damagedRow, damagesRows, type Striking, visibility } from './fault-pages.ts';
import type { Fleet } from './fleet.ts';
import { countAgents, cursorAfter, listAgents } from './listing.ts';
import { type AgentsQuery, encodeCursor, parseQuery } from './query.ts';
import { renderRow } from './row.ts';
import type { SimulatorToken } from './token.ts';

export interface Seen {
  fleet: Fleet;
  striking: Striking;
  token: SimulatorToken;
}

/** A query, or the detail of why it is refused. */
export type Read = { query: AgentsQuery; refusal: null } | { query: null; refusal: string };

export function readQuery(search: string): Read {
  try {
    return { query: parseQuery(new URLSearchParams(search)), refusal: null };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { query: null, refusal: error.message };
  }
}

export function answerCount({ fleet, striking, token }: Seen, query: AgentsQuery): Answer {
  const { inTotals } = visibility(striking, fleet, token.siteIds, query.ids !== null);
  return jsonAnswer({ data: { total: countAgents(fleet, query, inTotals) } });
}

export interface AnsweredPage {
  answer: Answer;
  rows: number;
  /** To be called once the body has left. */
  done: () => void;
}

const emptyRows = ['{}', '{}', '{}'];

/** One page, or the bare total with countOnly. */
export function answerAgents({ fleet, striking, token }: Seen, query: AgentsQuery, pool: BufferPool): AnsweredPage {
  const { inTotals, inRows } = visibility(striking, fleet, token.siteIds, query.ids !== null);
  const page = query.cursor?.page ?? 1;
  const listing = listAgents(fleet, query, inRows, striking.has('duplicate-rows'));
  let { agents, next } = listing;
  const total = listing.total === null ? 0 : inTotals === inRows ? listing.total : countAgents(fleet, query, inTotals);
  if (query.countOnly) {
    return {
      answer: jsonAnswer({ data: [], pagination: { nextCursor: null, totalItems: total } }),
      rows: 0,
      done: () => {},
    };
  }
  const last = agents.at(-1);
  let extra = false;
  if (striking.has('extra-page')) {
    extra = agents.length === 0 && query.cursor !== null;
    if (!next && last) next = cursorAfter(last, query, fleet.at);
  }
  if (striking.has('empty-page') && (query.cursor || agents.length > 0)) {
    const cursor = query.cursor ?? {
      id: '0'.repeat(19),
      sortBy: query.sortBy,
      sortValue: '',
      sortOrder: query.sortOrder,
      page,
    };
    next = { ...cursor, page: page + 1 };
    agents = [];
  }
  const sent = query.cursor ? encodeCursor(query.cursor) : null;
  const pagination = damagedEnd(
    { nextCursor: next ? encodeCursor(next) : null, totalItems: total },
    striking,
    sent,
    page,
  );
  const errors = striking.has('errors-in-200')
    ? '"errors":[{"code":5000010,"detail":"Partial result","title":"Internal server error"}],'
    : '';
  const end = `],${errors}"pagination":${JSON.stringify(pagination)}}`;
  const headers = { 'content-type': 'application/json' };
  if (extra || damagesRows(striking)) {
    const rows = extra ? emptyRows : agents.map(agent => damagedRow(renderRow(agent, fleet.at), striking, fleet));
    return {
      answer: { status: 200, headers, body: `{"data":[${rows.join(',')}${end}` },
      rows: rows.length,
      done: () => {},
    };
  }
  const { buffer, length } = pageBody(agents, fleet.at, end, pool);
  return {
    answer: { status: 200, headers, body: buffer.subarray(0, length) },
    rows: agents.length,
    done: () => pool.give(buffer),
  };
}
