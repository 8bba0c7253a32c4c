// One webhook: whether its receiver takes notices and what to do if not, what it is told of, what can be done with it, and its log.
import { Alert, Anchor, Button, Checkbox, Group, Menu, Skeleton, Stack, Text, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle, IconChevronLeft, IconDots } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { api, ask } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Answered } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Failure } from '../../parts/failure.tsx';
import { ReadOnly } from '../../parts/read-only.tsx';
import { exactTime } from '../../parts/times.ts';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { Deliveries } from './deliveries.tsx';
import { Forbidden } from './parts.tsx';
import { WebhookForm } from './webhook-form.tsx';
import { getsAll, noticesInShort, noticeWords, SecretOnce, type Webhook, WebhookState } from './webhook-parts.tsx';

const words = texts.settings.webhooks;
type Dialog = 'edit' | 'rotate' | 'disable' | 'remove';

/** What a webhook that is not well needs. */
function Trouble({ webhook }: { webhook: Webhook }) {
  const { state, disabledReason, failingSince, nextAttempt, error } = webhook;
  if (state === 'active') return null;
  const { administrator, failing, gone } = words.disabled;
  const reason = disabledReason === 'failing' ? failing : disabledReason === 'gone' ? gone : administrator;
  const { title, about } = state === 'failing' ? words.failing : reason;
  return (
    <Alert color={state === 'failing' ? 'red' : 'orange'} icon={<IconAlertTriangle aria-hidden />} title={title}>
      <Stack gap={4}>
        {error !== null && (
          <Text size="sm" fw={500} className="wrap">
            <bdi>
              <Told>{error}</Told>
            </bdi>
          </Text>
        )}
        <Text size="sm">{about}</Text>
        {state === 'failing' && (
          <Text size="sm">
            {words.failing.since} <Age at={failingSince} as="span" />, {words.failing.next} <Age at={nextAttempt} />.{' '}
            {words.failing.after}
          </Text>
        )}
      </Stack>
    </Alert>
  );
}

/** The requests that a webhook's buttons make. */
function useActs(id: string, onDone: () => void, onSecret: (secret: string) => void) {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const params = { path: { endpointId: id } };
  const done = () => {
    void queries.invalidateQueries({ queryKey: ['webhooks'] });
    onDone();
  };
  const say = (message: string, color = 'blue') => notifications.show({ message, color });
  return {
    test: useMutation({
      mutationFn: () => ask(api.POST('/api/v2/webhooks/{endpointId}/test', { params })),
      onSuccess: ({ delivery }) => {
        done();
        if (delivery === null || delivery.attempts === 0) say(words.testWaits, 'orange');
        else if (delivery.state === 'delivered') say(words.tested, 'teal');
        else say(words.testFailed(delivery.error ?? String(delivery.status ?? '')), 'red');
      },
    }),
    rotate: useMutation({
      mutationFn: (atOnce: boolean) =>
        ask(
          api.POST('/api/v2/webhooks/{endpointId}/rotate', {
            params: { ...params, query: { atOnce: atOnce ? 'true' : 'false' } },
          }),
        ),
      onSuccess: ({ secret }) => {
        done();
        if (secret !== undefined) onSecret(secret);
      },
    }),
    enable: useMutation({
      mutationFn: () => ask(api.POST('/api/v2/webhooks/{endpointId}/enable', { params })),
      onSuccess: () => {
        done();
        say(words.enabled);
      },
    }),
    disable: useMutation({
      mutationFn: () => ask(api.POST('/api/v2/webhooks/{endpointId}/disable', { params })),
      onSuccess: done,
    }),
    remove: useMutation({
      mutationFn: () => ask(api.DELETE('/api/v2/webhooks/{endpointId}', { params })),
      onSuccess: () => {
        say(words.removed);
        navigate('/settings/webhooks');
        // Nobody is to ask again for what is gone.
        onDone();
        void queries.invalidateQueries({ queryKey: ['webhooks', 'list'] });
      },
    }),
  };
}

