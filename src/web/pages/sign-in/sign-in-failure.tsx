// Why somebody was not signed in, and what to do.
import { Alert, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { RequestError } from '../../api/client.ts';
import { CookieLost } from '../../api/signing.ts';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';

export function SignInFailure({ error, isLink }: { error: unknown; isLink: boolean }) {
  const { failures } = texts.signIn;
  const said = (() => {
    if (error instanceof CookieLost) return failures.cookie;
    if (error instanceof RequestError && error.status === 401) return isLink ? failures.link : failures.key;
    if (error instanceof RequestError && error.status === 429) return failures.tooMany;
    return null;
  })();
  if (said === null) return <Failure error={error} />;
  return (
    <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title={said.title} role="alert">
      <Text size="sm">{said.todo}</Text>
    </Alert>
  );
}
