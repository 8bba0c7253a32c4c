// Asks until when an integration is to be paused.
import { Radio, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { AskFirst } from '../../parts/ask-first.tsx';
import { texts } from '../../texts.ts';
import { acts, useAct } from './queries.ts';
import type { Integration } from './words.ts';

const t = texts.integrations.pause;
const byHand = 'hand';

interface DialogProps {
  integration: Integration;
  isOpen: boolean;
  onClose: () => void;
}

export function PauseDialog({ integration, isOpen, onClose }: DialogProps) {
  const [until, setUntil] = useState(byHand);
  const pause = useAct((end: string | null) => acts.pause(integration.id, end));
  const close = () => {
    pause.reset();
    onClose();
  };
  return (
    <AskFirst
      isOpen={isOpen}
      onClose={close}
      title={t.title(integration.name)}
      action={t.action}
      isDangerous={false}
      isBusy={pause.isPending}
      error={pause.error}
      onConfirm={() => pause.mutate(until === byHand ? null : until, { onSuccess: close })}
    >
      <Text size="sm">{t.about}</Text>
      <Radio.Group label={t.how} value={until} onChange={setUntil}>
        <Stack gap="xs" mt="xs">
          <Radio value={byHand} label={t.hand} />
          {Object.entries(t.spans).map(([span, label]) => (
            <Radio key={span} value={span} label={label} />
          ))}
        </Stack>
      </Radio.Group>
    </AskFirst>
  );
}
