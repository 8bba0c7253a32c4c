// The page "Policy".
import { Page } from '../../parts/page.tsx';
import { texts } from '../../texts.ts';

export function PolicyPage() {
  return <Page title={texts.policy.title}>{null}</Page>;
}
