// Which page stands at which address below /admin/. Each page is a part of its own that is loaded when it is opened.
import type { QueryClient } from '@tanstack/react-query';
import type { ComponentType } from 'react';
import { createBrowserRouter, type RouteObject, useParams } from 'react-router';
import { sessionQuery } from '../api/session.ts';
import { historyQuery, overviewQuery } from '../pages/overview/queries.ts';
import { BrokenPage, MissingPage } from './broken.tsx';
import { Frame } from './frame.tsx';
import { PageLoading } from './loading.tsx';
import { SignedIn } from './signed-in.tsx';

/** @param load the page's component, imported when it is opened @param children what stands within it, as tabs */
function page(path: string, load: () => Promise<ComponentType>, children: RouteObject[] = []): RouteObject {
  const isOfOne = path.includes(':');
  const lazy = async () => ({ Component: isOfOne ? ofEach(await load()) : await load() });
  return { path, lazy, HydrateFallback: PageLoading, children };
}

/** @returns a page that begins anew for each thing that it is of: no open dialog, and no result, of one stays for the next */
function ofEach(Of: ComponentType): ComponentType {
  return function OfEach() {
    return <Of key={JSON.stringify(useParams())} />;
  };
}

/** Asks while the page's own part is loaded, once it is known that somebody is signed in: else each visit would be a refusal in the audit log. */
function first(queries: QueryClient, ask: (queries: QueryClient) => Promise<unknown>[]) {
  return () => {
    void queries
      .ensureQueryData(sessionQuery)
      .then(() => Promise.all(ask(queries)))
      // Whoever shows it asks again, and says why not.
      .catch(() => {});
    return null;
  };
}

const pagesOf = (queries: QueryClient): RouteObject[] => [
  {
    ...page('', async () => (await import('../pages/overview/overview.tsx')).OverviewPage),
    loader: first(queries, it => [it.prefetchQuery(overviewQuery), it.prefetchQuery(historyQuery('24h'))]),
  },
  page('integrations', async () => (await import('../pages/integrations/integrations.tsx')).IntegrationsPage),
  page(
    'integrations/:integrationId',
    async () => (await import('../pages/integrations/integration.tsx')).IntegrationPage,
  ),
  page('devices', async () => (await import('../pages/devices/devices.tsx')).DevicesPage),
  page('devices/:deviceId', async () => (await import('../pages/devices/device.tsx')).DevicePage),
  page('policy', async () => (await import('../pages/policy/policy.tsx')).PolicyPage),
  page('audit', async () => (await import('../pages/audit/audit.tsx')).AuditPage),
  page('settings', async () => (await import('../pages/settings/settings.tsx')).SettingsPage, [
    page('', async () => (await import('../pages/settings/general.tsx')).GeneralTab),
    page('keys', async () => (await import('../pages/settings/keys.tsx')).KeysTab),
    page('webhooks', async () => (await import('../pages/settings/webhooks.tsx')).WebhooksTab),
    page('webhooks/:webhookId', async () => (await import('../pages/settings/webhook.tsx')).WebhookTab),
  ]),
  { path: '*', Component: MissingPage },
];

/** @param queries where what is asked early is kept @returns the router, at the path that the document's <base> names */
export function createRouter(queries: QueryClient) {
  // With its slash: the first page stands at /admin/, and is not led there from /admin.
  const basename = new URL(document.baseURI).pathname;
  return createBrowserRouter(
    [
      page('sign-in', async () => (await import('../pages/sign-in/sign-in.tsx')).SignInPage),
      {
        Component: SignedIn,
        ErrorBoundary: BrokenPage,
        HydrateFallback: PageLoading,
        children: [{ Component: Frame, children: [{ ErrorBoundary: BrokenPage, children: pagesOf(queries) }] }],
      },
    ],
    { basename },
  );
}
