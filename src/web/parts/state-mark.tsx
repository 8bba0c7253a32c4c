// A state as a word with a colour and a sign: never by colour alone. Green is for what was checked and holds; what is not known is grey,
// and so is what was green before nothing was known any more.
import { Badge } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconInfoCircle,
  IconLoader2,
  type TablerIcon,
} from '@tabler/icons-react';
import { useLive } from '../api/live.ts';
import { texts } from '../texts.ts';

/** `unknown` is what was not checked or cannot be told; `busy` is under way. */
export type Tone = 'good' | 'bad' | 'warning' | 'unknown' | 'busy' | 'plain';

const icons: Record<Tone, TablerIcon> = {
  good: IconCircleCheck,
  bad: IconCircleX,
  warning: IconAlertTriangle,
  unknown: IconCircleDashed,
  busy: IconLoader2,
  plain: IconInfoCircle,
};

/** A badge's own, without what a component costs where a table has a hundred of them. */
const { classes } = Badge;

export function StateMark({ tone: toneOf, children }: { tone: Tone; children: string }) {
  const isGone = useLive().doubt !== null && toneOf === 'good';
  const tone = isGone ? 'unknown' : toneOf;
  const Icon = icons[tone];
  return (
    <span className={`${classes.root} state`} data-tone={tone} data-with-left-section>
      <span className={classes.section} data-position="left">
        <Icon size={13} aria-hidden />
      </span>
      <span className={classes.label}>
        {children}
        {isGone && <span className="unseen">{texts.shell.doubt.mark}</span>}
      </span>
    </span>
  );
}
