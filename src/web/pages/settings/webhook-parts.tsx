// What the list of webhooks and the page of one share: their state, which notices they get, and the secret that is shown once.
import { Button, Checkbox, Fieldset, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import type { Schemas } from '../../api/client.ts';
import { CopyIcon } from '../../parts/copy.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';

const words = texts.settings.webhooks;
export type Webhook = Schemas['Webhook'];

const kindGroups = Object.values(words.kinds);
const allKinds = kindGroups.flatMap(({ kinds }) => Object.keys(kinds));
const kindWords: Readonly<Record<string, string>> = Object.assign({}, ...kindGroups.map(({ kinds }) => kinds), {
  'webhook.test': words.testKind,
});

/** @returns a kind of notice in words; one that is new as it is */
export function noticeWords(kind: string): string {
  return kindWords[kind] ?? kind;
}

export function getsAll(subscriptions: readonly string[]): boolean {
  return subscriptions.length >= allKinds.length;
}

export function noticesInShort(subscriptions: readonly string[]): string {
  return getsAll(subscriptions) ? words.allNotices : words.ofNotices(subscriptions.length, allKinds.length);
}

/** Green only where notices were taken lately: that a webhook is enabled proves nothing. */
export function WebhookState({ webhook: { state, delivered } }: { webhook: Webhook }) {
  const tone = { active: delivered > 0 ? 'good' : 'unknown', failing: 'bad', disabled: 'warning' } as const;
  return <StateMark tone={tone[state]}>{words.states[state]}</StateMark>;
}

interface KindsInputProps {
  value: readonly string[];
  onChange: (kinds: string[]) => void;
}

export function KindsInput({ value, onChange }: KindsInputProps) {
  const isEmpty = value.length === 0;
  return (
    <Stack gap="xs">
      <Group justify="space-between">
        <Text size="sm" fw={500}>
          {words.form.notices}
        </Text>
        <Group gap={4}>
          <Button size="compact-xs" variant="subtle" onClick={() => onChange([...allKinds])}>
            {words.form.all}
          </Button>
          <Button size="compact-xs" variant="subtle" onClick={() => onChange([])}>
            {words.form.nothing}
          </Button>
        </Group>
      </Group>
      {kindGroups.map(({ title, kinds }) => (
        <Fieldset key={title} legend={title} p="sm">
          <Stack gap="xs">
            {Object.entries(kinds).map(([kind, label]) => (
              <Checkbox
                key={kind}
                label={label}
                checked={value.includes(kind)}
                onChange={event => {
                  const { checked } = event.currentTarget;
                  onChange(allKinds.filter(each => (each === kind ? checked : value.includes(each))));
                }}
              />
            ))}
          </Stack>
        </Fieldset>
      ))}
      {isEmpty && (
        <Text size="sm" c="red" role="alert">
          {words.form.atLeastOne}
        </Text>
      )}
    </Stack>
  );
}

/** @param secret null: nothing is shown */
export function SecretOnce({ secret, onClose }: { secret: string | null; onClose: () => void }) {
  return (
    <Modal
      opened={secret !== null}
      onClose={onClose}
      title={words.secret.title}
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <Stack gap="md">
        <Text size="sm">{words.secret.about}</Text>
        <TextInput
          readOnly
          value={secret ?? ''}
          aria-label={words.secret.title}
          ff="monospace"
          onFocus={event => event.currentTarget.select()}
          rightSection={<CopyIcon text={secret ?? ''} words={words.secret} />}
        />
        <Group justify="flex-end">
          <Button onClick={onClose}>{words.secret.done}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
