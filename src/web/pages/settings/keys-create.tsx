// Making a key: a name, what it may do, until when; then the key itself, shown once.
import { Button, Group, Radio, Select, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, here } from '../../api/client.ts';
import { CancelButton, FormModal } from '../../parts/form-modal.tsx';
import { Unplaced } from '../../parts/unplaced.tsx';
import { useUnsaved } from '../../parts/unsaved.ts';
import { useRefusal } from '../../parts/use-refusal.ts';
import { texts } from '../../texts.ts';
import './keys.css';
import { ChooseScopes } from './keys-choose.tsx';
import { MadeKey } from './keys-made.tsx';
import { useScopes } from './keys-scopes.ts';

const words = texts.keys.dialog;

const presets = { gateway: ['gateway:decide'], read: ['all:read'], everything: ['all'] } as const;
type Purpose = keyof typeof presets | 'chosen';
const purposes: readonly Purpose[] = ['gateway', 'read', 'everything', 'chosen'];
type Expiry = keyof typeof words.expiries;
const expiries: readonly Expiry[] = ['30', '90', '365', 'never'];
const daySeconds = 86_400;

interface Draft {
  name: string;
  purpose: Purpose;
  chosen: readonly string[];
  expiry: Expiry;
}

export function CreateKey({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const [draft, setDraft] = useState<Draft>({ name: '', purpose: 'gateway', chosen: [], expiry: '90' });
  const unsaved = useUnsaved(draft);
  const make = useMutation({
    // The key is kept nowhere but in the dialog.
    gcTime: 0,
    mutationFn: ({ name, purpose, chosen, expiry }: Draft) =>
      ask(
        api.POST('/api/v2/tailnet/{tailnet}/keys', {
          params: { path: here },
          body: {
            description: name.trim(),
            scopes: [...(purpose === 'chosen' ? chosen : presets[purpose])],
            expirySeconds: expiry === 'never' ? null : Number(expiry) * daySeconds,
          },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['keys', 'list'] }),
  });
  if (make.data !== undefined) return <MadeKey apiKey={make.data} onClose={onClose} />;
  return (
    <FormModal unsaved={unsaved} onClose={onClose} title={words.title} size="lg">
      <KeyForm
        draft={draft}
        onChange={setDraft}
        onSubmit={() => make.mutate(draft)}
        isBusy={make.isPending}
        error={make.error}
      />
    </FormModal>
  );
}

interface KeyFormProps {
  draft: Draft;
  onChange: (draft: Draft) => void;
  onSubmit: () => void;
  isBusy: boolean;
  error: unknown;
}

function KeyForm({ draft, onChange, onSubmit, isBusy, error }: KeyFormProps) {
  const [isTried, setTried] = useState(false);
  const { name, purpose, chosen, expiry } = draft;
  const isNamed = name.trim() !== '';
  const wrong = useRefusal(error, { description: name });
  const isScoped = purpose !== 'chosen' || chosen.length > 0;
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        setTried(true);
        if (isNamed && isScoped) onSubmit();
      }}
    >
      <Stack gap="lg">
        <TextInput
          label={words.name}
          description={words.nameAbout}
          value={name}
          maxLength={99}
          autoComplete="off"
          data-autofocus
          error={isTried && !isNamed ? words.nameMissing : wrong.description}
          onChange={event => onChange({ ...draft, name: event.currentTarget.value })}
        />
        <Purposes purpose={purpose} onChange={value => onChange({ ...draft, purpose: value })} />
        {purpose === 'chosen' && (
          <ChooseScopes
            chosen={chosen}
            onChange={value => onChange({ ...draft, chosen: value })}
            error={isTried && !isScoped ? words.scopesMissing : undefined}
          />
        )}
        <Select
          label={words.expires}
          description={expiry === 'never' ? words.neverAbout : undefined}
          inputWrapperOrder={['label', 'input', 'description', 'error']}
          data={expiries.map(value => ({ value, label: words.expiries[value] }))}
          value={expiry}
          allowDeselect={false}
          maw={240}
          onChange={value => onChange({ ...draft, expiry: (value ?? '90') as Expiry })}
        />
        <Unplaced error={error} errors={wrong} />
        <Group justify="flex-end">
          <CancelButton />
          <Button type="submit" loading={isBusy}>
            {words.create}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Purposes({ purpose, onChange }: { purpose: Purpose; onChange: (purpose: Purpose) => void }) {
  const { scopes } = useScopes();
  const isLacking = (value: Purpose) =>
    value !== 'chosen' && presets[value].some(scope => scopes.find(each => each.scope === scope)?.mayGive === false);
  return (
    <Radio.Group label={words.purpose} value={purpose} onChange={value => onChange(value as Purpose)}>
      <div className="purposes">
        {purposes.map(value => (
          <Radio.Card key={value} value={value} radius="md" p="sm" disabled={isLacking(value)} className="purpose">
            <Group wrap="nowrap" align="flex-start" gap="sm">
              <Radio.Indicator disabled={isLacking(value)} />
              <div>
                <Text size="sm" fw={500}>
                  {words.presets[value].label}
                </Text>
                <Text size="xs" c="dimmed">
                  {isLacking(value) ? words.lacking : words.presets[value].about}
                </Text>
              </div>
            </Group>
          </Radio.Card>
        ))}
      </div>
    </Radio.Group>
  );
}
