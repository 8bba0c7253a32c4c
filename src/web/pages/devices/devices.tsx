// The page "Devices": one found among 100,000s. Search, filters, order and columns stand in the address.
import { Alert, Button, Group, Paper, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconDevices, IconFileDownload, IconSearchOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type Schemas, serviceUrl } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Answered } from '../../parts/answered.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { Page } from '../../parts/page.tsx';
import { Pager } from '../../parts/pager.tsx';
import { SearchBox } from '../../parts/search-box.tsx';
import { texts } from '../../texts.ts';
import { ColumnsMenu } from './columns-menu.tsx';
import { ConditionRow, postureNotPassed } from './condition-row.tsx';
import { DeviceRows } from './device-rows.tsx';
import './devices.css';
import { FilterChips, FilterMenu } from './filters.tsx';
import { PageSize } from './page-size.tsx';
import { SavedMenu } from './saved-menu.tsx';
import { filterNames, type TableState, tableQuery, useTableState } from './table-state.ts';

const words = texts.devices;

export function DevicesPage() {
  const may = useMay();
  const maySeeValues = may('devices:posture_attributes:read');
  const state = useTableState(maySeeValues);
  const query = useQuery(tableQuery(state));
  const { data, error, isPlaceholderData } = query;
  const posture = maySeeValues ? postureNotPassed(state) : null;
  const isNarrowed = state.search !== '' || state.filters.length > 0;
  const total = data?.total;
  const about = total && words.found(total.devices.toLocaleString('en'), total.isExact);
  const isEmpty = data !== undefined && data.devices.length === 0 && state.cursor === null;
  return (
    <Page title={words.title} actions={<ExportLink state={state} isOff={(total?.devices ?? 0) === 0} />}>
      <Stack
        gap="sm"
        className={posture !== null ? 'devices-explained' : state.filters.length > 0 ? 'devices-narrowed' : ''}
      >
        <Group gap="xs" className="devices-tools">
          <SearchBox param="q" label={words.searchLabel} placeholder={words.search} className="devices-search" />
          <FilterMenu state={state} maySeeValues={maySeeValues} />
          <SavedMenu state={state} />
          <ColumnsMenu state={state} maySeeValues={maySeeValues} />
        </Group>
        <FilterChips state={state} />
        {posture !== null && <ConditionRow state={state} posture={posture} />}
        <Answered query={query}>
          {isEmpty && <Paper className="card">{isNarrowed ? <NoMatch state={state} /> : <NoDevices />}</Paper>}
          {!isEmpty && (error === null || data !== undefined) && (
            <>
              <NotJudged judged={data?.judged} />
              <DeviceRows
                lines={data?.devices ?? null}
                state={state}
                isOld={isPlaceholderData}
                isJudged={data?.judged?.hasWorker !== false}
              />
              <Group justify="space-between" gap="sm" className="devices-foot">
                <PageSize state={state} />
                <div className="devices-pager">
                  <Pager nextCursor={data?.nextCursor} previousCursor={data?.previousCursor} about={about} />
                </div>
              </Group>
            </>
          )}
        </Answered>
      </Stack>
    </Page>
  );
}

type Judged = NonNullable<Schemas['DeviceTable']['judged']>;

/** Without a worker nobody judges: that stands above the table, which is of before then. */
function NotJudged({ judged }: { judged: Judged | undefined }) {
  if (judged === undefined || judged.hasWorker) return null;
  return (
    <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title={words.noWorker.title} p="sm" role="status">
      <Text size="sm">
        {words.noWorker.asOf} <Age at={judged.at} />. {words.noWorker.todo}
      </Text>
    </Alert>
  );
}

function ExportLink({ state, isOff }: { state: TableState; isOff: boolean }) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(state.query))
    if (name !== 'limit') for (const each of [value].flat()) params.append(name, String(each));
  return (
    <Button
      component="a"
      href={`${serviceUrl}api/v2/tailnet/-/devices/csv?${params}`}
      download="devices.csv"
      {...(isOff ? { 'data-disabled': true, 'aria-disabled': true } : {})}
      onClick={event => {
        if (isOff) event.preventDefault();
      }}
      variant="default"
      leftSection={<IconFileDownload size={16} aria-hidden />}
    >
      {words.export}
    </Button>
  );
}

function NoDevices() {
  return (
    <Nothing icon={IconDevices} title={words.empty.title}>
      <Text c="dimmed">{words.empty.about}</Text>
      <Text ff="monospace" size="sm" className="wrap">
        {words.empty.command}
      </Text>
      <Button component="a" href={`${serviceUrl}docs`} variant="default">
        {words.empty.reference}
      </Button>
    </Nothing>
  );
}

function NoMatch({ state }: { state: TableState }) {
  const clear = () => state.change({ q: null, ...Object.fromEntries(filterNames.map(name => [name, null])) });
  return (
    <Nothing icon={IconSearchOff} title={words.noMatch.title}>
      <Text c="dimmed">{words.noMatch.about}</Text>
      <Button variant="default" onClick={clear}>
        {words.noMatch.clear}
      </Button>
    </Nothing>
  );
}
