// The placeholder serials that are known: the shipped ones and the administrator's.
import { asc } from 'drizzle-orm';
import { type Pool, reader } from './client.ts';
import { placeholderSerials } from './schema.ts';

export type PlaceholderSerial = typeof placeholderSerials.$inferSelect;

export async function listPlaceholders(db: Pool): Promise<PlaceholderSerial[]> {
  return await reader(db).select().from(placeholderSerials).orderBy(asc(placeholderSerials.value));
}
