// Who is signed in, as what, and signing out, which asks first where what was typed would be lost.
import { ActionIcon, Badge, Menu, Stack, Text } from '@mantine/core';
import { IconBook, IconLogout2, IconUserCircle } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { useNavigate } from 'react-router';
import { serviceUrl } from '../api/client.ts';
import { sessionQuery } from '../api/session.ts';
import { useSignOut } from '../api/signing.ts';
import { Age } from '../parts/age.tsx';
import { tellFailure } from '../parts/failure.tsx';
import { dropUnsaved, isAnythingUnsaved } from '../parts/unsaved.ts';
import { texts } from '../texts.ts';

const AskDiscard = lazy(async () => ({ default: (await import('../parts/ask-discard.tsx')).AskDiscard }));

export function AccountMenu() {
  const [isAsking, setAsking] = useState(false);
  const { data } = useQuery(sessionQuery);
  const navigate = useNavigate();
  const signOut = useSignOut(() => {
    dropUnsaved();
    navigate('/sign-in', { replace: true });
  });
  const words = texts.shell.account;
  const role = data === undefined ? null : words.roles[data.role ?? 'key'];
  const leave = () => {
    setAsking(false);
    signOut.mutate(undefined, {
      onError: error => tellFailure(error, words.signOutFailed),
    });
  };
  return (
    <>
      <Menu position="bottom-end" width={280}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="lg" aria-label={words.label}>
            <IconUserCircle size={20} stroke={1.7} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{words.as}</Menu.Label>
          <Stack px="sm" pb="xs" gap={6} align="flex-start">
            <Text size="sm" fw={600} className="wrap">
              <bdi>{data?.displayName}</bdi>
            </Text>
            {data !== undefined && data.name !== data.displayName && (
              <Text size="sm" c="dimmed" className="wrap">
                <bdi>{data.name}</bdi>
              </Text>
            )}
            {role !== null && (
              <Badge variant="light" color="gray">
                {role}
              </Badge>
            )}
            {data?.expiresAt != null && (
              <Text size="xs" c="dimmed">
                {words.ends} <Age at={data.expiresAt} />
              </Text>
            )}
          </Stack>
          <Menu.Divider />
          <Menu.Item
            component="a"
            href={`${serviceUrl}docs`}
            target="_blank"
            rel="noreferrer"
            leftSection={<IconBook size={16} aria-hidden />}
          >
            {words.reference}
          </Menu.Item>
          <Menu.Item
            leftSection={<IconLogout2 size={16} aria-hidden />}
            closeMenuOnClick={false}
            disabled={signOut.isPending}
            onClick={() => (isAnythingUnsaved() ? setAsking(true) : leave())}
          >
            {words.signOut}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {isAsking && (
        <Suspense fallback={null}>
          <AskDiscard onKeep={() => setAsking(false)} onDiscard={leave} />
        </Suspense>
      )}
    </>
  );
}
