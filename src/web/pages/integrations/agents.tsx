// The agents of an integration: which match no device and why, found by a part of a name, and all that is shown as a file.
import { Anchor, Button, Group, Menu, Select, Skeleton, Table, Text, Tooltip, VisuallyHidden } from '@mantine/core';
import { IconDownload, IconLink, IconSearchOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { Link } from 'react-router';
import { type Schemas, serviceUrl } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Answered } from '../../parts/answered.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { cursorParam, Pager, useNone } from '../../parts/pager.tsx';
import { SearchBox } from '../../parts/search-box.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { type AgentFilters, agentsQuery } from './queries.ts';
import { figure, type Integration, reasonOf, wasRead } from './words.ts';

const BindDialog = lazy(async () => ({ default: (await import('./bind-dialog.tsx')).BindDialog }));
const UnbindDialog = lazy(async () => ({ default: (await import('../../parts/binding.tsx')).UnbindDialog }));

const t = texts.integrations.agents;
type Agent = Schemas['Agent'];
/** Why no device would have anything of it by being bound. */
const beyondBinding: readonly (string | null)[] = ['identity_collection_off', 'decommissioned', 'gone', 'expired'];
const onPage = 50;
const any = 'any';

function filtersOf(params: URLSearchParams): AgentFilters & { shown: keyof typeof t.matches } {
  const asked = params.get('match') ?? '';
  const shown = asked in t.matches ? (asked as keyof typeof t.matches) : 'unmatched';
  const reason = params.get('reason');
  const search = params.get('search');
  return {
    shown,
    ...(shown === 'all' ? {} : { match: shown }),
    ...(shown === 'unmatched' && reason !== null ? { reason } : {}),
    ...(search === null ? {} : { search }),
  };
}

export function AgentsTab({ integration }: { integration: Integration }) {
  const [params] = useUrlState();
  const mayBind = useMay()('devices:core');
  // Whatever comes of the list meanwhile.
  const [asked, setAsked] = useState<Agent | null>(null);
  const { shown, ...filters } = filtersOf(params);
  const cursor = params.get(cursorParam) ?? undefined;
  const found = useQuery(
    agentsQuery(integration.id, filters, { limit: onPage, ...(cursor === undefined ? {} : { cursor }) }),
  );
  const { data, isFetching, isPending } = found;
  const isNone = useNone(data?.agents, data?.nextCursor);
  const isUnfiltered = shown === 'unmatched' && filters.reason === undefined && filters.search === undefined;
  const none = !isUnfiltered ? t.noneLike : wasRead(integration) ? t.allMatched : t.noneRead;
  return (
    <>
      <Filters integration={integration} filters={filters} shown={shown} />
      <Answered query={found}>
        {isPending && <Skeleton h={480} aria-busy />}
        {isNone && (
          <Nothing icon={isUnfiltered ? IconLink : IconSearchOff} title={none.title}>
            <Text c="dimmed">{none.about}</Text>
          </Nothing>
        )}
        {data?.agents.length === 0 && data.nextCursor !== null && <Text c="dimmed">{t.noneSoFar}</Text>}
        {data !== undefined && data.agents.length > 0 && (
          <div className="card" aria-busy={isFetching}>
            <AgentsTable agents={data.agents} onAsk={mayBind ? setAsked : null} />
          </div>
        )}
        {data !== undefined && <Pager nextCursor={data.nextCursor} />}
      </Answered>
      {asked !== null && (
        <Suspense fallback={null}>
          <AskedOf agent={{ ...asked, integration: integration.name }} onClose={() => setAsked(null)} />
        </Suspense>
      )}
    </>
  );
}

interface FiltersProps {
  integration: Integration;
  filters: AgentFilters;
  shown: keyof typeof t.matches;
}

function Filters({ integration, filters, shown }: FiltersProps) {
  const [, change] = useUrlState();
  // What is filtered by stays to be seen, also once no agent has it.
  const asked = filters.reason === undefined || filters.reason === any ? {} : { [filters.reason]: 0 };
  const reasons = Object.entries({ ...asked, ...integration.unmatched }).map(([code, n]) => ({
    value: code,
    label: `${reasonOf(code).title} (${figure(n)})`,
  }));
  return (
    <Group align="flex-end" gap="sm">
      <SearchBox param="search" label={t.search} flex="1 1 16rem" maw={420} />
      <Select
        aria-label={t.match}
        data={Object.entries(t.matches).map(([value, label]) => ({ value, label }))}
        value={shown}
        onChange={value => change({ match: value, reason: null })}
        allowDeselect={false}
        w={150}
      />
      {shown === 'unmatched' && (
        <Select
          aria-label={t.reason}
          data={[{ value: any, label: t.anyReason }, ...reasons]}
          value={filters.reason ?? any}
          onChange={value => change({ reason: value === any ? null : value })}
          allowDeselect={false}
          w={260}
        />
      )}
      <Export integration={integration} filters={filters} />
    </Group>
  );
}

