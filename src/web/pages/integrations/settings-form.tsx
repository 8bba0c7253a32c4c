// A form made of what a provider is set up with: labels as in its console, what helps beside each, secrets never shown.
import {
  Anchor,
  Collapse,
  NumberInput,
  PasswordInput,
  Stack,
  TagsInput,
  TextInput,
  UnstyledButton,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconChevronDown, IconChevronRight, IconExternalLink } from '@tabler/icons-react';
import type { FieldErrors } from '../../parts/refusal.ts';
import { texts } from '../../texts.ts';
import type { Setting, Value, Values } from './settings-values.ts';
import type { Provider } from './words.ts';

const t = texts.integrations.connecting;

interface FormProps {
  provider: Provider;
  values: Values;
  onChange: (name: string, value: Value) => void;
  errors: FieldErrors;
  /** An integration is edited: its secrets stay unless others are typed. */
  isStored: boolean;
  isReadOnly?: boolean;
}

export function SettingsForm(props: FormProps) {
  const { provider, values, errors } = props;
  const [isOpen, { toggle }] = useDisclosure(false);
  const needed = provider.settings.filter(({ required }) => required);
  const more = provider.settings.filter(({ required }) => !required);
  const isMoreShown = isOpen || more.some(({ name }) => name in errors);
  const Chevron = isMoreShown ? IconChevronDown : IconChevronRight;
  const field = (setting: Setting) => (
    <SettingField
      key={setting.name}
      setting={setting}
      value={values[setting.name] ?? ''}
      error={errors[setting.name]}
      onChange={value => props.onChange(setting.name, value)}
      isStored={props.isStored}
      isReadOnly={props.isReadOnly === true}
    />
  );
  return (
    <Stack gap="md">
      {needed.map(field)}
      {provider.guide !== null && (
        <Anchor href={provider.guide} target="_blank" rel="noopener noreferrer" size="sm">
          {t.guide} <IconExternalLink size={14} aria-hidden />
        </Anchor>
      )}
      {more.length > 0 && (
        <>
          <UnstyledButton onClick={toggle} aria-expanded={isMoreShown} fz="sm" c="dimmed">
            <Chevron size={14} aria-hidden /> {t.more}
          </UnstyledButton>
          <Collapse expanded={isMoreShown}>
            <Stack gap="md">{more.map(field)}</Stack>
          </Collapse>
        </>
      )}
    </Stack>
  );
}

interface FieldProps {
  setting: Setting;
  value: Value;
  error: string | undefined;
  onChange: (value: Value) => void;
  isStored: boolean;
  isReadOnly: boolean;
}

function SettingField({ setting, value, error, onChange, isStored, isReadOnly }: FieldProps) {
  const { label, help, required, secret, kind, example } = setting;
  const usual = setting.default;
  const common = {
    label,
    description: help,
    error,
    withAsterisk: required && !(secret && isStored),
    disabled: isReadOnly,
    classNames: { error: 'wrap' },
  };
  if (secret)
    return (
      <PasswordInput
        {...common}
        value={String(value)}
        onChange={event => onChange(event.currentTarget.value)}
        placeholder={isStored ? t.unchanged : ''}
        autoComplete="new-password"
        spellCheck={false}
      />
    );
  if (kind === 'list')
    return (
      <TagsInput
        {...common}
        value={Array.isArray(value) ? value : []}
        onChange={onChange}
        placeholder={value.length === 0 ? (example ?? t.list) : ''}
        splitChars={[',', ' ', ';']}
        acceptValueOnBlur
      />
    );
  if (kind === 'number')
    return (
      <NumberInput
        {...common}
        value={String(value)}
        onChange={given => onChange(String(given))}
        placeholder={usual === null ? '' : t.default(String(usual))}
        allowNegative={false}
        maw={240}
      />
    );
  return (
    <TextInput
      {...common}
      value={String(value)}
      onChange={event => onChange(event.currentTarget.value)}
      placeholder={example ?? ''}
      autoComplete="off"
      data-autofocus
      spellCheck={false}
    />
  );
}
