// The page "Devices".
import { Page } from '../../parts/page.tsx';
import { texts } from '../../texts.ts';

export function DevicesPage() {
  return <Page title={texts.devices.title}>{null}</Page>;
}
