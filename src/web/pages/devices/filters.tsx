// The filters of the table: chosen in a menu, shown as chips that can be taken away.
import { Autocomplete, Button, Group, Select, Stack } from '@mantine/core';
import { IconFilter } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, here, type Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Chip } from '../../parts/chip.tsx';
import { texts } from '../../texts.ts';
import { agentReasonLabels, deviceReasonLabels, problemLabels } from './labels.ts';
import { TableMenu } from './table-menu.tsx';
import { attributesQuery, causesQuery, type FilterName, filterNames, type TableState } from './table-state.ts';

const words = texts.devices.filters;

function useNames(maySeeValues: boolean) {
  const maySeeIntegrations = useMay()('feature_settings:read');
  const postures = useQuery({
    queryKey: ['policy', 'posture names'],
    queryFn: ({ signal }) => ask(api.GET('/api/v2/tailnet/{tailnet}/postures', { params: { path: here }, signal })),
    enabled: maySeeValues,
    retry: false,
  });
  const integrations = useQuery({
    queryKey: ['integrations', 'list'],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v2/tailnet/{tailnet}/posture/integrations', { params: { path: here }, signal })),
    enabled: maySeeIntegrations,
  });
  const catalogue = useQuery({ ...attributesQuery, enabled: maySeeValues });
  return {
    attributes: attributeOptions(catalogue.data?.attributes ?? []),
    postures: (postures.data?.postures ?? []).map(({ posture }) => posture.replace(/^posture:/, '')),
    integrations: (integrations.data?.integrations ?? []).map(({ id, name }) => ({ value: id, label: name ?? id })),
  };
}

/** Names, and those values that few devices share a name with: what can be asked for with a click. */
function attributeOptions(attributes: Schemas['AttributeCatalogue']['attributes']): string[] {
  const asked = attributes.filter(({ origin, isFamily }) => origin !== 'builtin' && !isFamily);
  return asked.flatMap(({ name, values }) => [name, ...values.slice(0, 6).map(({ value }) => `${name}=${value}`)]);
}

const options = (labels: Readonly<Record<string, string>>) =>
  Object.entries(labels).map(([value, label]) => ({ value, label }));

const matchOptions = [
  { value: 'matched', label: texts.devices.matched },
  { value: 'unmatched', label: texts.devices.notMatched },
  ...options(deviceReasonLabels),
];
const freshnessOptions = Object.entries(texts.devices.freshness).map(([value, { label }]) => ({ value, label }));

export function FilterMenu({ state, maySeeValues }: { state: TableState; maySeeValues: boolean }) {
  return (
    <TableMenu
      label={words.button}
      icon={IconFilter}
      position="bottom-start"
      count={state.filters.length}
      className="filter-form"
    >
      {() => <FilterForm state={state} maySeeValues={maySeeValues} />}
    </TableMenu>
  );
}

function FilterForm({ state, maySeeValues }: { state: TableState; maySeeValues: boolean }) {
  const { postures, integrations, attributes } = useNames(maySeeValues);
  const chosen = (name: FilterName) => chosenOf(state, name);
  const choose = (name: FilterName, label: string, data: { value: string; label: string }[] | string[]) => (
    <Select
      size="sm"
      label={label}
      placeholder={words.any}
      data={data}
      value={chosen(name)}
      clearable
      searchable={data.length > 8}
      comboboxProps={{ withinPortal: false }}
      onChange={value => state.change({ [name]: value, ...(name === 'posture' ? standingFor(value) : {}) })}
    />
  );
  const standingFor = (posture: string | null) => ({
    standing: posture === null ? null : (chosen('standing') ?? 'failing'),
    // It is one of the other posture.
    condition: null,
  });
  const posture = chosen('posture');
  return (
    <Stack gap="xs">
      {choose('freshness', words.freshness, freshnessOptions)}
      {choose('match', words.match, matchOptions)}
      {maySeeValues && postures.length > 0 && (
        <Group gap="xs" grow>
          {choose('posture', words.posture, postures)}
          {posture !== null && <StandingChoice state={state} />}
        </Group>
      )}
      {maySeeValues && posture !== null && <ConditionChoice state={state} posture={posture} />}
      {choose('postureIdentity', words.postureIdentity, options(texts.devices.identities))}
      {integrations.length > 0 && choose('integration', words.integration, integrations)}
      {choose('problem', words.problem, options(problemLabels))}
      <AddText label={words.tags} onAdd={tag => state.change({ tags: [...allOf(state, 'tags'), tag] })} />
      {maySeeValues && (
        <AddText
          label={words.attribute}
          about={words.attributeHelp}
          offered={attributes}
          onAdd={text => state.change({ attribute: [...allOf(state, 'attribute'), text] })}
        />
      )}
    </Stack>
  );
}

