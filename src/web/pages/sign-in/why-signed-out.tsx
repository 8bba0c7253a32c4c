// To who was signed in here and is not any more, why; and that they come back to where they were.
import { Alert, Text } from '@mantine/core';
import { IconInfoCircle } from '@tabler/icons-react';
import { useState } from 'react';
import { sessionEnd } from '../../api/session-end.ts';
import { Age } from '../../parts/age.tsx';
import { texts } from '../../texts.ts';

export function WhySignedOut() {
  const [end] = useState(sessionEnd);
  if (end === null) return null;
  const { over, ended, back } = texts.signIn.signedOut;
  return (
    <Alert color="gray" icon={<IconInfoCircle aria-hidden />} title={end.why === 'over' ? over.title : ended.title}>
      <Text size="sm">
        {end.why === 'over' ? (
          <>
            {over.about} <Age at={end.expiresAt} />.
          </>
        ) : (
          ended.about[end.kind]
        )}{' '}
        {back}
      </Text>
    </Alert>
  );
}
