// The page "Policy": who may reach what, and how healthy a device must be. Its tabs write the policy, count who passes, try it on a device,
// and show what was in force before. What is written is kept while one looks at the others. Who may not read it begins with who passes.
import { Badge, Skeleton, Tabs } from '@mantine/core';
import { IconCode, IconFlask, IconHistory, IconShieldCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useMay } from '../../api/session.ts';
import { Failure } from '../../parts/failure.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { Page } from '../../parts/page.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { useDraft } from './draft.ts';
import { EditorTab } from './editor-tab.tsx';
import { inForceQuery, useHasPolicy } from './queries.ts';
import './policy.css';

const HistoryTab = lazy(async () => ({ default: (await import('./history.tsx')).HistoryTab }));
const PosturesTab = lazy(async () => ({ default: (await import('./postures.tsx')).PosturesTab }));
const TrialTab = lazy(async () => ({ default: (await import('./trial.tsx')).TrialTab }));

const tabs = [
  { value: 'editor', icon: IconCode },
  { value: 'postures', icon: IconShieldCheck },
  { value: 'try', icon: IconFlask },
  { value: 'history', icon: IconHistory },
] as const;

export function PolicyPage() {
  const [url, change] = useUrlState();
  const may = useMay();
  const { draft } = useDraft();
  const mayRead = may('policy_file:read');
  const inForce = useQuery({ ...inForceQuery, enabled: mayRead });
  // What is said above the editor where there is none pushes that down.
  const hasPolicy = useHasPolicy();
  const first = mayRead ? 'editor' : 'postures';
  const tab = tabs.find(({ value }) => value === url.get('tab'))?.value ?? first;
  if (!mayRead && !may('devices:posture_attributes:read'))
    return (
      <Page title={texts.policy.title}>
        <Nothing icon={IconShieldCheck} title={texts.policy.notAllowed} />
      </Page>
    );
  return (
    <Page title={texts.policy.title} about={texts.policy.about}>
      <Tabs
        value={tab}
        onChange={chosen => change({ tab: chosen === first ? null : chosen })}
        keepMounted={false}
        activateTabWithKeyboard={false}
      >
        <Tabs.List mb="md" className="policy-tabs" aria-label={texts.policy.tabsLabel}>
          {tabs.map(({ value, icon: Icon }) => (
            <Tabs.Tab
              key={value}
              value={value}
              leftSection={<Icon size={16} stroke={1.7} aria-hidden />}
              rightSection={
                value === 'editor' && draft !== null ? <Badge size="xs">{texts.policy.unsaved}</Badge> : undefined
              }
            >
              {texts.policy.tabs[value]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="editor">
          {!mayRead && <FileNotAllowed />}
          {inForce.data !== undefined && hasPolicy !== null && <EditorTab inForce={inForce.data} />}
          {mayRead && (inForce.isPending || (inForce.data !== undefined && hasPolicy === null)) && <Skeleton h={480} />}
          {inForce.isError && inForce.data === undefined && (
            <Failure error={inForce.error} onRetry={() => inForce.refetch()} />
          )}
        </Tabs.Panel>
        <Tabs.Panel value="postures">
          <Suspense fallback={<Skeleton h={480} />}>
            <PosturesTab />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="try">
          <Suspense fallback={<Skeleton h={480} />}>
            <TrialTab />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <Suspense fallback={<Skeleton h={480} />}>{mayRead ? <HistoryTab /> : <FileNotAllowed />}</Suspense>
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function FileNotAllowed() {
  return <Nothing icon={IconShieldCheck} title={texts.policy.fileNotAllowed} />;
}
