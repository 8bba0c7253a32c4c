// The page "Overview", the first that an administrator sees: whether posture can be trusted right now, what needs attention, and what
// both rest on.
import { Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useDeferredValue } from 'react';
import { Answered, Doubted } from '../../parts/answered.tsx';
import { Page } from '../../parts/page.tsx';
import { texts } from '../../texts.ts';
import { AttentionCard } from './attention.tsx';
import { FreshnessCard } from './freshness.tsx';
import { HistoryCards } from './history.tsx';
import { IntegrationsStrip } from './integrations-strip.tsx';
import './overview.css';
import { OverviewLoading } from './loading.tsx';
import { PosturesCard } from './postures.tsx';
import { type Overview, overviewQuery } from './queries.ts';
import { VerdictCard } from './verdict.tsx';

export function OverviewPage() {
  const query = useQuery(overviewQuery);
  const { data, isPending } = query;
  // Whether all is well is drawn first, and what takes longer to draw after it.
  const hasRest = useDeferredValue(data !== undefined, false);
  return (
    <Page title={texts.overview.title}>
      {isPending && <OverviewLoading />}
      <Answered query={query}>
        {data !== undefined && (
          <Stack gap="md">
            <VerdictCard overview={data} />
            <div className="overview-top">
              <Stack gap="md">
                <AttentionCard overview={data} />
                <Doubted since={unlookedSince(data)}>
                  <IntegrationsStrip integrations={data.integrations} />
                </Doubted>
              </Stack>
              <FreshnessCard overview={data} />
            </div>
            <Doubted since={unlookedSince(data)}>
              <PosturesCard overview={data} />
            </Doubted>
            {hasRest && <HistoryCards />}
          </Stack>
        )}
      </Answered>
    </Page>
  );
}

/** @returns since when no worker syncs and judges; null: one does. What only workers see is not known then */
function unlookedSince({ at, asOf }: Overview): string | null {
  return asOf.hasWorker ? null : (asOf.at ?? at);
}
