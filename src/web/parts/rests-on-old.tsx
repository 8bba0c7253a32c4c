// Of a posture, or a condition, that is passed by values that are old: whoever does is not known to pass now.
import { texts } from '../texts.ts';
import { Age } from './age.tsx';

const words = texts.devices.page.postures;

const tones = { passing: 'good', failing: 'bad', unknown: 'unknown' } as const;

/** @param isFresh of what it rests on; null: nothing of it is a provider's */
export function standingTone(state: keyof typeof tones, isFresh: boolean | null | undefined) {
  return state === 'passing' && isFresh === false ? 'unknown' : tones[state];
}

interface RestsOnOldProps {
  /** Of the oldest of them, in RFC 3339; null: never confirmed. */
  confirmedAt: string | null;
  freshWithinMs: number;
}

export function RestsOnOld({ confirmedAt, freshWithinMs }: RestsOnOldProps) {
  if (confirmedAt === null) return words.heldNever;
  return (
    <>
      {words.held} <Age at={confirmedAt} />. {words.heldAbout(Math.round(freshWithinMs / 60_000))}
    </>
  );
}
