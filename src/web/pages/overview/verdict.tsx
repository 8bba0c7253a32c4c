// Whether posture can be trusted right now, in one sentence. While nothing is known that is not known either, whatever was said before.
import { Box, Group, Paper, Text, Title, Tooltip } from '@mantine/core';
import {
  IconShieldCheck,
  IconShieldExclamation,
  IconShieldQuestion,
  IconShieldX,
  type TablerIcon,
} from '@tabler/icons-react';
import { useLive } from '../../api/live.ts';
import { Age } from '../../parts/age.tsx';
import { Hint } from '../../parts/hint.tsx';
import { StateMark, type Tone } from '../../parts/state-mark.tsx';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import type { Overview } from './queries.ts';

const icons: Record<Overview['verdict']['trust'], TablerIcon> = {
  yes: IconShieldCheck,
  partly: IconShieldExclamation,
  no: IconShieldX,
  not_known: IconShieldQuestion,
};

/** What was not looked at is grey. */
const checkTones: Record<Overview['checks'][number]['state'], Tone> = {
  fine: 'good',
  attention: 'warning',
  not_checked: 'unknown',
};

export function VerdictCard({ overview: { verdict, checks, attention, devices } }: { overview: Overview }) {
  const { sentence, means } = verdict;
  const { doubt } = useLive();
  const trust = doubt === null ? verdict.trust : 'not_known';
  const Icon = icons[trust];
  // The first word is the answer, and is told by the title.
  const rest = sentence.replace(/^(Yes|Partly|No|Not known)\. /, '');
  return (
    <Paper className="card verdict" data-trust={trust} p={{ base: 'md', sm: 'lg' }}>
      <Group gap="md" wrap="nowrap" align="flex-start">
        <Icon size={44} stroke={1.4} className="verdict-icon" aria-hidden />
        <Box miw={0}>
          <Group gap={6} wrap="nowrap">
            <Text size="sm" c="dimmed">
              {texts.overview.question}
            </Text>
            <Hint>{means}</Hint>
          </Group>
          <Title order={2} className="verdict-answer">
            {texts.overview.trust[trust]}
            {/* In the same line, where there is room: nothing moves. */}
            {doubt !== null && (
              <Text span c="dimmed" size="sm" fw={400} ms={10} className="one-line" visibleFrom="xs">
                <Age at={doubt.since} />: {texts.overview.trust[verdict.trust]}
              </Text>
            )}
          </Title>
          <Text mt={2} maw="62rem" className="wrap" {...(doubt === null ? {} : { c: 'dimmed' })}>
            <Told names={attention.map(({ target }) => target.name)}>{rest}</Told>
          </Text>
          <Group gap={6} mt="sm">
            {checks.map(({ what, state, sentence: about }) => (
              <Tooltip key={what} label={<Told>{about}</Told>} multiline maw={360}>
                <span>
                  <StateMark tone={checkTones[state]}>
                    {`${texts.overview.checks[what]}${state === 'not_checked' ? texts.overview.notChecked : ''}`}
                  </StateMark>
                </span>
              </Tooltip>
            ))}
            <Text size="xs" c="dimmed" component="span">
              {texts.overview.asOf} <Age at={devices.countedAt} />
            </Text>
          </Group>
        </Box>
      </Group>
    </Paper>
  );
}
