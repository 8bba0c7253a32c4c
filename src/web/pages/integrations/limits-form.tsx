// Changes how long values of an integration live, and how many devices a sync may take values from. A shorter life by which values would
// end at once asks first, with the number of devices.
import { Button, Group, NumberInput, SimpleGrid, Stack, Text, TextInput, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { api, ask, type Schemas } from '../../api/client.ts';
import { AskFirst } from '../../parts/ask-first.tsx';
import type { FieldErrors } from '../../parts/refusal.ts';
import { Unplaced } from '../../parts/unplaced.tsx';
import { useUnsaved } from '../../parts/unsaved.ts';
import { useRefusal } from '../../parts/use-refusal.ts';
import { texts } from '../../texts.ts';
import { useAct } from './queries.ts';
import { counted, type Integration } from './words.ts';

const t = texts.integrations.edit;
const one = (integrationId: string) => ({ path: { integrationId } });

interface FormProps {
  integration: Integration;
  mayChange: boolean;
}

/** As it is typed. */
interface Typed {
  expireAfter: string;
  floor: string | number;
  percent: string | number;
}

function typedOf({ expireAfter, holdFloor, holdShare }: Integration): Typed {
  return { expireAfter, floor: holdFloor, percent: Math.round(holdShare * 10_000) / 100 };
}

/** @returns what differs from what is stored */
function changesOf(integration: Integration, { expireAfter, floor, percent }: Typed) {
  const share = Number(percent) / 100;
  return {
    ...(expireAfter.trim() === integration.expireAfter ? {} : { expireAfter: expireAfter.trim() }),
    ...(floor === '' || Number(floor) === integration.holdFloor ? {} : { holdFloor: Number(floor) }),
    ...(percent === '' || share === integration.holdShare ? {} : { holdShare: share }),
  };
}

export function LimitsForm({ integration, mayChange }: FormProps) {
  const { id } = integration;
  const [typed, setTyped] = useState(() => typedOf(integration));
  useUnsaved(typed);
  const [losses, setLosses] = useState<Schemas['Losses'] | null>(null);
  const changes = changesOf(integration, typed);
  /** Null: that cannot be told, or nothing is. */
  const reckon = async () => {
    if (changes.expireAfter === undefined) return null;
    const query = { expireAfter: changes.expireAfter };
    const path = '/api/v2/posture/integrations/{integrationId}/losses';
    return await ask(api.GET(path, { params: { ...one(id), query } })).catch(() => null);
  };
  const save = useAct(async (confirm: number | null) => {
    if (confirm === null) {
      // Where it cannot be told, what follows is refused, along with all else that is wrong.
      const found = await reckon();
      if (found !== null && found.devices > 0) return setLosses(found);
    }
    const path = '/api/v2/posture/integrations/{integrationId}';
    try {
      await ask(api.PATCH(path, { params: { ...one(id), query: { confirm: confirm ?? 0 } }, body: changes }));
    } catch (error) {
      // It may be another number by now: the service said so, and it is shown anew where it is still asked.
      const found = confirm === null ? null : await reckon();
      setLosses(asked => asked && (found ?? asked));
      throw error;
    }
    setLosses(null);
    notifications.show({ color: 'teal', message: t.saved });
  });
  const close = () => {
    save.reset();
    setLosses(null);
  };
  const { expireAfter, floor: holdFloor, percent: holdShare } = typed;
  const errors = useRefusal(save.error, { expireAfter, holdFloor, holdShare });
  return (
    <Stack
      component="form"
      gap="md"
      className="card panel"
      onSubmit={event => {
        event.preventDefault();
        save.mutate(null);
      }}
    >
      <Title order={2}>{t.limits}</Title>
      <Fields typed={typed} onChange={setTyped} errors={errors} isReadOnly={!mayChange} />
      {losses === null && <Unplaced error={save.error} errors={errors} />}
      {mayChange && (
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending} disabled={Object.keys(changes).length === 0}>
            {t.save}
          </Button>
        </Group>
      )}
      <AskFirst
        isOpen={losses !== null}
        onClose={close}
        title={t.endsTitle}
        action={t.save}
        isBusy={save.isPending}
        error={losses === null ? null : save.error}
        onConfirm={() => save.mutate(losses?.devices ?? 0)}
      >
        <Text size="sm">
          {t.ends(counted(losses?.devices ?? 0, 'device'), counted(losses?.attributes ?? 0, 'value'))}
        </Text>
      </AskFirst>
    </Stack>
  );
}

interface FieldsProps {
  typed: Typed;
  onChange: (typed: Typed) => void;
  errors: FieldErrors;
  isReadOnly: boolean;
}

function Fields({ typed, onChange, errors, isReadOnly }: FieldsProps) {
  return (
    <>
      <TextInput
        label={t.expireAfter}
        description={t.expireAfterHelp}
        value={typed.expireAfter}
        onChange={event => onChange({ ...typed, expireAfter: event.currentTarget.value })}
        error={errors.expireAfter}
        disabled={isReadOnly}
        maw={360}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }} verticalSpacing="md" className="aligned">
        <NumberInput
          label={t.holdFloor}
          value={typed.floor}
          onChange={floor => onChange({ ...typed, floor })}
          error={errors.holdFloor}
          disabled={isReadOnly}
          min={0}
          allowDecimal={false}
        />
        <NumberInput
          label={t.holdShare}
          value={typed.percent}
          onChange={percent => onChange({ ...typed, percent })}
          error={errors.holdShare}
          disabled={isReadOnly}
          min={0}
          max={100}
          suffix=" %"
        />
      </SimpleGrid>
      <Text size="sm" c="dimmed">
        {t.holdHelp}
      </Text>
    </>
  );
}
