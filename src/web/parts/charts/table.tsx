// A chart's figures as a table, the newest first: for whoever does not see the chart, and for exact figures.
import { ScrollArea, Table } from '@mantine/core';
import { texts } from '../../texts.ts';
import { exactTime } from '../times.ts';
import type { ChartSeries } from './series.ts';

interface ChartTableProps {
  label: string;
  times: readonly number[];
  series: readonly ChartSeries[];
  format: (figure: number) => string;
}

export function ChartTable({ label, times, series, format }: ChartTableProps) {
  const known = times.flatMap((at, n) =>
    series.some(({ values }) => (values[n] ?? null) !== null) ? [{ at, n }] : [],
  );
  return (
    <ScrollArea.Autosize mah={260} mt="xs" viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': label }}>
      <Table fz="xs" stickyHeader>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{texts.charts.time}</Table.Th>
            {series.map(({ key, label: name }) => (
              <Table.Th key={key} ta="end">
                <bdi>{name}</bdi>
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {known.toReversed().map(({ at, n }) => (
            <Table.Tr key={at}>
              <Table.Td>{exactTime(new Date(at).toISOString())}</Table.Td>
              {series.map(({ key, values }) => (
                <Table.Td key={key} ta="end" className="figures">
                  {(values[n] ?? null) === null ? '–' : format(values[n] ?? 0)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea.Autosize>
  );
}
