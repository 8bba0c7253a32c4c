// What is known of the device: each value with its type, where it comes from, how old it is, and how it went over 30 days. Those that
// begin with custom: can be set here.
import { ActionIcon, Button, Group, Table, Text, Tooltip } from '@mantine/core';
import { IconPencil, IconPlus, IconTrash } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Sparkline } from '../../parts/charts/sparkline.tsx';
import { texts } from '../../texts.ts';
import { AttributeDialog, RemoveAttribute } from './attribute-dialog.tsx';
import { Card, Within } from './card.tsx';
import { explanationQuery, seriesQuery } from './device-queries.ts';

const words = texts.devices.page.attributes;
type Known = Schemas['DeviceExplanation']['attributes'][string];
type Series = Schemas['DeviceAttributeSeries'];

export interface Edited {
  /** Null: a new one. */
  name: string | null;
  value: unknown;
  expiresAt: string | null;
}

export function AttributesCard({ id }: { id: string }) {
  const query = useQuery(explanationQuery(id));
  const { data } = query;
  const { data: history } = useQuery(seriesQuery(id));
  const mayEdit = useMay()('devices:posture_attributes');
  const [edited, setEdited] = useState<Edited | null>(null);
  const [removed, setRemoved] = useState<string | null>(null);
  const attributes = Object.entries(data?.attributes ?? {}).sort(([a], [b]) => a.localeCompare(b));
  const add = (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconPlus size={14} aria-hidden />}
      onClick={() => setEdited({ name: null, value: '', expiresAt: null })}
    >
      {words.add}
    </Button>
  );
  return (
    <Card
      title={words.title}
      query={query}
      waits={data === undefined ? 8 : 0}
      action={mayEdit && data !== undefined ? add : undefined}
    >
      {attributes.length === 0 ? (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      ) : (
        <Within label={words.title}>
          <Table verticalSpacing={6} className="device-table figures">
            <Table.Thead>
              <Table.Tr>
                {Object.values(words.columns).map(column => (
                  <Table.Th key={column}>{column}</Table.Th>
                ))}
                {mayEdit && <Table.Th aria-hidden />}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {attributes.map(([name, known]) => (
                <Table.Tr key={name}>
                  <AttributeCells name={name} known={known} history={history} />
                  {mayEdit && (
                    <Table.Td>
                      {name.startsWith('custom:') && (
                        <Group gap={2} wrap="nowrap">
                          <ActionIcon
                            variant="subtle"
                            color="gray"
                            aria-label={words.edit(name)}
                            onClick={() => setEdited({ name, value: known.value, expiresAt: known.expiresAt })}
                          >
                            <IconPencil size={16} aria-hidden />
                          </ActionIcon>
                          <ActionIcon
                            variant="subtle"
                            color="gray"
                            aria-label={words.remove(name)}
                            onClick={() => setRemoved(name)}
                          >
                            <IconTrash size={16} aria-hidden />
                          </ActionIcon>
                        </Group>
                      )}
                    </Table.Td>
                  )}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Within>
      )}
      {edited !== null && <AttributeDialog device={id} edited={edited} onClose={() => setEdited(null)} />}
      {removed !== null && <RemoveAttribute device={id} name={removed} onClose={() => setRemoved(null)} />}
    </Card>
  );
}

function AttributeCells({ name, known, history }: { name: string; known: Known; history: Series | undefined }) {
  return (
    <>
      <Table.Th scope="row" className="device-attribute">
        <bdi className="wrap">
          <Broken name={name} />
        </bdi>
        <Text size="xs" c="dimmed" fw={400}>
          {known.type ?? '–'}
        </Text>
      </Table.Th>
      <Table.Td className="device-value">
        {known.type === 'time' ? <Age at={String(known.value)} /> : <bdi className="wrap">{String(known.value)}</bdi>}
        {known.withheld && (
          <Text size="xs" c="dimmed">
            {words.withheld}
          </Text>
        )}
        {known.expiresAt !== null && (
          <Text size="xs" c="dimmed">
            {words.ends} <Age at={known.expiresAt} />
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <bdi className="wrap">{known.integration ?? words.byHand}</bdi>
        <Text size="xs" c="dimmed" component="div" className="one-line">
          <Age at={known.confirmedAt} never="–" />
        </Text>
      </Table.Td>
      <Table.Td>{history !== undefined && <Went name={name} history={history} />}</Table.Td>
    </>
  );
}

/** May break between its words, `sentinelOne:encrypted` and `Applications`, before it breaks within one. */
function Broken({ name }: { name: string }) {
  const words = name.split(/(?<=:)|(?<=[a-z])(?=[A-Z])/);
  // biome-ignore lint/suspicious/noArrayIndexKey: the words of a name are always the same, in one order
  return words.map((word, i) => [i > 0 && <wbr key={i} />, word]);
}

const points = 60;

/** Figures and yes or no as a line; of texts how often they changed. */
function Went({ name, history }: { name: string; history: Series }) {
  const series = history.series[name];
  if (series === undefined || series.changes.length === 0)
    return (
      <Text size="xs" c="dimmed" className="one-line">
        {words.unchanged}
      </Text>
    );
  const [first] = series.changes;
  if (series.start === null && series.changes.length === 1 && first !== undefined)
    return (
      <Text size="xs" c="dimmed" className="one-line">
        {words.first} <Age at={first.at} />
      </Text>
    );
  const all = [series.start, ...series.changes.map(({ value }) => value)];
  const isDrawn = all.every(value => value === null || typeof value === 'number' || typeof value === 'boolean');
  const changes = words.changes(series.changes.length);
  if (!isDrawn)
    return (
      <Tooltip label={<bdi>{all.filter(value => value !== null).join(' → ')}</bdi>} multiline maw={360}>
        <Text size="xs" c="dimmed" className="one-line">
          {changes}
        </Text>
      </Tooltip>
    );
  return (
    <Tooltip label={changes}>
      <span>
        <Sparkline label={`${words.historyOf(name)}: ${changes}`} values={valuesOver(history, name)} isStepped />
      </span>
    </Tooltip>
  );
}

/** @returns what held at each of so many times between beginning and end; null: it was not set */
function valuesOver({ since, until, series }: Series, name: string): (number | null)[] {
  const its = series[name];
  if (its === undefined) return [];
  const [from, to] = [Date.parse(since), Date.parse(until)];
  let [held, next] = [its.start, 0];
  return Array.from({ length: points }, (_, n) => {
    const at = from + ((to - from) * n) / (points - 1);
    for (let change = its.changes[next]; change && Date.parse(change.at) <= at; change = its.changes[++next])
      held = change.value;
    return held === null ? null : Number(held);
  });
}
