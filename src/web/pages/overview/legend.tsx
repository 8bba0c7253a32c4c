// What the parts of a proportion are, with how many devices each has: figures that lead to these devices.
import { Anchor, Group, type GroupProps, Text } from '@mantine/core';
import { Link } from 'react-router';
import { type Part, useKnownTone } from '../../parts/charts/proportion.tsx';
import { figure } from './figures.ts';

interface LegendProps extends GroupProps {
  parts: readonly Part[];
  /** @returns the address of the list of these devices */
  placeOf: (key: string) => string;
}

export function Legend({ parts, placeOf, ...props }: LegendProps) {
  const knownTone = useKnownTone();
  return (
    <Group {...props}>
      {parts.map(({ key, label, count, tone }) => (
        <Group key={key} gap={5} wrap="nowrap">
          <span className="chart-swatch" data-tone={knownTone(tone)} aria-hidden />
          {count === 0 ? (
            <Text size="sm" c="dimmed" className="figures">
              {label} 0
            </Text>
          ) : (
            <Anchor component={Link} to={placeOf(key)} size="sm" className="figures">
              {label} {figure(count)}
            </Anchor>
          )}
        </Group>
      ))}
    </Group>
  );
}
