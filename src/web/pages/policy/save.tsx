// Before a text is put in force: who would lose and gain what by it, against all devices as they are now. One whose own tests fail cannot be,
// and is shown beside these with what it would change, which tells why they do.
import { Alert, Button, Group, Modal, Progress, Skeleton, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle, IconCircleX } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { RequestError } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';
import { Impact } from './impact.tsx';
import { type Placed, placedOf } from './problems.tsx';
import { applyPolicy, checkQuery, impactQuery, inForceQuery, type Reckoned, type Stored } from './queries.ts';

interface SaveProps {
  text: string;
  /** Of the one that it replaces. */
  etag: string;
  onClose: () => void;
  /** Another one is in force meanwhile. */
  onConflict: () => void;
  /** @param inForce the text, as it is in force now */
  onSaved: (inForce: Stored) => void;
}

export function SaveDialog({ text, etag, onClose, onConflict, onSaved }: SaveProps) {
  const mayLook = useMay()('devices:posture_attributes:read');
  const queries = useQueryClient();
  const [reckoned, setReckoned] = useState<Reckoned | null>(null);
  const impact = useQuery({ ...impactQuery(text, setReckoned), enabled: mayLook, staleTime: 0 });
  const saving = useMutation({
    mutationFn: () => applyPolicy({ text, etag }),
    onSuccess: async inForce => {
      // An answer of before, still on its way, would bring the old text back for a moment.
      await queries.cancelQueries({ queryKey: inForceQuery.queryKey });
      queries.setQueryData(inForceQuery.queryKey, inForce);
      onSaved(inForce);
      notifications.show({ color: 'teal', message: texts.policy.save.done, withCloseButton: false });
      await queries.invalidateQueries({ queryKey: ['policy'] });
      await queries.invalidateQueries({ queryKey: ['devices', 'postures'] });
    },
    onError: async error => {
      if (!(error instanceof RequestError) || error.status !== 412) return;
      await queries.invalidateQueries({ queryKey: ['policy'] });
      onConflict();
    },
  });
  // As it was looked over before it came here.
  const check = useQuery(checkQuery(text));
  const failing = placedOf(check.data).filter(({ severity }) => severity === 'error');
  const isFailing = failing.length > 0;
  const isLosing = (impact.data?.losing ?? 0) > 0;
  return (
    <Modal
      opened
      // What comes of it would be told to nobody.
      onClose={() => saving.isPending || onClose()}
      title={isFailing ? texts.policy.save.failingTitle : texts.policy.save.title}
      size="xl"
    >
      <Stack gap="md">
        {isFailing && <Failing tests={failing} total={check.data?.tests?.failed ?? failing.length} />}
        {!mayLook && (
          <Alert color="orange" icon={<IconAlertTriangle aria-hidden />}>
            {texts.policy.save.unseen}
          </Alert>
        )}
        {mayLook && impact.isPending && <Reckoning reckoned={reckoned} />}
        {impact.isError && <Failure error={impact.error} onRetry={() => impact.refetch()} />}
        {impact.data !== undefined && <Impact text={text} impact={impact.data} />}
        {saving.isError && <Failure error={saving.error} />}
        <Group justify="flex-end" className="policy-foot">
          <Button variant="default" onClick={onClose} disabled={saving.isPending} data-autofocus>
            {texts.policy.save.back}
          </Button>
          {!isFailing && (
            <Button
              color={isLosing ? 'red.9' : 'blue'}
              disabled={mayLook && impact.isPending}
              loading={saving.isPending}
              onClick={() => saving.mutate()}
            >
              {isLosing ? texts.policy.save.confirmLosing(impact.data?.losing ?? 0) : texts.policy.save.confirm}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

const mostShown = 5;

function Failing({ tests, total }: { tests: readonly Placed[]; total: number }) {
  const words = texts.policy.save;
  const shown = tests.slice(0, mostShown);
  return (
    <Alert
      classNames={{ title: 'policy-alert-title' }}
      color="red"
      icon={<IconCircleX aria-hidden />}
      title={words.failing(total)}
    >
      <Stack gap={6}>
        <ul className="policy-failing">
          {shown.map(({ line, column, message }) => (
            <li key={`${line}:${column}`} className="wrap">
              {texts.policy.problems.line(line)}: <bdi>{message}</bdi>
            </li>
          ))}
        </ul>
        {total > shown.length && <Text size="sm">{words.moreFailing(total - shown.length)}</Text>}
        <Text size="sm">{words.failingAbout}</Text>
      </Stack>
    </Alert>
  );
}

/** How far is told where it takes longer than a moment; its place is kept from the beginning. */
function Reckoning({ reckoned }: { reckoned: Reckoned | null }) {
  const words = texts.policy.impact;
  const { compared, devices } = reckoned ?? { compared: 0, devices: 0 };
  // The count may have moved on since it was begun.
  const percent = devices === 0 ? 0 : Math.min(100, Math.floor((compared / devices) * 100));
  return (
    <Stack gap="xs">
      <Text c="dimmed" role="status">
        {words.reckoning}
      </Text>
      <Stack gap={4} className="policy-reckoning" data-shown={reckoned !== null}>
        <Progress value={percent} transitionDuration={200} aria-label={words.progressLabel} />
        <Text size="xs" c="dimmed" className="figures">
          {words.progress(compared, devices)}
        </Text>
      </Stack>
      <Skeleton h={140} />
    </Stack>
  );
}
