// Text from outside, as names and serials: in its own direction, cut where there is no room, whole on hover and focus.
import { Text, type TextProps, Tooltip } from '@mantine/core';
import { useRef, useState } from 'react';

interface LongTextProps extends TextProps {
  children: string;
}

export function LongText({ children, ...props }: LongTextProps) {
  const place = useRef<HTMLParagraphElement>(null);
  const [isCut, setCut] = useState(false);
  const look = () => {
    const { current } = place;
    setCut(current !== null && current.scrollWidth > current.clientWidth);
  };
  return (
    <Tooltip label={<bdi>{children}</bdi>} disabled={!isCut} multiline maw={480} classNames={{ tooltip: 'wrap' }}>
      <Text {...props} ref={place} className="cut" onMouseEnter={look} onFocus={look}>
        <bdi>{children}</bdi>
      </Text>
    </Tooltip>
  );
}
