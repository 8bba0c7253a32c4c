// What a condition that is not true asks for, in words. Where it is negated its operator already is the opposite of what is written.
import type { components } from '../../api/schema.d.ts';
import { timeOf } from '../../parts/pieces.ts';
import { exactTime } from '../../parts/times.ts';
import { texts } from '../../texts.ts';

const words = texts.devices.page.postures.asked;
type Asked = Pick<components['schemas']['UnmetCondition'], 'operator' | 'expected' | 'withinMs'>;

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** @returns as in "24 hours": the largest unit that keeps it whole and of which there are two */
function span(ms: number): string {
  const [unit, size] = units.find(([, each]) => ms >= 2 * each && ms % each === 0) ?? units[3];
  return new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' }).format(ms / size);
}

function shown(value: unknown): string {
  if (value === '') return words.nothing;
  const time = timeOf(value);
  return time === null ? String(value) : exactTime(time);
}

/** @returns as in "not a or b", "at least 24.2", "set", "within the last 24 hours" */
function valueText({ operator, expected, withinMs }: Asked): string {
  const [first] = [expected].flat();
  const one = first === null || first === undefined ? '' : shown(first);
  const all = [expected].flat().map(shown).join(', ');
  const forTimes = words.times as Readonly<Record<string, (value: string) => string>>;
  if (timeOf(first) !== null && forTimes[operator] !== undefined) return forTimes[operator](one);
  switch (operator) {
    case '==':
    case 'TAGGED':
      return all;
    case 'IN':
      return [expected].flat().length > 1 ? words.oneOf(all) : all;
    case 'NOT IN':
      return [expected].flat().length > 1 ? words.noneOf(all) : words.not(all);
    case '!=':
      return words.not(one);
    case '<':
      return words.less(one);
    case '<=':
      return words.most(one);
    case '>':
      return words.more(one);
    case '>=':
      return words.least(one);
    case 'IS SET':
      return words.set;
    case 'NOT SET':
      return words.notSet;
    case 'WITHIN':
      return words.recent(span(withinMs ?? 0));
    case 'NOT WITHIN':
      return words.longAgo(span(withinMs ?? 0));
    default:
      return `${operator} ${all}`;
  }
}

/** @returns what the value must be, and how lately it must have been confirmed; null: whenever */
export function expectedOf(asked: Asked): { value: string; confirmed: string | null } {
  const { operator, withinMs } = asked;
  const isOfTheValue = operator === 'WITHIN' || operator === 'NOT WITHIN';
  return {
    value: valueText(asked),
    confirmed: withinMs === null || isOfTheValue ? null : words.confirmed(span(withinMs)),
  };
}
