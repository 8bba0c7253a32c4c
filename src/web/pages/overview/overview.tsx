// The page "Overview".
import { Page } from '../../parts/page.tsx';
import { texts } from '../../texts.ts';

export function OverviewPage() {
  return <Page title={texts.overview.title}>{null}</Page>;
}