/** Posture names are in the address as whoever wrote it has them. */
export function chosenOf({ filters }: TableState, name: FilterName): string | null {
  const value = filters.find(filter => filter.name === name)?.value ?? null;
  return name === 'posture' ? (value?.replace(/^posture:/, '') ?? null) : value;
}

/** There is always one: a posture without it means those that pass. Whom a condition keeps from it does not pass, this way or that. */
function StandingChoice({ state }: { state: TableState }) {
  const isOpen = chosenOf(state, 'condition') !== null;
  return (
    <Select
      size="sm"
      label={words.standing}
      placeholder={words.notPassing}
      data={options(texts.devices.standings)}
      value={chosenOf(state, 'standing')}
      clearable={isOpen}
      allowDeselect={isOpen}
      comboboxProps={{ withinPortal: false }}
      onChange={standing => state.change({ standing })}
    />
  );
}

/** Which condition keeps them from the posture: any of those that keep some device from it now. */
function ConditionChoice({ state, posture }: { state: TableState; posture: string }) {
  const { data = [] } = useQuery(causesQuery(posture));
  const chosen = chosenOf(state, 'condition');
  const offered = chosen === null || data.includes(chosen) ? data : [chosen, ...data];
  return (
    <Select
      size="sm"
      label={words.condition}
      placeholder={words.any}
      data={offered}
      value={chosen}
      clearable
      searchable={offered.length > 8}
      comboboxProps={{ withinPortal: false }}
      // Whoever it keeps from the posture fails it or is unknown to it: both are meant.
      onChange={condition => state.change({ condition, standing: condition === null ? 'failing' : null })}
    />
  );
}

const allOf = ({ filters }: TableState, wanted: FilterName) =>
  filters.filter(({ name }) => name === wanted).map(({ value }) => value);

interface AddTextProps {
  label: string;
  about?: string;
  offered?: string[];
  onAdd: (text: string) => void;
}

function AddText({ label, about, offered = [], onAdd }: AddTextProps) {
  const [text, setText] = useState('');
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        if (text.trim() !== '') onAdd(text.trim());
        setText('');
      }}
    >
      <Group gap="xs" align="flex-end" wrap="nowrap">
        <Autocomplete
          flex={1}
          label={label}
          description={about}
          value={text}
          data={offered}
          limit={20}
          comboboxProps={{ withinPortal: false }}
          onChange={setText}
        />
        <Button type="submit" variant="default" disabled={text.trim() === ''}>
          {words.apply}
        </Button>
      </Group>
    </form>
  );
}

const valueLabels: Readonly<Partial<Record<FilterName, Readonly<Record<string, string>>>>> = {
  match: Object.fromEntries([...matchOptions, ...options(agentReasonLabels)].map(({ value, label }) => [value, label])),
  freshness: Object.fromEntries(freshnessOptions.map(({ value, label }) => [value, label])),
  postureIdentity: texts.devices.identities,
  standing: texts.devices.standings,
  problem: problemLabels,
};

export function FilterChips({ state }: { state: TableState }) {
  if (state.filters.length === 0) return null;
  return (
    <Group gap={6}>
      {state.filters.map(({ name, value }) => (
        <Chip
          key={`${name} ${value}`}
          name={words[name]}
          value={valueLabels[name]?.[value] ?? value}
          onRemove={() =>
            state.change({
              [name]: allOf(state, name).filter(other => other !== value),
              ...(name === 'posture' ? { standing: null, condition: null } : {}),
              ...(name === 'standing' && chosenOf(state, 'condition') === null ? { posture: null } : {}),
              ...(name === 'condition' && chosenOf(state, 'standing') === null ? { standing: 'failing' } : {}),
            })
          }
        />
      ))}
      <Button
        size="compact-sm"
        variant="subtle"
        onClick={() => state.change(Object.fromEntries(filterNames.map(name => [name, null])))}
      >
        {words.clear}
      </Button>
    </Group>
  );
}
