// An answer in headers, for what stands behind a gateway, and its reason in one line.
import { reasonText } from '../posture/explanations.ts';
import type { Ground } from '../posture/grounds.ts';
import { timeText } from '../posture/told.ts';
import { type Answer, outcomeTexts } from './decisions.ts';

/** Of the one line. */
const longestReason = 300;

/**
 * @returns the headers of an answer, each name followed by its value. Each is there always, empty where there is nothing to say: a
 *   gateway that copies them to what stands behind it then overwrites what its client sent under the same name
 */
export function answerHeaders(answer: Answer): string[] {
  const { id, at, outcome, device, rule, posture, grounds, validUntil, viewAgeMs } = answer;
  // biome-ignore format: a header a line
  return [
    'cache-control', 'no-store',
    'x-posture-outcome', outcome,
    'x-posture-decision', id,
    'x-posture-device', device === null ? '' : encoded(device.id),
    'x-posture-user', device?.user ? encoded(device.user) : '',
    'x-posture-rule', rule ?? '',
    'x-posture-posture', posture ?? '',
    'x-posture-revision', text(answer.revision),
    'x-posture-policy', text(answer.policyRevision),
    'x-posture-age', age(grounds, at),
    'x-posture-view-age', viewAgeMs === null ? '' : text(Math.floor(viewAgeMs / 1_000)),
    'x-posture-valid-until', timeText(validUntil) ?? '',
  ];
}

const text = (number: number | null) => (number === null ? '' : String(number));

/** Of the oldest value, in s; `unknown` where one was never confirmed. */
function age(grounds: readonly Ground[], at: number): string {
  let oldest = Number.POSITIVE_INFINITY;
  for (const { confirmedAt } of grounds) {
    if (confirmedAt === null) return 'unknown';
    if (confirmedAt < oldest) oldest = confirmedAt;
  }
  return grounds.length === 0 ? '' : String(Math.max(0, Math.floor((at - oldest) / 1_000)));
}

/** @returns why, in one line for a header: the first reason, and how many more there are */
export function reasonLine({ outcome, refusals, at }: Answer): string {
  const reasons = refusals.flatMap(refusal => refusal.reasons);
  const [first] = reasons;
  const line = first === undefined ? outcomeTexts[outcome] : reasonText(first, at);
  const cut = line.length > longestReason ? `${line.slice(0, longestReason)}...` : line;
  const more = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : '';
  return escaped(`${cut}${more}`, /[^\x20-\x24\x26-\x7e]+/g);
}

const plain = /^[\x21-\x24\x26-\x7e]*$/;

/** For a header: what is no visible ASCII, and `%`, is percent-encoded as UTF-8. */
function encoded(text: string): string {
  if (plain.test(text)) return text;
  return escaped(text, /[^\x21-\x24\x26-\x7e]+/g);
}

function escaped(text: string, unsafe: RegExp): string {
  return text.replace(unsafe, part => encodeURIComponent(part.toWellFormed()));
}
