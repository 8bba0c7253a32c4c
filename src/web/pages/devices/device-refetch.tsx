// Reads the agents of the device again at once, and says what came of it, also where that takes longer than a request may wait.
import { Alert, Button, Loader, Modal, Stack, Text } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, ask, type Schemas } from '../../api/client.ts';
import { Failure } from '../../parts/failure.tsx';
import { StateMark, type Tone } from '../../parts/state-mark.tsx';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { Change } from './change.tsx';

const words = texts.devices.page.refetch;
type Refetch = Schemas['Refetch'];
const againMs = 2_000;

export function RefetchButton({ id }: { id: string }) {
  const queries = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const asking = useMutation({
    mutationFn: () =>
      ask<Refetch>(
        api.POST('/api/v2/device/{deviceId}/refetch', { params: { path: { deviceId: id }, query: { wait: 10 } } }),
      ),
  });
  const begun = asking.data;
  const goesOn = begun !== undefined && begun.finishedAt === null;
  const later = useQuery({
    queryKey: ['refetch', id, begun?.id],
    queryFn: ({ signal }) =>
      ask<Refetch>(
        api.GET('/api/v2/device/{deviceId}/refetch/{refetchId}', {
          params: { path: { deviceId: id, refetchId: begun?.id ?? 0 } },
          signal,
        }),
      ),
    enabled: goesOn,
    refetchInterval: ({ state }) => (state.data?.finishedAt ? false : againMs),
  });
  const found = later.data ?? begun;
  const isEnded = found !== undefined && found.finishedAt !== null;
  useEffect(() => {
    if (isEnded) void queries.invalidateQueries({ queryKey: ['devices'] });
  }, [isEnded, queries]);
  return (
    <>
      <Button
        leftSection={<IconRefresh size={16} aria-hidden />}
        loading={asking.isPending}
        title={words.about}
        onClick={() => {
          setOpen(true);
          asking.mutate();
        }}
      >
        {words.action}
      </Button>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title={words.action}>
        <Stack gap="md" mih={96} aria-live="polite">
          {asking.error !== null && <Failure error={asking.error} />}
          {later.error !== null && <Failure error={later.error} />}
          {asking.error === null && !isEnded && (
            <Text component="div" size="sm">
              <Loader size="xs" me="xs" />
              {goesOn ? words.longer : words.running}
            </Text>
          )}
          {isEnded && <Result refetch={found} />}
        </Stack>
      </Modal>
    </>
  );
}

const tones: Readonly<Record<string, Tone>> = { read: 'good', not_asked: 'warning', failed: 'bad' };

function Result({ refetch }: { refetch: Refetch }) {
  const { error, integrations } = refetch;
  if (error !== null)
    return (
      <Alert color="red">
        <Told>{error.message}</Told>
      </Alert>
    );
  const changed = new Map<string, [old: unknown, now: unknown]>();
  for (const { old, new: now } of integrations)
    for (const name of Object.keys({ ...old, ...now })) changed.set(name, [old?.[name], now?.[name]]);
  const isRead = integrations.some(({ outcome }) => outcome === 'read');
  return (
    <>
      <Text size="sm">{!isRead ? words.nothing : changed.size === 0 ? words.same : words.changed(changed.size)}</Text>
      {integrations.map(({ integration, outcome, reason }) => (
        <Text key={integration} component="div" size="sm" className="wrap">
          <StateMark tone={tones[outcome] ?? 'unknown'}>{words.outcome[outcome]}</StateMark> <bdi>{integration}</bdi>
          {reason !== null && (
            <>
              : <Told>{reason}</Told>
            </>
          )}
        </Text>
      ))}
      {changed.size > 0 && (
        <dl className="device-changes">
          {[...changed].map(([name, [old, now]]) => (
            <Change key={name} name={name} old={old} now={now} />
          ))}
        </dl>
      )}
    </>
  );
}
