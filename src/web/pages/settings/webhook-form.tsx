// The dialog that adds a webhook or changes one.
import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, here } from '../../api/client.ts';
import { CancelButton, FormModal } from '../../parts/form-modal.tsx';
import { Unplaced } from '../../parts/unplaced.tsx';
import { useUnsaved } from '../../parts/unsaved.ts';
import { useRefusal } from '../../parts/use-refusal.ts';
import { texts } from '../../texts.ts';
import { KindsInput, type Webhook } from './webhook-parts.tsx';

const words = texts.settings.webhooks;
const usualKinds = Object.keys(words.kinds.integrations.kinds);

interface WebhookFormProps {
  /** Null: one is added. */
  webhook: Webhook | null;
  onClose: () => void;
  onSaved: (webhook: Webhook) => void;
}

/** Mounted while it is open. */
export function WebhookForm({ webhook, onClose, onSaved }: WebhookFormProps) {
  const queries = useQueryClient();
  const [endpointUrl, setUrl] = useState(webhook?.endpointUrl ?? '');
  const [name, setName] = useState(webhook?.name ?? '');
  const [subscriptions, setKinds] = useState<string[]>(webhook?.subscriptions ?? usualKinds);
  const unsaved = useUnsaved([endpointUrl, name, subscriptions]);
  const save = useMutation({
    mutationFn: () => {
      const body = { endpointUrl, subscriptions, ...(name.trim() === '' ? {} : { name: name.trim() }) };
      return webhook === null
        ? ask(api.POST('/api/v2/tailnet/{tailnet}/webhooks', { params: { path: here }, body }))
        : ask(
            api.PATCH('/api/v2/webhooks/{endpointId}', { params: { path: { endpointId: webhook.endpointId } }, body }),
          );
    },
    onSuccess: saved => {
      unsaved.forget();
      void queries.invalidateQueries({ queryKey: ['webhooks'] });
      onSaved(saved);
    },
  });
  // What is wrong with the address stands there, not below all that can be chosen.
  const wrong = useRefusal(save.error, { endpointUrl, name });
  return (
    <FormModal
      unsaved={unsaved}
      onClose={onClose}
      title={webhook === null ? words.form.addTitle : words.form.editTitle}
      size="lg"
    >
      <form
        onSubmit={event => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Stack gap="md">
          <TextInput
            label={words.form.url}
            description={words.form.urlAbout}
            placeholder="https://hooks.example.com/posture"
            value={endpointUrl}
            onChange={event => setUrl(event.currentTarget.value)}
            required
            data-autofocus
            autoComplete="off"
            inputMode="url"
            error={wrong.endpointUrl}
          />
          <TextInput
            label={words.form.name}
            description={webhook === null ? words.form.nameAbout : undefined}
            value={name}
            onChange={event => setName(event.currentTarget.value)}
            maxLength={99}
            error={wrong.name}
            autoComplete="off"
          />
          <KindsInput value={subscriptions} onChange={setKinds} />
          <Unplaced error={save.error} errors={wrong} />
          <Group justify="flex-end">
            <CancelButton />
            <Button type="submit" loading={save.isPending} disabled={subscriptions.length === 0}>
              {webhook === null ? words.add : words.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </FormModal>
  );
}