function Export({ integration, filters }: Omit<FiltersProps, 'shown'>) {
  const address = (format: string) => {
    const query = new URLSearchParams({ ...filters, format } as Record<string, string>);
    return `${serviceUrl}api/v2/posture/integrations/${encodeURIComponent(integration.id)}/agents/export?${query}`;
  };
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={16} aria-hidden />}>
          {t.export}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={address('csv')} download>
          {t.csv}
        </Menu.Item>
        <Menu.Item component="a" href={address('ndjson')} download>
          {t.ndjson}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

interface AgentsTableProps {
  agents: readonly Agent[];
  /** Null where none may be bound. */
  onAsk: ((agent: Agent) => void) | null;
}

function AgentsTable({ agents, onAsk }: AgentsTableProps) {
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w="24%">{t.columns.agent}</Table.Th>
            <Table.Th w="18%">{t.columns.serials}</Table.Th>
            <Table.Th w="17%">{t.columns.device}</Table.Th>
            <Table.Th>{t.columns.reason}</Table.Th>
            <Table.Th className="num">{t.columns.lastActive}</Table.Th>
            {onAsk !== null && (
              <Table.Th w={84}>
                <VisuallyHidden>{t.columns.actions}</VisuallyHidden>
              </Table.Th>
            )}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {agents.map(agent => (
            <AgentRow key={agent.id} agent={agent} onAsk={onAsk} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function AskedOf({ agent, onClose }: { agent: Agent & { integration: string }; onClose: () => void }) {
  if (agent.boundDevice === null) return <BindDialog agent={agent} onClose={onClose} />;
  return <UnbindDialog agent={agent} device={agent.boundDevice} onClose={onClose} />;
}

interface AgentRowProps {
  agent: Agent;
  /** Null where it may not be bound. */
  onAsk: ((agent: Agent) => void) | null;
}

function AgentRow({ agent, onAsk }: AgentRowProps) {
  const { id, hostname, serials, device, boundDevice, reason, lastActiveAt } = agent;
  return (
    <Table.Tr>
      <Table.Td maw={0}>
        <LongText size="sm">{hostname ?? id}</LongText>
        {hostname !== null && (
          <LongText size="xs" c="dimmed">
            {id}
          </LongText>
        )}
      </Table.Td>
      <Table.Td maw={0}>
        {serials.length === 0 ? (
          <Text size="sm" c="dimmed">
            {t.noSerial}
          </Text>
        ) : (
          <LongText size="sm">{serials.join(', ')}</LongText>
        )}
      </Table.Td>
      <Table.Td maw={0}>
        {device !== null && (
          <Anchor component={Link} to={`/devices/${encodeURIComponent(device)}`}>
            <LongText size="sm">{device}</LongText>
          </Anchor>
        )}
        {boundDevice !== null && (
          <Text size="xs" c="dimmed" className="wrap">
            {texts.binding.bound}
            {boundDevice !== device && (
              <>
                {': '}
                <bdi>{boundDevice}</bdi>
              </>
            )}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        {reason !== null && (
          <Tooltip label={reasonOf(reason).about} multiline maw={320} disabled={reasonOf(reason).about === ''}>
            <Text size="sm" span>
              {reasonOf(reason).title}
            </Text>
          </Tooltip>
        )}
      </Table.Td>
      <Table.Td className="num">
        <Text size="sm" c="dimmed">
          <Age at={lastActiveAt} />
        </Text>
      </Table.Td>
      {onAsk !== null && (
        <Table.Td ta="end">
          <BindButton agent={agent} onAsk={() => onAsk(agent)} />
        </Table.Td>
      )}
    </Table.Tr>
  );
}

function BindButton({ agent, onAsk }: { agent: Agent; onAsk: () => void }) {
  const { id, hostname, device, boundDevice, reason } = agent;
  const isBound = boundDevice !== null;
  if (!isBound && (device !== null || beyondBinding.includes(reason))) return null;
  const words = texts.binding;
  const name = hostname ?? id;
  return (
    <Button
      size="compact-xs"
      variant="default"
      onClick={onAsk}
      aria-label={isBound ? words.undoFor(name) : words.actionFor(name)}
    >
      {isBound ? words.undo : words.action}
    </Button>
  );
}
