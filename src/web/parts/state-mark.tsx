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

const looks: Record<Tone, { color: string; icon: TablerIcon }> = {
  good: { color: 'teal', icon: IconCircleCheck },
  bad: { color: 'red', icon: IconCircleX },
  warning: { color: 'orange', icon: IconAlertTriangle },
  unknown: { color: 'gray', icon: IconCircleDashed },
  busy: { color: 'blue', icon: IconLoader2 },
  plain: { color: 'gray', icon: IconInfoCircle },
};

export function StateMark({ tone, children }: { tone: Tone; children: string }) {
  const { color, icon: Icon } = looks[tone];
  return (
    <Badge
      className="state"
      data-tone={tone}
      color={color}
      variant="light"
      radius="sm"
      leftSection={<Icon size={13} aria-hidden />}
    >
      {children}
    </Badge>
  );
}
