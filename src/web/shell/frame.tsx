// The frame around every page: where one is, where one can go, who one is, and whether what is shown is current: pages ask that of it.
import { AppShell, Burger, Group, NavLink as MantineNavLink, Text, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconDevices,
  IconGauge,
  IconHistory,
  IconPlugConnected,
  IconScale,
  IconSettings,
  type TablerIcon,
} from '@tabler/icons-react';
import { useEffect } from 'react';
import { Link, Outlet, ScrollRestoration, useLocation, useNavigation } from 'react-router';
import { LiveContext, useFollowing } from '../api/live.ts';
import { Tips } from '../parts/tip.tsx';
import { texts } from '../texts.ts';
import { AccountMenu } from './account-menu.tsx';
import { DoubtBar } from './doubt-bar.tsx';
import { AskBeforeLeaving } from './leaving.tsx';
import { LiveMark } from './live-mark.tsx';
import markUrl from './mark.svg';
import { ThemeSwitch } from './theme-switch.tsx';

const places: { to: string; label: string; icon: TablerIcon }[] = [
  { to: '/', label: texts.overview.title, icon: IconGauge },
  { to: '/integrations', label: texts.integrations.title, icon: IconPlugConnected },
  { to: '/devices', label: texts.devices.title, icon: IconDevices },
  { to: '/policy', label: texts.policy.title, icon: IconScale },
  { to: '/audit', label: texts.audit.title, icon: IconHistory },
  { to: '/settings', label: texts.settings.title, icon: IconSettings },
];

export function Frame() {
  const [isOpen, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  const live = useFollowing();
  // A page's own part is loaded when it is gone to; until then the one before stays.
  const isGoing = useNavigation().state !== 'idle';
  // biome-ignore lint/correctness/useExhaustiveDependencies: wherever one goes, the menu of narrow screens closes
  useEffect(close, [pathname]);
  return (
    <LiveContext value={live}>
      <AppShell
        header={{ height: 52 }}
        navbar={{ width: 208, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
        padding={{ base: 'sm', sm: 'lg' }}
      >
        <a className="skip" href="#main">
          {texts.shell.skip}
        </a>
        <AppShell.Header className="header">
          <Group h="100%" px={{ base: 'sm', sm: 'md' }} justify="space-between" wrap="nowrap">
            <Group gap="xs" wrap="nowrap">
              <Burger
                opened={isOpen}
                onClick={toggle}
                hiddenFrom="sm"
                size="sm"
                aria-label={texts.shell.menu}
                aria-expanded={isOpen}
              />
              <UnstyledButton component={Link} to="/" aria-label={texts.shell.home}>
                <Group gap={8} wrap="nowrap">
                  <img src={markUrl} alt="" width={24} height={24} />
                  <Text fw={600}>posture-sync</Text>
                </Group>
              </UnstyledButton>
            </Group>
            <Group gap="xs" wrap="nowrap">
              <LiveMark />
              <ThemeSwitch />
              <AccountMenu />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar p="xs" className="navbar" aria-label={texts.shell.navigation}>
          {places.map(({ to, label, icon: Icon }) => {
            const isHere = to === '/' ? pathname === '/' : pathname === to || pathname.startsWith(`${to}/`);
            return (
              <MantineNavLink
                key={to}
                component={Link}
                to={to}
                label={label}
                leftSection={<Icon size={18} stroke={1.7} aria-hidden />}
                active={isHere}
                aria-current={isHere ? 'page' : undefined}
                className="place"
              />
            );
          })}
        </AppShell.Navbar>
        <AppShell.Main id="main" tabIndex={-1} className="main" aria-busy={isGoing || undefined}>
          <Outlet />
        </AppShell.Main>
        <DoubtBar doubt={live.doubt} />
        <ScrollRestoration />
        <Tips />
        <AskBeforeLeaving />
      </AppShell>
    </LiveContext>
  );
}
