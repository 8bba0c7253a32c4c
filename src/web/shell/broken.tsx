// What is shown in a page's place where there is none, or where it broke.
import { Anchor, Button, Group, Text } from '@mantine/core';
import { IconError404, IconMoodSad } from '@tabler/icons-react';
import { Link, useRouteError } from 'react-router';
import { Nothing } from '../parts/nothing.tsx';
import { texts } from '../texts.ts';

export function MissingPage() {
  return (
    <Nothing order={1} icon={IconError404} title={texts.shell.missing.title}>
      <Text c="dimmed">{texts.shell.missing.about}</Text>
      <Anchor component={Link} to="/">
        {texts.shell.missing.back}
      </Anchor>
    </Nothing>
  );
}

/** Also where a part of the pages could not be loaded, as after an update of the service. */
export function BrokenPage() {
  const error = useRouteError();
  return (
    <Nothing order={1} icon={IconMoodSad} title={texts.shell.broken.title}>
      <Text c="dimmed">{texts.shell.broken.about}</Text>
      <Text ff="monospace" size="sm" c="dimmed">
        {error instanceof Error ? error.message : String(error)}
      </Text>
      <Group justify="center">
        <Button onClick={() => window.location.reload()}>{texts.shell.broken.reload}</Button>
      </Group>
    </Nothing>
  );
}
