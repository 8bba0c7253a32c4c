// The table of totals, for drizzle-kit and drizzle-orm like schema.ts.
import { bigint, customType, pgTable, primaryKey } from 'drizzle-orm/pg-core';

const key = customType<{ data: string }>({ dataType: () => 'text collate "C"' });

/**
 * Counts of what workers did for an integration, which only ever grow: whoever shows them needs neither that worker nor all of
 * its runs to be there. Rows of an integration that is no more mean nothing.
 */
export const integrationTotals = pgTable(
  'integration_totals',
  {
    integrationId: key('integration_id').notNull(),
    counter: key('counter').notNull().$type<TotalCounter>(),
    /** An outcome, or what became of attributes. */
    label: key('label').notNull(),
    total: bigint('total', { mode: 'number' }).notNull(),
  },
  t => [primaryKey({ columns: [t.integrationId, t.counter, t.label] })],
);

/** Runs and their time by the run's outcome; attributes by what became of them; requests to the provider by theirs. */
export type TotalCounter = 'runs' | 'run_ms' | 'attributes' | 'requests';
