// Who is signed in.
import { ActionIcon, Menu, Text } from '@mantine/core';
import { IconBook, IconUserCircle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { serviceUrl } from '../api/client.ts';
import { sessionQuery } from '../api/session.ts';
import { texts } from '../texts.ts';

export function AccountMenu() {
  const { data } = useQuery(sessionQuery);
  return (
    <Menu position="bottom-end" width={260}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={texts.shell.account.label}>
          <IconUserCircle size={20} stroke={1.7} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{texts.shell.account.as}</Menu.Label>
        <Text px="sm" pb="xs" size="sm" fw={600} className="wrap">
          <bdi>{data?.key.name}</bdi>
        </Text>
        <Menu.Divider />
        <Menu.Item
          component="a"
          href={`${serviceUrl}docs`}
          target="_blank"
          rel="noreferrer"
          leftSection={<IconBook size={16} aria-hidden />}
        >
          {texts.shell.account.reference}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
