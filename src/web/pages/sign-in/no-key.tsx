// What to do for whoever has no key: commands for who can reach the server.
import { Accordion, Code, Group, Stack, Text } from '@mantine/core';
import { CopyIcon } from '../../parts/copy.tsx';
import { texts } from '../../texts.ts';

export function NoKey() {
  const { noKey } = texts.signIn;
  return (
    <Accordion variant="default" chevronPosition="left" className="no-key">
      <Accordion.Item value="no-key">
        <Accordion.Control>{noKey.title}</Accordion.Control>
        <Accordion.Panel>
          <Stack gap="sm">
            <Text size="sm">{noKey.link}</Text>
            <Command>posture-sync sign-in</Command>
            <Text size="sm">{noKey.key}</Text>
            <Command>posture-sync key create --name admin --scope all</Command>
            <Text size="sm" c="dimmed">
              {noKey.checkout}
            </Text>
          </Stack>
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
}

function Command({ children }: { children: string }) {
  return (
    <Group gap="xs" wrap="nowrap" align="flex-start">
      <Code block className="wrap command" flex={1}>
        {children}
      </Code>
      <CopyIcon text={children} words={texts.signIn.noKey} size="lg" />
    </Group>
  );
}
