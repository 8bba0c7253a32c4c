// The settings, a tab each: general ones, API keys, webhooks. Which tab is open stands in the address.
import { Tabs } from '@mantine/core';
import { Outlet, useLocation, useNavigate } from 'react-router';
import { useMay } from '../../api/session.ts';
import { Page } from '../../parts/page.tsx';
import { texts } from '../../texts.ts';
import './settings.css';

const { tabs } = texts.settings;
const places = [
  { at: '/settings', label: tabs.general, scope: 'feature_settings:read' },
  { at: '/settings/keys', label: tabs.keys, scope: 'api_access_tokens:read' },
  { at: '/settings/webhooks', label: tabs.webhooks, scope: 'webhooks:read' },
] as const;

export function SettingsPage() {
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const may = useMay();
  const shown = places.filter(({ scope }) => may(scope));
  const here = places.findLast(({ at }) => pathname === at || pathname.startsWith(`${at}/`));
  return (
    <Page title={texts.settings.title}>
      <Tabs value={here?.at ?? null} onChange={to => to !== null && navigate(to)} keepMounted={false}>
        <Tabs.List aria-label={tabs.label}>
          {shown.map(({ at, label }) => (
            <Tabs.Tab key={at} value={at}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={here?.at ?? ''} pt="lg">
          <Outlet />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
