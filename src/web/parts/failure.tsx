// What could not be had or done: the service's words, and what to do about it.
import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import { RequestError } from '../api/client.ts';
import { texts } from '../texts.ts';
import { Told } from './told.tsx';

interface FailureProps {
  error: unknown;
  /** Absent where trying again is what the page's own button does. */
  onRetry?: () => void;
}

function adviceOf(error: unknown): string {
  const { advice } = texts.failure;
  if (!(error instanceof RequestError)) return advice.unknown;
  if (error.status === 0) return advice.unreachable;
  if (error.status === 403) return advice.forbidden;
  if (error.status === 404) return advice.missing;
  if (error.status === 429) return advice.tooMany;
  if (error.status >= 500) return advice.failing;
  return advice.refused;
}

function Said({ error }: { error: unknown }) {
  return (
    <>
      <Text size="sm" className="wrap">
        <Told>{error instanceof Error ? error.message : String(error)}</Told>
      </Text>
      <Text size="sm">{adviceOf(error)}</Text>
    </>
  );
}

export function Failure({ error, onRetry }: FailureProps) {
  // Trying again changes nothing of what one may.
  const isForbidden = error instanceof RequestError && error.status === 403;
  const requestId = error instanceof RequestError ? error.requestId : null;
  return (
    <Alert
      color="red"
      icon={<IconAlertTriangle aria-hidden />}
      title={isForbidden ? texts.failure.notAllowed : texts.failure.title}
      role="alert"
    >
      <Stack gap="xs" align="flex-start">
        <Said error={error} />
        <Group gap="sm">
          {onRetry !== undefined && !isForbidden && (
            <Button size="xs" variant="default" onClick={onRetry}>
              {texts.failure.retry}
            </Button>
          )}
          {requestId !== null && (
            <Text size="xs" c="dimmed" ff="monospace">
              {texts.failure.request(requestId)}
            </Text>
          )}
        </Group>
      </Stack>
    </Alert>
  );
}

/** Of what has no place on the page for it: it stays until somebody closes it. */
export function tellFailure(error: unknown, title: string = texts.failure.title): void {
  notifications.show({ color: 'red', title, message: <Said error={error} />, autoClose: false, role: 'alert' });
}
