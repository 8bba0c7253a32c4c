// The page "Integrations".
import { Page } from '../../parts/page.tsx';
import { texts } from '../../texts.ts';

export function IntegrationsPage() {
  return <Page title={texts.integrations.title}>{null}</Page>;
}
