// The page "Settings".
import { Page } from '../../parts/page.tsx';
import { texts } from '../../texts.ts';

export function SettingsPage() {
  return <Page title={texts.settings.title}>{null}</Page>;
}
