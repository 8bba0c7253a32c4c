// Asks before a key is revoked, and says which and what becomes of it.
import { Alert, Code, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, ask, here, type Schemas } from '../../api/client.ts';
import { sessionQuery } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { texts } from '../../texts.ts';

const words = texts.keys.ask;

export function RevokeKey({ apiKey, onClose }: { apiKey: Schemas['Key']; onClose: () => void }) {
  const { id, description, prefix, lastUsedAt } = apiKey;
  const queries = useQueryClient();
  const session = useQuery(sessionQuery);
  const isOwn = session.data?.id === `key:${id}`;
  const revoke = useMutation({
    mutationFn: () =>
      ask(api.DELETE('/api/v2/tailnet/{tailnet}/keys/{keyId}', { params: { path: { ...here, keyId: id } } })),
    onSuccess: async () => {
      notifications.show({ color: 'teal', message: words.done(description) });
      onClose();
      await queries.invalidateQueries({ queryKey: ['keys', 'list'] });
    },
  });
  return (
    <AskFirst
      isOpen
      onClose={onClose}
      title={words.title(description)}
      action={words.action}
      onConfirm={() => revoke.mutate()}
      isBusy={revoke.isPending}
      error={revoke.error}
    >
      <Text size="sm">
        <Code>{prefix}</Code> · {words.lastUsed} <Age at={lastUsedAt} />
      </Text>
      <Text size="sm">{words.about}</Text>
      {isOwn && (
        <Alert color="orange" icon={<IconAlertTriangle aria-hidden />}>
          {words.own}
        </Alert>
      )}
    </AskFirst>
  );
}
