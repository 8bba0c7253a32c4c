// What needs an administrator now, the worst first, each with what to do and where.
import { Box, Button, Group, Paper, Stack, Text, ThemeIcon, Title } from '@mantine/core';
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconInfoCircle,
  type TablerIcon,
} from '@tabler/icons-react';
import { useId, useState } from 'react';
import { Link } from 'react-router';
import { useLive } from '../../api/live.ts';
import { Age } from '../../parts/age.tsx';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import type { Attention, Overview } from './queries.ts';

const looks: Record<Attention['severity'], { color: string; icon: TablerIcon }> = {
  critical: { color: 'red', icon: IconCircleX },
  warning: { color: 'orange', icon: IconAlertTriangle },
  notice: { color: 'blue', icon: IconInfoCircle },
};

/** So many are shown until all are asked for: a hundred integrations may fail at once. */
const shownAtFirst = 6;

export function AttentionCard({ overview: { attention, checks } }: { overview: Overview }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? attention : attention.slice(0, shownAtFirst);
  return (
    <Paper className="card" p="md" component="section" aria-labelledby="attention">
      <Title order={2} id="attention">
        {texts.overview.attention.title}
        {attention.length > 0 && (
          <Text span c="dimmed" fw={400} ms={8} className="figures">
            {attention.length}
          </Text>
        )}
      </Title>
      {attention.length === 0 ? (
        <Quiet checks={checks} />
      ) : (
        <Stack gap={0} mt="xs" component="ul" className="attention">
          {shown.map(each => (
            <Item key={`${each.code} ${each.target.id}`} item={each} />
          ))}
        </Stack>
      )}
      {attention.length > shownAtFirst && (
        <Button variant="subtle" size="compact-sm" mt="xs" onClick={() => setWhole(!isWhole)}>
          {isWhole ? texts.overview.attention.fewer : texts.overview.attention.all(attention.length)}
        </Button>
      )}
    </Paper>
  );
}

/** Nothing to be told is good only where everything was looked at. */
function Quiet({ checks }: Pick<Overview, 'checks'>) {
  const open = checks.filter(({ state }) => state === 'not_checked');
  const isKnown = useLive().doubt === null;
  const isAll = open.length === 0 && isKnown;
  const Icon = isAll ? IconCircleCheck : IconCircleDashed;
  return (
    <Group gap="sm" wrap="nowrap" align="flex-start" mt="sm">
      <ThemeIcon variant="light" color={isAll ? 'teal' : 'gray'} size="md" radius="xl">
        <Icon size={16} aria-hidden />
      </ThemeIcon>
      <Box>
        <Text>{isKnown ? texts.overview.attention.none : texts.overview.attention.noneThen}</Text>
        {open.map(({ what, sentence }) => (
          <Text key={what} size="sm" c="dimmed">
            {texts.overview.checks[what]}: {sentence}
          </Text>
        ))}
      </Box>
    </Group>
  );
}

function Item({ item }: { item: Attention }) {
  const { severity, message, action, since, until, target, code } = item;
  const id = useId();
  const { color, icon: Icon } = looks[severity];
  const to = placeOf(item);
  return (
    <Group component="li" gap="sm" wrap="nowrap" align="flex-start" className="attention-item">
      <ThemeIcon
        variant="light"
        color={color}
        size="md"
        radius="xl"
        aria-label={texts.overview.severities[severity]}
        role="img"
      >
        <Icon size={16} aria-hidden />
      </ThemeIcon>
      <Box miw={0} flex={1}>
        <Text fw={500} className="wrap" id={id}>
          <Told names={[target.name]}>{message}</Told>
        </Text>
        <Text size="sm" c="dimmed" className="wrap">
          <Worded text={action} />
        </Text>
        {(since !== null || until !== null) && (
          <Text size="xs" c="dimmed" mt={2}>
            {since !== null && (
              <>
                {texts.overview.attention.since} <Age at={since} />
              </>
            )}
            {since !== null && until !== null && ' · '}
            {until !== null && (
              <>
                {code === 'integration_failing' ? texts.overview.attention.next : texts.overview.attention.until}{' '}
                <Age at={until} />
              </>
            )}
          </Text>
        )}
      </Box>
      {to !== null && (
        <Button
          component={Link}
          to={to}
          size="compact-sm"
          variant="default"
          flex="none"
          id={`${id}-open`}
          aria-labelledby={`${id}-open ${id}`}
        >
          {texts.overview.attention.open[target.type]}
        </Button>
      )}
    </Group>
  );
}

/** Commands stand between backquotes. */
function Worded({ text }: { text: string }) {
  return text
    .split('`')
    .map((part, n) => (n % 2 === 0 ? <Told key={part}>{part}</Told> : <code key={part}>{part}</code>));
}

/** @returns where something can be done about it; null where that is not in these pages */
function placeOf({ code, target: { type, id } }: Attention): string | null {
  if (code === 'devices_stale') return '/devices?freshness=stale';
  if (code === 'devices_without') return '/devices?freshness=none';
  const places = {
    service: null,
    inventory: '/devices',
    policy: '/policy',
    settings: '/settings',
    integrations: '/integrations',
    integration: `/integrations/${encodeURIComponent(id ?? '')}`,
    webhook: `/settings/webhooks/${encodeURIComponent(id ?? '')}`,
  } as const;
  return places[type];
}
