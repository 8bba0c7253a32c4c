// Changes what an integration is called and how its console is asked: tried before it is saved. Secrets stay unless others are typed.
import { Button, Group, Stack, TextInput, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { api, ask } from '../../api/client.ts';
import { Unplaced } from '../../parts/unplaced.tsx';
import { useUnsaved } from '../../parts/unsaved.ts';
import { useRefusal } from '../../parts/use-refusal.ts';
import { texts } from '../../texts.ts';
import { failureOf } from './connect.tsx';
import { useAct } from './queries.ts';
import { SettingsForm } from './settings-form.tsx';
import { missingOf, settingsToSend, startingValues } from './settings-values.ts';
import { TestResult } from './test-result.tsx';
import { testChanged, useTrial } from './use-test.ts';
import type { Integration, Provider } from './words.ts';

const t = texts.integrations;

interface FormProps {
  integration: Integration;
  provider: Provider;
  mayChange: boolean;
}

export function ConnectionForm({ integration, provider, mayChange }: FormProps) {
  const { id } = integration;
  const [before] = useState(() => startingValues(provider, integration.settings));
  const [values, setValues] = useState(before);
  const [name, setName] = useState(integration.name);
  useUnsaved([values, name]);
  const settings = settingsToSend(provider, values, before);
  const trial = useTrial(JSON.stringify(settings));
  const save = useAct(async () => {
    await ask(
      api.PATCH('/api/v2/posture/integrations/{integrationId}', {
        params: { path: { integrationId: id } },
        body: { settings, ...(name.trim() === integration.name ? {} : { name: name.trim() }) },
      }),
    );
    // Here, since the form may have begun anew with what was stored before all is asked again.
    notifications.show({ color: 'teal', message: t.edit.saved });
    // Of a new secret nothing is told by which it would begin anew.
    const secrets = provider.settings.filter(({ secret }) => secret).map(setting => [setting.name, '']);
    setValues(now => ({ ...now, ...Object.fromEntries(secrets) }));
  });
  const missing = missingOf(provider, values, true);
  const refused = useRefusal(trial.refusal ?? save.error, { ...values, name });
  const errors = { ...refused, ...missing, ...failureOf(provider, trial.test) };
  const isChanged = Object.keys(settings).length > 0;
  const isRead = provider.canBeSynced;
  const isWhole = Object.keys(missing).length === 0;
  const store = () => {
    trial.forgetRefusal();
    save.mutate(undefined);
  };
  const test = () => {
    save.reset();
    trial.run(() => testChanged(id, isChanged ? { settings } : {}));
  };
  return (
    <Stack component="form" gap="md" className="card panel" onSubmit={event => event.preventDefault()}>
      <Title order={2}>{t.edit.title}</Title>
      <TextInput
        label={t.edit.name}
        value={name}
        onChange={event => setName(event.currentTarget.value)}
        error={errors.name}
        maxLength={99}
        disabled={!mayChange}
      />
      <SettingsForm
        provider={provider}
        values={values}
        onChange={(field, value) => setValues(now => ({ ...now, [field]: value }))}
        errors={errors}
        isStored
        isReadOnly={!mayChange}
      />
      {trial.test !== null && <TestResult test={trial.test} />}
      <Unplaced error={trial.error ?? save.error} errors={refused} />
      {mayChange && (
        <Group justify="flex-end">
          {isRead && (
            <Button variant="default" onClick={test} loading={trial.isTesting} disabled={!isWhole}>
              {t.connecting.test}
            </Button>
          )}
          <Button
            onClick={store}
            loading={save.isPending}
            disabled={!isWhole || (!isChanged && name.trim() === integration.name)}
          >
            {t.edit.save}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
