// Types of columns that the tables share.
import { customType, timestamp } from 'drizzle-orm/pg-core';

/** Text that sorts by bytes: the order does not depend on the server's locale, and comparing is faster. */
export const key = customType<{ data: string }>({ dataType: () => 'text collate "C"' });
export const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
export const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });
