// Text from outside, as names and serials: in its own direction, cut where there is no room, whole on hover and focus.
import { Text, type TextProps } from '@mantine/core';
import { tipOfCut } from './tip.tsx';

/** The same in a table of hundreds, with the look of what it stands in. */
export function Cut({ children }: { children: string }) {
  return (
    <span className="cut" {...tipOfCut}>
      <bdi>{children}</bdi>
    </span>
  );
}

interface LongTextProps extends TextProps {
  children: string;
}

export function LongText({ children, ...props }: LongTextProps) {
  return (
    <Text {...props} className="cut" {...tipOfCut}>
      <bdi>{children}</bdi>
    </Text>
  );
}
