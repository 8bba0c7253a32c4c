// The table of keys. On narrow screens what has no column stands below the name.
import { Button, Code, HoverCard, List, Stack, Table, Text, UnstyledButton } from '@mantine/core';
import type { Schemas } from '../../api/client.ts';
import { Age } from '../../parts/age.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { StateMark, type Tone } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';
import './keys.css';
import { useScopes } from './keys-scopes.ts';

type Key = Schemas['Key'];

const words = texts.keys;
const tones: Record<Key['state'], Tone> = { active: 'good', expired: 'unknown', revoked: 'unknown' };

interface KeysTableProps {
  keys: readonly Key[];
  /** Null: whoever looks may not. */
  onRevoke: ((key: Key) => void) | null;
}

export function KeysTable({ keys, onRevoke }: KeysTableProps) {
  const { columns } = words;
  return (
    <div className="card" style={{ overflowX: 'auto' }}>
      <Table verticalSpacing="sm" horizontalSpacing="md" highlightOnHover>
        <Table.Thead className="line">
          <Table.Tr>
            <Table.Th>{columns.name}</Table.Th>
            <Table.Th visibleFrom="sm">{columns.scopes}</Table.Th>
            <Table.Th visibleFrom="sm">{columns.state}</Table.Th>
            <Table.Th visibleFrom="sm">{columns.lastUsed}</Table.Th>
            <Table.Th visibleFrom="md">{columns.expires}</Table.Th>
            <Table.Th visibleFrom="lg">{columns.created}</Table.Th>
            {onRevoke !== null && (
              <Table.Th>
                <span className="unseen">{columns.actions}</span>
              </Table.Th>
            )}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {keys.map(key => (
            <KeyRow key={key.id} apiKey={key} onRevoke={onRevoke} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function KeyRow({ apiKey, onRevoke }: { apiKey: Key; onRevoke: KeysTableProps['onRevoke'] }) {
  const { description, prefix, scopes, lastUsedAt, expires, created, createdByName } = apiKey;
  return (
    <Table.Tr>
      <Table.Td maw={280}>
        <LongText fw={500} size="sm">
          {description}
        </LongText>
        <Text size="xs" c="dimmed" ff="monospace" className="line">
          {prefix}
        </Text>
        <Stack gap={6} mt={6} hiddenFrom="sm" align="flex-start">
          <ScopeWords scopes={scopes} />
          <KeyState apiKey={apiKey} />
          <Text size="xs" c="dimmed">
            {words.columns.lastUsed} <Age at={lastUsedAt} />
          </Text>
        </Stack>
      </Table.Td>
      <Table.Td visibleFrom="sm" miw={200}>
        <ScopeWords scopes={scopes} />
      </Table.Td>
      <Table.Td visibleFrom="sm" miw={140}>
        <KeyState apiKey={apiKey} />
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Text size="sm" className="line">
          <Age at={lastUsedAt} />
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="md">
        <Text size="sm" className="line">
          {apiKey.state === 'revoked' ? '–' : <Age at={expires} />}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="lg" maw={200}>
        <Text size="sm" className="line">
          <Age at={created} />
        </Text>
        <LongText size="xs" c="dimmed">
          {`${words.by} ${createdByName}`}
        </LongText>
      </Table.Td>
      {onRevoke !== null && (
        <Table.Td ta="right">
          {apiKey.state !== 'revoked' && (
            <Button
              size="compact-sm"
              variant="subtle"
              color="red"
              aria-label={words.revokeOf(description)}
              onClick={() => onRevoke(apiKey)}
            >
              {words.revoke}
            </Button>
          )}
        </Table.Td>
      )}
    </Table.Tr>
  );
}

function KeyState({ apiKey: { state, revoked } }: { apiKey: Key }) {
  return (
    <>
      <StateMark tone={tones[state]}>{words.states[state]}</StateMark>
      {revoked !== null && (
        <Text size="xs" c="dimmed" className="line" mt={2}>
          <Age at={revoked} />
        </Text>
      )}
    </>
  );
}

/** The first scope as its sentence, the others on hover and focus. */
function ScopeWords({ scopes }: { scopes: readonly string[] }) {
  const { sentenceOf } = useScopes();
  const [first = '', ...others] = scopes;
  return (
    <HoverCard width={420} position="bottom-start" withArrow openDelay={150} disabled={scopes.length === 0}>
      <HoverCard.Target>
        <UnstyledButton ta="left" style={{ cursor: 'default' }}>
          <Text size="sm">{sentenceOf(first)}</Text>
          {others.length > 0 && (
            <Text size="xs" c="dimmed">
              {words.more(others.length)}
            </Text>
          )}
        </UnstyledButton>
      </HoverCard.Target>
      <HoverCard.Dropdown maw="90vw">
        <List size="sm" spacing="xs" listStyleType="none">
          {scopes.map(scope => (
            <List.Item key={scope}>
              <Code>{scope}</Code>
              <Text size="sm" c="dimmed">
                {sentenceOf(scope)}
              </Text>
            </List.Item>
          ))}
        </List>
      </HoverCard.Dropdown>
    </HoverCard>
  );
}
