// What the audit log is filtered by. All of it stands in the address; the menus have what the log itself knows.
import { Button, Group, Menu, MultiSelect, Select, TextInput } from '@mantine/core';
import { IconDownload, IconFilterOff, IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { api, ask, here, serviceUrl } from '../../api/client.ts';
import { Chip } from '../../parts/chip.tsx';
import { useTyped } from '../../parts/typed.ts';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { eventWords } from './words.ts';

const hour = 3_600_000;
const day = 24 * hour;
const spans: Readonly<Record<string, number>> = { '1h': hour, '24h': day, '7d': 7 * day, '30d': 30 * day };
const usualPeriod = 'all';
const lists = ['actor', 'event', 'target', 'targetId'] as const;
const words = texts.audit.filters;

/** As the service takes it; what is absent is not filtered by. */
export interface AuditFilter {
  start?: string;
  end?: string;
  actor?: string[];
  event?: string[];
  target?: string[];
  targetId?: string[];
}

const timeOf = (local: string | null) => {
  const at = new Date(local ?? '');
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
};

/** @param nowMs a span lies before it */
export function filterOf(params: URLSearchParams, nowMs: number): AuditFilter {
  const period = params.get('period') ?? usualPeriod;
  const span = spans[period];
  const [from, to] = period === 'own' ? [timeOf(params.get('from')), timeOf(params.get('to'))] : [null, null];
  const start = span === undefined ? from : new Date(nowMs - span).toISOString();
  const filter: AuditFilter = { ...(start === null ? {} : { start }), ...(to === null ? {} : { end: to }) };
  for (const name of lists) {
    const values = params.getAll(name);
    if (values.length > 0) filter[name] = values;
  }
  return filter;
}

export function isFiltered(filter: AuditFilter): boolean {
  return Object.keys(filter).length > 0;
}

/** @returns the address of a file of all that the filter finds up to an hour from now: the service makes none without an end */
function fileUrl(filter: AuditFilter, format: 'csv' | 'ndjson'): string {
  const asked = new URLSearchParams({ format });
  asked.set('start', filter.start ?? '1970-01-01T00:00:00Z');
  asked.set('end', filter.end ?? new Date(Date.now() + hour).toISOString());
  for (const name of lists) for (const value of filter[name] ?? []) asked.append(name, value);
  return `${serviceUrl}api/v2/tailnet/-/logging/configuration?${asked}`;
}

function useCatalogue() {
  return useQuery({
    queryKey: ['audit', 'catalogue'],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v2/tailnet/{tailnet}/logging/configuration/catalogue', { params: { path: here }, signal })),
    staleTime: 60_000,
  });
}

function TargetInput() {
  const [params, change] = useUrlState();
  const given = params.get('target') ?? '';
  const [typed, type, rest] = useTyped(given, text => change({ target: text }, { replace: true }), 350);
  return (
    <TextInput
      label={words.target}
      placeholder={words.anyTarget}
      leftSection={<IconSearch size={15} aria-hidden />}
      value={typed}
      onChange={event => type(event.currentTarget.value)}
      onBlur={rest}
      className="filter"
    />
  );
}

function PeriodInputs() {
  const [params, change] = useUrlState();
  const period = params.get('period') ?? usualPeriod;
  return (
    <>
      <Select
        label={words.period}
        data={Object.entries(words.periods).map(([value, label]) => ({ value, label }))}
        value={period}
        allowDeselect={false}
        onChange={value =>
          change({ period: value === usualPeriod ? null : value, ...(value === 'own' ? {} : { from: null, to: null }) })
        }
        className="filter"
      />
      {period === 'own' &&
        (['from', 'to'] as const).map(name => (
          <TextInput
            key={name}
            type="datetime-local"
            label={words[name]}
            value={params.get(name) ?? ''}
            onChange={event => change({ [name]: event.currentTarget.value }, { replace: true })}
            className="filter filter-time"
          />
        ))}
    </>
  );
}

export function Filters({ filter }: { filter: AuditFilter }) {
  const [params, change] = useUrlState();
  const { data, error } = useCatalogue();
  const known = data?.events.map(({ event }) => event) ?? [];
  const chosen = [...new Set(params.getAll('event'))];
  const targets = [...new Set(known.map(code => code.split('.')[0] ?? ''))];
  const groups = targets.map(target => ({
    group: words.targets[target as keyof typeof words.targets] ?? target,
    // The code alone, and not all that begin so.
    items: known
      .filter(code => code.startsWith(`${target}.`))
      .map(code => ({ value: `=${code}`, label: eventWords(code) })),
  }));
  // Beginnings of codes, and what another version knows, come by links; and what there is may not have been answered.
  const foreign = chosen
    .filter(code => !known.includes(code.replace(/^=/, '')) || !code.startsWith('='))
    .map(code => ({ value: code, label: code.startsWith('=') ? eventWords(code.slice(1)) : code }));
  const answered = foreign.length === 0 ? groups : [{ group: words.linked, items: foreign }, ...groups];
  const nothingFound = data !== undefined ? words.nothingFound : error === null ? texts.shell.loading : words.failed;
  const actor = params.get('actor');
  const actors = (data?.actors ?? []).map(({ id, displayName, loginName }) => ({
    value: id,
    label: displayName === loginName || displayName === '' ? loginName : `${displayName} (${loginName})`,
  }));
  return (
    <Group gap="sm" align="flex-start" className="filters">
      <PeriodInputs />
      <Select
        label={words.actor}
        placeholder={words.anybody}
        data={
          actor === null || actors.some(({ value }) => value === actor)
            ? actors
            : [{ value: actor, label: actor }, ...actors]
        }
        value={actor}
        searchable
        clearable
        onChange={value => change({ actor: value })}
        nothingFoundMessage={nothingFound}
        className="filter"
      />
      <MultiSelect
        label={words.event}
        placeholder={chosen.length === 0 ? words.anyEvent : ''}
        data={data === undefined ? foreign : answered}
        value={chosen}
        searchable
        clearable
        onChange={values => change({ event: values })}
        nothingFoundMessage={nothingFound}
        maxDropdownHeight={360}
        className="filter filter-wide"
      />
      <TargetInput />
      {isFiltered(filter) && (
        <Button
          variant="subtle"
          className="filter-clear"
          leftSection={<IconFilterOff size={16} aria-hidden />}
          onClick={() =>
            change({ period: null, from: null, to: null, actor: null, event: null, target: null, targetId: null })
          }
        >
          {words.clear}
        </Button>
      )}
      <TargetChips />
    </Group>
  );
}

/** Links ask for a target by its whole id, which no field offers. */
function TargetChips() {
  const [params, change] = useUrlState();
  const ids = [...new Set(params.getAll('targetId'))];
  if (ids.length === 0) return null;
  return (
    <Group gap={6} w="100%">
      {ids.map(id => (
        <Chip
          key={id}
          name={words.targetId}
          value={id}
          of={`${words.targetId} ${id}`}
          onRemove={() => change({ targetId: ids.filter(other => other !== id) })}
        />
      ))}
    </Group>
  );
}

/** Made when the menu opens, since the end of what is exported is then, and not when the page was opened. */
function ExportItems({ filter }: { filter: AuditFilter }) {
  return (['csv', 'ndjson'] as const).map(format => (
    <Menu.Item key={format} component="a" href={fileUrl(filter, format)} download>
      {texts.audit.export[format]}
    </Menu.Item>
  ));
}

export function ExportMenu({ filter }: { filter: AuditFilter }) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />}>
          {texts.audit.export.label}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <ExportItems filter={filter} />
      </Menu.Dropdown>
    </Menu>
  );
}
