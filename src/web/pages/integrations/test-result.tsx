// What came of trying settings: whether the console takes them, what the token sees and how long, and some agents to know it by.
import { Alert, Stack, Table, Text } from '@mantine/core';
import { IconCircleCheck, IconCircleDashed, IconCircleX } from '@tabler/icons-react';
import type { Schemas } from '../../api/client.ts';
import { useLive } from '../../api/live.ts';
import { Age } from '../../parts/age.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { type Fact, Facts } from './facts.tsx';
import { Scope } from './scope.tsx';
import { figure } from './words.ts';

const t = texts.integrations.test;
type Test = Schemas['IntegrationTest'];
type Result = NonNullable<Test['result']>;

export function TestResult({ test }: { test: Test }) {
  const { result, error, state } = test;
  const isKnown = useLive().doubt === null;
  if (result === null || !result.ok)
    return (
      <Alert color="red" icon={<IconCircleX aria-hidden />} title={t.fails} role="alert">
        {/* What to do stands at the field that it is about. */}
        <Text size="sm" className="wrap">
          <bdi>
            <Told>{result?.error?.message ?? error?.message ?? (state === 'done' ? '' : t.none)}</Told>
          </bdi>
        </Text>
      </Alert>
    );
  const hasWarnings = result.warnings.length > 0;
  return (
    <Alert
      color={hasWarnings ? 'orange' : isKnown ? 'teal' : 'gray'}
      icon={hasWarnings || isKnown ? <IconCircleCheck aria-hidden /> : <IconCircleDashed aria-hidden />}
      title={isKnown ? t.works : t.worked}
      role="status"
    >
      <Stack gap="sm">
        {result.warnings.map(warning => (
          <Text key={warning} size="sm">
            <Told>{warning}</Told>
          </Text>
        ))}
        <Facts facts={factsOf(result)} />
        <Sample sample={result.sample} />
      </Stack>
    </Alert>
  );
}

function factsOf({ claimedTotal, agents, scope, tokenExpires }: Result): Fact[] {
  return [
    claimedTotal === null ? [t.onPage, figure(agents)] : [t.agents, figure(claimedTotal)],
    [t.token, <Age key="token" at={tokenExpires} never={t.never} />],
    [t.scope, <Scope key="scope" scope={scope} />, 'wide'],
  ];
}

function Sample({ sample }: { sample: Result['sample'] }) {
  if (sample.length === 0) return <Text size="sm">{t.noSample}</Text>;
  return (
    <Table verticalSpacing={4} horizontalSpacing={0} captionSide="top" fz="sm" layout="fixed">
      <Table.Caption ta="start" mt={0}>
        {t.sample}
      </Table.Caption>
      <Table.Tbody>
        {sample.map(({ id, hostname, serials, lastActiveAt }) => (
          <Table.Tr key={id}>
            <Table.Td>
              <LongText size="sm">{hostname ?? id}</LongText>
            </Table.Td>
            <Table.Td>
              <LongText size="sm">{serials.join(', ') || texts.integrations.agents.noSerial}</LongText>
            </Table.Td>
            <Table.Td className="num">
              <Age at={lastActiveAt} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
