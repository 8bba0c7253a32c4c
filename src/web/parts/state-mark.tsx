// A state as a word with a colour and a sign: never by colour alone. Green is for what was checked and holds; what is not known is grey.
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

export function StateMark({ tone, children }: { tone: Tone; children: string }) {
  const Icon = icons[tone];
  return (
    <span className={`${classes.root} state`} data-tone={tone} data-with-left-section>
      <span className={classes.section} data-position="left">
        <Icon size={13} aria-hidden />
      </span>
      <span className={classes.label}>{children}</span>
    </span>
  );
}
