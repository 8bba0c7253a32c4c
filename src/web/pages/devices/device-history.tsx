// What changed of the device and when, newest first, as the audit log has it: who or what did it, and from what to what.
import { Anchor, Box, Stack, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { RequestError, type Schemas } from '../../api/client.ts';
import { Age } from '../../parts/age.tsx';
import { More } from '../../parts/more.tsx';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { Card } from './card.tsx';
import { Change } from './change.tsx';
import { eventsQuery } from './device-queries.ts';

const words = texts.devices.page.history;
type Entry = Schemas['ConfigurationAuditLog'];

export function HistoryCard({ id }: { id: string }) {
  const query = useInfiniteQuery(eventsQuery(id));
  const { data, error, isFetchNextPageError } = query;
  const events = data?.pages.flatMap(page => page.events) ?? [];
  // Nothing was ever known of it, which the page says already.
  if (error instanceof RequestError && error.status === 404) return null;
  return (
    <Card
      title={words.title}
      query={isFetchNextPageError ? { ...query, error: null } : query}
      waits={data === undefined ? 6 : 0}
    >
      {events.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      )}
      <Stack gap="sm" component="ol" className="plain-steps">
        {events.map(entry => (
          <Event key={`${entry.eventGroupID} ${entry.event} ${JSON.stringify(entry.new)}`} entry={entry} />
        ))}
      </Stack>
      <Box mt="sm">
        <More query={query} label={words.more} />
      </Box>
    </Card>
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** So many values of an event are shown at once. */
const most = 5;

function Event({ entry }: { entry: Entry }) {
  const { old, new: now, actor, actionDetails, error, eventGroupID } = entry;
  const [before, after] = [isRecord(old) ? old : {}, isRecord(now) ? now : {}];
  const names = Object.keys({ ...before, ...after });
  return (
    <li className="device-event">
      <Text size="sm" fw={600}>
        {eventText(entry.event)}
      </Text>
      <Text size="sm" c="dimmed">
        <Age at={entry.eventTime} /> {words.by} <bdi>{actor.displayName || actor.loginName || actor.id}</bdi> ·{' '}
        <Anchor component={Link} to={`/audit?group=${encodeURIComponent(eventGroupID)}`} inherit underline="always">
          {words.toAudit}
        </Anchor>
      </Text>
      {actionDetails !== undefined && (
        <Text size="sm" className="wrap">
          <bdi>
            <Told>{actionDetails}</Told>
          </bdi>
        </Text>
      )}
      {error !== undefined && (
        <Text size="sm" className="wrap">
          <bdi>
            <Told>{error}</Told>
          </bdi>
        </Text>
      )}
      <Changes names={names.slice(0, most)} before={before} after={after} />
      {names.length > most && (
        <details className="device-more">
          <summary>{texts.devices.more(names.length - most)}</summary>
          <Changes names={names.slice(most)} before={before} after={after} />
        </details>
      )}
    </li>
  );
}

interface ChangesProps {
  names: readonly string[];
  before: Record<string, unknown>;
  after: Record<string, unknown>;
}

function Changes({ names, before, after }: ChangesProps) {
  if (names.length === 0) return null;
  return (
    <dl className="device-changes">
      {names.map(name => (
        <Change key={name} name={name} old={before[name]} now={after[name]} />
      ))}
    </dl>
  );
}

/** Codes that this version does not know stay codes. */
function eventText(code: string): string {
  return (words.events as Readonly<Record<string, string>>)[code] ?? code;
}
