// Signing in with an API key. What is typed is nowhere but in the field, and is sent once.
import { Button, PasswordInput, Stack } from '@mantine/core';
import { useState } from 'react';
import type { useSignIn } from '../../api/signing.ts';
import { texts } from '../../texts.ts';

interface KeyFormProps {
  signIn: ReturnType<typeof useSignIn>;
  /** Whether there is no other way that comes first. */
  isPrimary: boolean;
}

export function KeyForm({ signIn, isPrimary }: KeyFormProps) {
  const [key, setKey] = useState('');
  const [isMissed, setMissed] = useState(false);
  const given = key.trim();
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        setMissed(given === '');
        if (given !== '') signIn.mutate({ key: given });
      }}
    >
      <Stack gap="md">
        <PasswordInput
          label={texts.signIn.key}
          placeholder="pskey-…"
          name="key"
          autoComplete="current-password"
          spellCheck={false}
          autoFocus={isPrimary}
          value={key}
          error={isMissed && given === '' ? texts.signIn.keyMissing : undefined}
          onChange={event => setKey(event.currentTarget.value)}
          visibilityToggleButtonProps={{ 'aria-label': texts.signIn.showKey }}
        />
        <Button type="submit" fullWidth variant={isPrimary ? 'filled' : 'default'} loading={signIn.isPending}>
          {texts.signIn.withKey}
        </Button>
      </Stack>
    </form>
  );
}
