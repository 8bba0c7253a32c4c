// What an administrator may say of an integration as it stands: pause it, resume it, accept the losses that are held. Each is one
// audited write.
import { AppError } from '../errors.ts';
import { parseDuration } from '../posture/duration.ts';
import { parseTime } from '../posture/times.ts';
import { settingsFormOf } from '../providers/registry.ts';
import { updateIntegration as storeChanges } from '../store/integrations.ts';
import { undo, write } from '../store/write.ts';
import { causeOf, tell } from './audited.ts';
import type { Request } from './devices.ts';
import { type IntegrationRef, locked, theIntegration } from './integrations.ts';

/**
 * Stops syncing until it is resumed, or until a time: then a sync is tried, and the pause is over.
 * @param until as pauseEnd read it
 * @returns whether that changed anything
 * @throws AppError not_found
 */
export async function pauseIntegration(
  request: Request,
  ref: IntegrationRef,
  until: Date | null = null,
): Promise<boolean> {
  const found = await theIntegration(request.db, ref);
  const { value } = await write(request.db, request.now, causeOf(request, 'integration pause'), async w => {
    const before = await locked(w, found);
    const isSo = before.pauseReason === 'administrator' && before.pausedUntil?.getTime() === until?.getTime();
    if (isSo || before.pauseReason === 'unsupported') return undo(false);
    const turn = until === null ? {} : { nextSyncAt: until };
    await storeChanges(w.client, before.id, { pauseReason: 'administrator', pausedUntil: until, ...turn });
    const told = { new: { reason: 'administrator', until } };
    await tell(w, 'TAILNET.PAUSE.POSTURE_INTEGRATION', before, told);
    return true;
  });
  return value;
}

const longestPauseMs = 366 * 86_400_000;

/**
 * @param text a time, or a span from now on as in 8h; null: there is no end
 * @throws AppError invalid for what is neither, or does not lie ahead, or a year and more
 */
export function pauseEnd(text: string | null, now: Date): Date | null {
  if (text === null) return null;
  const span = parseDuration(text);
  const at = span === null ? parseTime(text) : now.getTime() + span;
  const ahead = at - now.getTime();
  if (ahead > 0 && ahead <= longestPauseMs) return new Date(at);
  throw new AppError(
    'invalid',
    'until: a time ahead such as 2026-12-31T08:00:00Z, or a span such as 8h, a year at most',
  );
}

/** Ends any pause, and makes the integration due at once. @returns whether it was paused @throws AppError not_found */
export async function resumeIntegration(request: Request, ref: IntegrationRef): Promise<boolean> {
  const found = await theIntegration(request.db, ref);
  const { value } = await write(request.db, request.now, causeOf(request, 'integration resume'), async w => {
    const before = await locked(w, found);
    if (before.pauseReason === null) return undo(false);
    if (before.pauseReason === 'unsupported')
      throw new AppError(
        'conflict',
        `this version cannot read ${settingsFormOf(before.provider).title}: "${before.name}" is not synced`,
      );
    await storeChanges(w.client, before.id, { pauseReason: null, pausedUntil: null, nextSyncAt: w.at });
    await tell(w, 'TAILNET.RESUME.POSTURE_INTEGRATION', before, { old: { reason: before.pauseReason } });
    return true;
  });
  return value;
}

const acceptedForMs = 24 * 3_600_000;

/**
 * Admits, within 24 hours, as many losses as are withheld now and at most a tenth more: agents come and go while one
 * decides.
 * @param confirm how many devices are held, as the asker knows it; null: he is not asked
 * @returns how many devices may lose values
 * @throws AppError not_found, or conflict when nothing is held, or another number
 */
export async function acceptLosses(
  request: Request,
  ref: IntegrationRef,
  confirm: number | null = null,
): Promise<number> {
  const found = await theIntegration(request.db, ref);
  const { value } = await write(request.db, request.now, causeOf(request, 'losses accepted'), async w => {
    const before = await locked(w, found);
    if (before.heldSince === null)
      throw new AppError('conflict', `nothing is held in "${before.name}": there are no losses to accept`);
    if (confirm !== null && confirm !== before.heldDevices) {
      const devices = before.heldDevices ?? 0;
      const lose = devices === 1 ? '1 device loses' : `${devices} devices lose`;
      throw new AppError(
        'conflict',
        `confirm: ${lose} values by now, not ${confirm}; to accept it, confirm ${devices}`,
      );
    }
    const acceptedLosses = Math.floor(((before.heldDevices ?? 0) * 11) / 10);
    const acceptedUntil = new Date(w.at.getTime() + acceptedForMs);
    await storeChanges(w.client, before.id, { acceptedLosses, acceptedUntil, nextSyncAt: w.at });
    const told = { new: { devices: before.heldDevices, atMost: acceptedLosses, until: acceptedUntil } };
    await tell(w, 'TAILNET.ACCEPT.POSTURE_INTEGRATION', before, told);
    return acceptedLosses;
  });
  return value;
}
