// What can go wrong on demand: every fault by name, with a sentence for help and documentation, and the state of those
// that are switched on. How a fault changes an answer stands in fault-answers.ts and fault-pages.ts.
import { AppError } from '../errors.ts';

/** Which requests a fault meets: a page of a listing, a query by ids, a count, the token's details, or the first three. */
export type FaultTarget = 'all' | 'listing' | 'ids' | 'count' | 'token';

export interface FaultOptions {
  /** Only on this page of a listing, from 1 on; on every page and request if not given. */
  page?: number;
  /** How often it strikes before it ends by itself; without end if not given. */
  times?: number;
  /** `all` if not given: listings, queries by ids and counts. */
  on?: FaultTarget;
  /** For faults that meet a share of the agents. */
  percent?: number;
  /** For null-field: the fields. */
  fields?: readonly string[];
  /** For the throttled faults. */
  retryAfterSeconds?: number;
  /** For slow: the pause between two pieces in ms. */
  dripMs?: number;
  /** For huge-body and gzip-bomb: how large it is once unpacked. */
  bytes?: number;
  /** For redirect: where to. */
  location?: string;
}

interface FaultFacts {
  /** What happens, in a sentence for help texts. */
  about: string;
  defaults?: FaultOptions;
}

const table = {
  'expired-token': { about: 'Every request is answered 401, code 4010010, as for a wrong or expired token.' },
  'unauthorized-at-page': {
    about: 'A 401 in the middle of a sweep, at page 2 if not told otherwise.',
    defaults: { page: 2 },
  },
  'token-details-refused': {
    about: 'The token is fine but asking for its details is answered 401.',
    defaults: { on: 'token' },
  },
  forbidden: { about: '403 with code 4030010: permission, licence or scope.' },
  'forbidden-html': { about: '403 as an HTML page, as a firewall in front of the console sends it.' },
  'throttled-seconds': {
    about: '429 as an nginx page with Retry-After in seconds.',
    defaults: { retryAfterSeconds: 30 },
  },
  'throttled-date': {
    about: '429 as an nginx page with Retry-After as an HTTP date.',
    defaults: { retryAfterSeconds: 30 },
  },
  throttled: { about: '429 as an nginx page without Retry-After.' },
  'error-500': { about: '500 with a JSON body, code 5000010.' },
  'error-500-html': { about: '500 with an HTML page appended to the JSON body.' },
  'error-502': { about: '502 Bad Gateway as an HTML page.' },
  'error-503': { about: '503 with a JSON body, code 5030010.' },
  'not-found': { about: '404 with a JSON body, code 4040010.' },
  'not-found-text': { about: '404 in plain text, as for a wrong path.' },
  'bad-request': { about: '400 Unknown field, though the query is right.' },
  'errors-in-200': { about: '200 with rows and with a non-empty list of errors.' },
  garbage: { about: '200 as application/json whose body is cut and damaged JSON.' },
  'html-200': { about: '200 with an HTML page, as a log-in page or maintenance notice.' },
  redirect: { about: '302 to another place.' },
  'gzip-bomb': { about: 'A small gzip body that unpacks to 1 GiB of JSON.', defaults: { bytes: 2 ** 30 } },
  'huge-body': { about: 'A body of 512 MiB, not compressed, in pieces.', defaults: { bytes: 2 ** 29 } },
  timeout: { about: 'The request is never answered.' },
  slow: { about: 'The body drips in pieces of 4 KB with pauses between them.', defaults: { dripMs: 500 } },
  'cut-before-headers': { about: 'The connection is cut before anything was answered.' },
  'cut-mid-body': { about: 'The connection is cut in the middle of the body.' },
  'empty-page': {
    about: 'A page without rows, whose cursor leads on to the rows that it should have had.',
    defaults: { page: 2 },
  },
  'ends-early': { about: 'A page that claims to be the last though more follow.', defaults: { page: 2 } },
  'extra-page': { about: 'One more page after the last, with empty objects as rows.' },
  'empty-fleet': { about: 'No agents at all: no rows, totalItems 0, nobody found by id.' },
  'repeated-cursor': { about: 'From page 2 on the next cursor is the one just sent.' },
  'cursor-loop': { about: 'Page 3 leads back to page 2, without end.' },
  'missing-agents': {
    about: 'Rows are left out of listings while all totals count them; they are found by id.',
    defaults: { percent: 5 },
  },
  'vanished-agents': { about: 'Agents are gone from listings, totals and queries by id.', defaults: { percent: 30 } },
  'wrong-total': {
    about: 'totalItems of page 1 is 10 % too high; a count asked for again is right.',
    defaults: { percent: 10 },
  },
  'null-field': { about: 'A field is null for all agents.', defaults: { fields: ['infected'] } },
  'wrong-types': {
    about: 'Some rows have an object, a list or a text where a value of another type belongs.',
    defaults: { percent: 2 },
  },
  'serials-vanish': { about: 'serialNumber is null for all agents.' },
  'rows-without-id': { about: 'Some rows have no id.', defaults: { percent: 2 } },
  'duplicate-rows': { about: 'Each page starts with the last row of the page before.' },
  'one-site': { about: 'The token sees only the largest site, without any error.' },
} as const satisfies Record<string, FaultFacts>;

