// The page "Audit".
import { Page } from '../../parts/page.tsx';
import { texts } from '../../texts.ts';

export function AuditPage() {
  return <Page title={texts.audit.title}>{null}</Page>;
}
