// What stands above the editor: that no policy was applied yet, and that somebody else applied another one.
import { Alert, Button, Group, Text } from '@mantine/core';
import { IconInfoCircle, IconUserEdit } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';
import { starterQuery, useHasPolicy } from './queries.ts';

/** Its own colour has too little contrast. */
const alert = { title: 'policy-alert-title' };

export function Outdated({ onLook }: { onLook: () => void }) {
  return (
    <Alert classNames={alert} color="orange" icon={<IconUserEdit aria-hidden />} title={texts.policy.conflict.title}>
      <Group gap="sm">
        <Text size="sm">{texts.policy.conflict.meanwhile}</Text>
        <Button size="xs" variant="default" onClick={onLook}>
          {texts.policy.conflict.look}
        </Button>
      </Group>
    </Alert>
  );
}

/** Before any policy was applied: what that means, and one to start from. */
export function Beginning({ mayWrite, onStart }: { mayWrite: boolean; onStart: (text: string) => void }) {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const isFirst = useHasPolicy() === false;
  if (!isFirst) return null;
  const start = async () => {
    try {
      onStart((await queries.fetchQuery(starterQuery)).text);
    } catch (failed) {
      setError(failed);
    }
  };
  return (
    <Alert classNames={alert} color="blue" icon={<IconInfoCircle aria-hidden />} title={texts.policy.empty.title}>
      <Group gap="sm">
        <Text size="sm">{texts.policy.empty.about}</Text>
        {mayWrite && (
          <Button size="xs" onClick={() => void start()}>
            {texts.policy.empty.start}
          </Button>
        )}
      </Group>
      {error !== null && <Failure error={error} />}
    </Alert>
  );
}