export type FaultName = keyof typeof table;

const facts: Readonly<Record<FaultName, FaultFacts>> = table;

/** Every fault with its sentence, for help texts and documentation. */
export const faultNames: readonly { name: FaultName; about: string }[] = Object.entries(facts).map(
  ([name, { about }]) => ({
    name: name as FaultName,
    about,
  }),
);

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(table, name);
}

const numbers = ['page', 'times', 'percent', 'retryAfterSeconds', 'dripMs', 'bytes'] as const;
const targets: readonly string[] = ['all', 'listing', 'ids', 'count', 'token'];

/** Checks a name and options from outside. Throws AppError `invalid`, naming what is allowed. */
export function checkFault(
  name: unknown,
  given: Readonly<Record<string, unknown>>,
): { name: FaultName; options: FaultOptions } {
  if (typeof name !== 'string' || !isFaultName(name)) {
    throw new AppError('invalid', `unknown fault ${JSON.stringify(name)}; there are: ${Object.keys(table).join(', ')}`);
  }
  const options: FaultOptions = {};
  for (const [key, value] of Object.entries(given)) {
    const number = numbers.find(entry => entry === key);
    if (number) {
      const least = number === 'page' || number === 'times' ? 1 : 0;
      if (!(Number(value) >= least))
        throw new AppError('invalid', `fault ${name}: ${key} must be a number from ${least} on`);
      options[number] = Number(value);
    } else if (key === 'on' && targets.includes(String(value))) options.on = String(value) as FaultTarget;
    else if (key === 'fields') options.fields = Array.isArray(value) ? value.map(String) : String(value).split('+');
    else if (key === 'location') options.location = String(value);
    else
      throw new AppError(
        'invalid',
        `fault ${name}: ${key}=${String(value)} is no option; there are: ${[...numbers, 'fields', 'location'].join(', ')}, on=${targets.join('|')}`,
      );
  }
  return { name, options };
}

/**
 * Reads a fault as the command line has it: `NAME` or `NAME:option=value,option=value`, for example
 * `unauthorized-at-page:page=3,times=1` or `null-field:fields=infected+isActive`. Throws AppError `invalid`.
 */
export function parseFault(text: string): { name: FaultName; options: FaultOptions } {
  const [name = '', ...rest] = text.split(':');
  const pairs = rest
    .join(':')
    .split(',')
    .filter(pair => pair !== '');
  return checkFault(
    name,
    Object.fromEntries(pairs.map(pair => [pair.split('=')[0], pair.split('=').slice(1).join('=')])),
  );
}

/** A fault that is switched on. */
export interface ActiveFault {
  name: FaultName;
  options: FaultOptions;
  /** How often it has struck. */
  strikes: number;
  /** Which agents it meets, once chosen: the same ones as long as it is on. */
  chosen: Map<string, ReadonlySet<string>>;
  /** For cursor-loop: the cursor that page 1 gave out. */
  remembered: string | null;
}

export interface RequestFacts {
  target: Exclude<FaultTarget, 'all'>;
  page: number;
}

/** The faults that are on. */
export interface FaultBoard {
  /** Switches a fault on, or on anew with other options. */
  set(name: FaultName, options?: FaultOptions): void;
  /** Switches one off, or all. */
  clear(name?: FaultName): void;
  active(): readonly ActiveFault[];
  /** Takes the faults that strike this request, counting them down. */
  strike(request: RequestFacts): ReadonlyMap<FaultName, ActiveFault>;
}

export function createFaultBoard(): FaultBoard {
  const on = new Map<FaultName, ActiveFault>();
  return {
    set(name, options = {}) {
      on.set(name, {
        name,
        options: { ...facts[name].defaults, ...options },
        strikes: 0,
        chosen: new Map(),
        remembered: null,
      });
    },
    clear(name) {
      if (name) on.delete(name);
      else on.clear();
    },
    active: () => [...on.values()],
    strike(request) {
      const striking = new Map<FaultName, ActiveFault>();
      for (const fault of on.values()) {
        const { page, on: target = 'all', times } = fault.options;
        if (target === 'all' ? request.target === 'token' : target !== request.target) continue;
        if (page !== undefined && (request.target !== 'listing' || request.page !== page)) continue;
        striking.set(fault.name, fault);
        fault.strikes++;
        if (times !== undefined && fault.strikes >= times) on.delete(fault.name);
      }
      return striking;
    },
  };
}
