// What is dropped after a while: none of it is an audited fact, and nothing derived depends on it.
import { runsKept } from '../posture/retention.ts';
import { inTransaction, type Pool } from './client.ts';

/** Removes agents that are gone since before a time, tombstones of values, and all but the newest runs of an integration. */
export async function purgeLongGone(db: Pool, before: Date): Promise<void> {
  await db.query('delete from agents where gone_reason is not null and gone_at < $1 and bound_device_id is null', [
    before,
  ]);
  await forgetRemovals(db, before);
  await db.query(
    `delete from sync_runs r where r.finished_at < $1 and r.id < (
       select max(id) from (select id from sync_runs k where k.integration_id = r.integration_id order by id desc offset ${runsKept.newest} limit 1) s)`,
    [before],
  );
}

/** Readers of the change feed who know less than what is forgotten here are told to read everything anew. */
async function forgetRemovals(db: Pool, before: Date): Promise<void> {
  await inTransaction(db, async client => {
    // The head first, as every audited write takes it: the other way round the two would wait for each other.
    await client.query('select from head for update');
    await client.query(
      `with forgotten as (
         delete from device_attributes where values = '{}' and changed_at < $1 returning revision
       ), removed as (
         delete from removed_devices where removed_at < $1 returning revision
       )
       update head set forgotten_revision = greatest(forgotten_revision, f.revision)
       from (select max(revision) as revision from (select revision from forgotten union all select revision from removed) s) f where f.revision is not null`,
      [before],
    );
  });
}
