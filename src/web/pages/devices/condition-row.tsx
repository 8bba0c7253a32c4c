// Of devices that do not pass a posture: which conditions keep them from it, those of most devices first. One click shows whom each
// concerns, and one more all again.
import { Group, Skeleton, Text, UnstyledButton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { texts } from '../../texts.ts';
import { chosenOf } from './filters.tsx';
import { causesQuery, type TableState } from './table-state.ts';

const mostShown = 6;

/** @returns the posture that the devices shown do not pass, without `posture:`; null: none is asked for */
export function postureNotPassed(state: TableState): string | null {
  const standing = chosenOf(state, 'standing');
  const isFailing = standing === 'failing' || standing === 'unknown' || chosenOf(state, 'condition') !== null;
  return isFailing ? chosenOf(state, 'posture') : null;
}

export function ConditionRow({ state, posture }: { state: TableState; posture: string }) {
  const { data, isPending } = useQuery(causesQuery(posture));
  const chosen = chosenOf(state, 'condition');
  const shown = data?.slice(0, mostShown) ?? [];
  return (
    <Group gap={6} className="condition-row" role="group" aria-label={texts.devices.filters.conditions}>
      <Text size="sm" c="dimmed">
        {texts.devices.filters.conditions}
      </Text>
      {isPending && <Skeleton h={24} w={220} />}
      {data?.length === 0 && (
        <Text size="sm" c="dimmed">
          –
        </Text>
      )}
      {shown.map(condition => (
        <UnstyledButton
          key={condition}
          className="condition-choice"
          aria-pressed={condition === chosen}
          onClick={() =>
            state.change(
              condition === chosen ? { condition: null, standing: 'failing' } : { condition, standing: null },
            )
          }
        >
          <bdi>{condition}</bdi>
        </UnstyledButton>
      ))}
    </Group>
  );
}