function Dialogs({
  webhook,
  dialog,
  acts,
  onClose,
}: {
  webhook: Webhook;
  dialog: Dialog | null;
  acts: ReturnType<typeof useActs>;
  onClose: () => void;
}) {
  const [atOnce, setAtOnce] = useState(false);
  const { rotate, disable, remove } = acts;
  // What was chosen, or refused, is of that one time.
  const close = () => {
    setAtOnce(false);
    for (const act of [rotate, disable, remove]) act.reset();
    onClose();
  };
  return (
    <>
      {dialog === 'edit' && <WebhookForm webhook={webhook} onClose={onClose} onSaved={onClose} />}
      <AskFirst
        isOpen={dialog === 'rotate'}
        onClose={close}
        title={words.askRotate}
        action={words.rotate}
        onConfirm={() => rotate.mutate(atOnce)}
        isBusy={rotate.isPending}
        error={rotate.error}
        isDangerous={atOnce}
      >
        <Text size="sm">{words.askRotateAbout}</Text>
        <Checkbox label={words.atOnce} checked={atOnce} onChange={event => setAtOnce(event.currentTarget.checked)} />
      </AskFirst>
      <AskFirst
        isOpen={dialog === 'disable'}
        onClose={close}
        title={words.askDisable}
        action={words.disable}
        onConfirm={() => disable.mutate()}
        isBusy={disable.isPending}
        error={disable.error}
      >
        <Text size="sm">{words.askDisableAbout}</Text>
      </AskFirst>
      <AskFirst
        isOpen={dialog === 'remove'}
        onClose={close}
        title={words.askRemove}
        action={words.remove}
        onConfirm={() => remove.mutate()}
        isBusy={remove.isPending}
        error={remove.error}
      >
        <Text size="sm">{words.askRemoveAbout(webhook.waiting)}</Text>
      </AskFirst>
    </>
  );
}

function Actions({
  webhook,
  acts,
  open,
}: {
  webhook: Webhook;
  acts: ReturnType<typeof useActs>;
  open: (dialog: Dialog) => void;
}) {
  const isDisabled = webhook.state === 'disabled';
  return (
    <Group gap="xs">
      {isDisabled ? (
        <Button loading={acts.enable.isPending} onClick={() => acts.enable.mutate()}>
          {words.enable}
        </Button>
      ) : (
        <Button loading={acts.test.isPending} onClick={() => acts.test.mutate()}>
          {words.test}
        </Button>
      )}
      <Button variant="default" onClick={() => open('edit')}>
        {words.edit}
      </Button>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button variant="default" rightSection={<IconDots size={16} aria-hidden />}>
            {words.more}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => open('rotate')}>{words.rotate}</Menu.Item>
          {!isDisabled && <Menu.Item onClick={() => open('disable')}>{words.disable}</Menu.Item>}
          <Menu.Item color="red" onClick={() => open('remove')}>
            {words.remove}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}

function Shown({ webhook }: { webhook: Webhook }) {
  const may = useMay();
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const acts = useActs(webhook.endpointId, () => setDialog(null), setSecret);
  const failed = acts.test.error ?? acts.enable.error;
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-start" gap="sm">
        <Stack gap={4} flex="1 1 18rem" miw={0}>
          <Group gap="xs">
            <Title order={2} className="wrap">
              <bdi>{webhook.name}</bdi>
            </Title>
            <WebhookState webhook={webhook} />
          </Group>
          <Text size="sm" c="dimmed" className="wrap">
            <bdi>{webhook.endpointUrl}</bdi>
          </Text>
          <Text size="sm" c="dimmed">
            {words.notices}: {noticesInShort(webhook.subscriptions)} · {words.created} <Age at={webhook.created} />
          </Text>
        </Stack>
        {may('webhooks') && <Actions webhook={webhook} acts={acts} open={setDialog} />}
      </Group>
      <ReadOnly scope="webhooks" />
      <Trouble webhook={webhook} />
      {failed !== null && <Failure error={failed} />}
      {webhook.oldSecretEnds !== null && <Text size="sm">{words.rotating(exactTime(webhook.oldSecretEnds))}</Text>}
      {!getsAll(webhook.subscriptions) && (
        <Group gap={6} component="ul" className="kinds" aria-label={words.notices}>
          {webhook.subscriptions.map(kind => (
            <Text key={kind} size="xs" component="li" className="kind">
              {noticeWords(kind)}
            </Text>
          ))}
        </Group>
      )}
      <Deliveries webhookId={webhook.endpointId} />
      <Dialogs webhook={webhook} dialog={dialog} acts={acts} onClose={() => setDialog(null)} />
      <SecretOnce secret={secret} onClose={() => setSecret(null)} />
    </Stack>
  );
}

export function WebhookTab() {
  const may = useMay();
  const { webhookId = '' } = useParams();
  const found = useQuery({
    queryKey: ['webhooks', 'one', webhookId],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v2/webhooks/{endpointId}', { params: { path: { endpointId: webhookId } }, signal })),
    enabled: may('webhooks:read'),
  });
  if (!may('webhooks:read')) return <Forbidden scope="webhooks:read" />;
  return (
    <Stack gap="md">
      <Anchor component={Link} to="/settings/webhooks" size="sm">
        <Group gap={4}>
          <IconChevronLeft size={14} aria-hidden />
          {words.back}
        </Group>
      </Anchor>
      <Answered query={found}>
        {found.isPending && <Skeleton height={420} />}
        {found.data !== undefined && <Shown webhook={found.data} />}
      </Answered>
    </Stack>
  );
}
