// What may be done with the list of placeholder serials: an administrator extends it, and all that follows is derived.
import { AppError } from '../errors.ts';
import { canonicalSerial, isPlaceholderShape } from '../posture/serials.ts';
import { derive, startDerivation } from '../store/derive.ts';
import { settleIdentifiers } from '../store/match.ts';
import { undo, write } from '../store/write.ts';
import { causeOf } from './audited.ts';
import type { Request } from './devices.ts';

/**
 * Changes the administrator's list of placeholder serials, which extends the shipped one.
 * @throws AppError invalid for an entry that is empty or, to be removed, not on the list
 */
export async function changePlaceholders(
  request: Request,
  change: { add?: readonly string[]; remove?: readonly string[] },
): Promise<void> {
  const by = causeOf(request, 'placeholder serials');
  await write(request.db, request.now, by, async w => {
    const canonical = (raw: string) => {
      const value = canonicalSerial(raw);
      if (value === null) throw new AppError('invalid', `"${raw}" is empty`);
      return value;
    };
    const add = (change.add ?? []).filter(raw => !isPlaceholderShape(canonical(raw)));
    const remove = (change.remove ?? []).map(canonical);
    const added = await w.client.query(
      "insert into placeholder_serials (value, raw, source) select v, r, 'administrator' from unnest($1::text[], $2::text[]) s(v, r) on conflict do nothing returning value, raw",
      [add.map(canonical), add],
    );
    const removed = await w.client.query(
      "delete from placeholder_serials where source = 'administrator' and value = any($1) returning value, raw",
      [remove],
    );
    if ((removed.rowCount ?? 0) < remove.length)
      throw new AppError(
        'invalid',
        "a serial to be removed is not on the administrator's list; the shipped list stays",
      );
    const touched = [...added.rows, ...removed.rows].map(row => `serial:${row.value}`);
    if (touched.length === 0) return undo(null);
    await startDerivation(w.client);
    await settleIdentifiers(w, 'select unnest($1::text[])', [touched], { placeholders: 'changed' });
    await w.event({
      event: 'TAILNET.UPDATE.PLACEHOLDER_SERIALS',
      targetId: 'placeholder-serials',
      targetName: null,
      old: removed.rows.map(row => row.raw),
      new: added.rows.map(row => row.raw),
    });
    await derive(w);
    return null;
  });
}
