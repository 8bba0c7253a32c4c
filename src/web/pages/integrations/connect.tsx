// Connecting an integration: choose what agents are read from, give its settings, try them, and save. Opened by the address.
import { Button, Group, Skeleton, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconChevronRight } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type RefObject, useEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { api, ask, here } from '../../api/client.ts';
import { Failure } from '../../parts/failure.tsx';
import { FormModal } from '../../parts/form-modal.tsx';
import { Unplaced } from '../../parts/unplaced.tsx';
import { type Unsaved, useUnsaved } from '../../parts/unsaved.ts';
import { useUrlState } from '../../parts/url-state.ts';
import { useRefusal } from '../../parts/use-refusal.ts';
import { texts } from '../../texts.ts';
import { providersQuery, useAct } from './queries.ts';
import { SettingsForm } from './settings-form.tsx';
import { fieldOfFailure, missingOf, settingsToSend, startingValues, type Values } from './settings-values.ts';
import { TestResult } from './test-result.tsx';
import { testNew, useTrial } from './use-test.ts';
import type { Integration, Provider } from './words.ts';

const t = texts.integrations.connecting;
/** Holds the id of the provider, or `choose`. */
export const connectParam = 'connect';

/** As it is typed. */
interface Typed {
  values: Values;
  name: string;
}

const nothing: Typed = { values: {}, name: '' };

export function ConnectDialog({ existing }: { existing: readonly Integration[] }) {
  const [params, change] = useUrlState();
  const asked = params.get(connectParam);
  const providers = useQuery({ ...providersQuery, enabled: asked !== null });
  const [typed, setTyped] = useState(nothing);
  const unsaved = useUnsaved([typed.name, ...Object.values(typed.values)].filter(text => text.length > 0));
  const readable = providers.data?.filter(({ canBeSynced }) => canBeSynced) ?? [];
  // With one there is nothing to choose.
  const chosen = readable.find(({ id }) => id === asked) ?? (readable.length === 1 ? readable[0] : undefined);
  const title = chosen === undefined ? t.title : t.of(chosen.title);
  const close = () => change({ [connectParam]: null });
  // However it was closed, by the back button too.
  useEffect(() => {
    if (asked === null) setTyped(nothing);
  }, [asked]);
  return (
    <FormModal isOpen={asked !== null} unsaved={unsaved} onClose={close} title={title} size="lg">
      {providers.error !== null && <Failure error={providers.error} onRetry={() => void providers.refetch()} />}
      {providers.error === null && providers.data === undefined && <Skeleton h={280} aria-busy />}
      {providers.data !== undefined &&
        (chosen === undefined ? (
          <Choice providers={readable} onChoose={id => change({ [connectParam]: id })} />
        ) : (
          <ConnectForm provider={chosen} existing={existing} typed={typed} onType={setTyped} unsaved={unsaved} />
        ))}
      {providers.data !== undefined && <Unread providers={providers.data} />}
    </FormModal>
  );
}

function Choice({ providers, onChoose }: { providers: readonly Provider[]; onChoose: (id: string) => void }) {
  return (
    <Stack gap="xs">
      <Text size="sm">{t.choose}</Text>
      {providers.map(({ id, title }) => (
        <UnstyledButton key={id} className="card panel" onClick={() => onChoose(id)}>
          <Group justify="space-between">
            <Text fw={600}>{title}</Text>
            <IconChevronRight size={16} aria-hidden />
          </Group>
        </UnstyledButton>
      ))}
    </Stack>
  );
}

function Unread({ providers }: { providers: readonly Provider[] }) {
  const titles = providers.filter(({ canBeSynced }) => !canBeSynced).map(({ title }) => title);
  if (titles.length === 0) return null;
  return (
    <Text size="xs" c="dimmed" mt="md">
      {t.unread(titles.join(', '))}
    </Text>
  );
}

interface FormProps {
  provider: Provider;
  existing: readonly Integration[];
  typed: Typed;
  onType: (typed: Typed) => void;
  unsaved: Unsaved;
}

function ConnectForm({ provider, existing, typed, onType, unsaved }: FormProps) {
  const navigate = useNavigate();
  const { values, name } = typed;
  const [isAsked, setAsked] = useState(false);
  const isSecond = existing.some(integration => integration.provider === provider.id);
  const settings = settingsToSend(provider, values, null);
  const trial = useTrial(JSON.stringify(settings));
  const body = { provider: provider.id, settings, ...(name.trim() === '' ? {} : { name: name.trim() }) };
  const save = useAct(() => {
    const query = isSecond ? { allowMultiple: 'true' as const } : {};
    const path = '/api/v2/tailnet/{tailnet}/posture/integrations';
    return ask(api.POST(path, { params: { path: here, query }, body }));
  });
  const end = useSeen(trial.test);
  const missing = missingOf(provider, values, false);
  const isWhole = Object.keys(missing).length === 0;
  const refused = useRefusal(trial.refusal ?? save.error, { ...startingValues(provider), ...values, name });
  const errors = { ...refused, ...(isAsked ? missing : {}), ...failureOf(provider, trial.test) };
  const test = () => {
    setAsked(true);
    save.reset();
    // The service says what else is wrong, so that all of it is told at once.
    if (isWhole || Object.keys(settings).length > 0) trial.run(() => testNew(body));
  };
  const store = () =>
    save.mutate(undefined, {
      onSuccess: ({ id, name: called }) => {
        unsaved.forget();
        notifications.show({ color: 'teal', message: t.saved(called) });
        void navigate(`/integrations/${id}`);
      },
    });
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        if (trial.isWorking) store();
        else test();
      }}
    >
      <Stack gap="md">
        {isSecond && <Text size="sm">{t.second(provider.title)}</Text>}
        <SettingsForm
          provider={provider}
          values={values}
          onChange={(field, value) => onType({ name, values: { ...values, [field]: value } })}
          errors={errors}
          isStored={false}
        />
        <TextInput
          label={t.name}
          description={t.nameHelp}
          value={name}
          onChange={event => onType({ values, name: event.currentTarget.value })}
          placeholder={provider.id}
          error={errors.name}
          maxLength={99}
        />
        {trial.test !== null && <TestResult test={trial.test} />}
        <Unplaced error={trial.error ?? save.error} errors={refused} />
        <Group justify="flex-end" ref={end}>
          {trial.test !== null && !trial.isWorking && (
            <Button variant="subtle" onClick={store} loading={save.isPending}>
              {t.saveUntested}
            </Button>
          )}
          <Button type="submit" loading={trial.isTesting || save.isPending}>
            {trial.isWorking ? t.save : t.test}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** @returns the place to be brought into view where something came of a test: that, and the next step, are below the form */
function useSeen(test: unknown): RefObject<HTMLDivElement | null> {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (test !== null) end.current?.scrollIntoView({ block: 'nearest' });
  }, [test]);
  return end;
}

/** @returns what a test found wrong, at the field where it can be mended */
export function failureOf(provider: Provider, test: ReturnType<typeof useTrial>['test']): Record<string, string> {
  const error = test?.result?.error;
  return error ? { [fieldOfFailure(provider, error.kind)]: error.advice } : {};
}
