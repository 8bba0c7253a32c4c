// What the service found in a policy's text: how many of what, and each with its line, to which a click leads.
import { Group, Loader, Text, UnstyledButton } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconCircleDashed, IconCircleX, IconInfoCircle } from '@tabler/icons-react';
import type { Schemas } from '../../api/client.ts';
import { useLive } from '../../api/live.ts';
import { texts } from '../../texts.ts';

type Finding = Schemas['PolicyFinding'];
export type Verdict = Schemas['PolicyVerdict'];
export interface Placed extends Finding {
  severity: 'error' | 'warning' | 'info';
}

/** @returns all findings, errors first, in the order of the text */
export function placedOf(verdict: Verdict | undefined): Placed[] {
  const { errors = [], warnings = [], notes = [] } = verdict ?? {};
  return [
    ...errors.map(finding => ({ ...finding, severity: 'error' as const })),
    ...warnings.map(finding => ({ ...finding, severity: 'warning' as const })),
    ...notes.map(finding => ({ ...finding, severity: 'info' as const })),
  ];
}

/** @returns what was found, with what was probably meant */
export function sentenceOf({ message, suggestion }: Pick<Finding, 'message' | 'suggestion'>): string {
  const isNamed = suggestion === null || message.split(/[\s",;]+/).includes(suggestion);
  return isNamed ? message : `${message}; ${texts.policy.problems.meant(suggestion)}`;
}

const looks = {
  error: { icon: IconCircleX, color: 'var(--mantine-color-red-text)' },
  warning: { icon: IconAlertTriangle, color: 'var(--mantine-color-orange-text)' },
  info: { icon: IconInfoCircle, color: 'var(--mantine-color-dimmed)' },
} as const;

interface ProblemsProps {
  verdict: Verdict | undefined;
  found: readonly Placed[];
  /** False while the text is being looked over anew. */
  isCurrent: boolean;
  onChoose: (finding: Placed) => void;
}

export function Problems({ verdict, found, isCurrent, onChoose }: ProblemsProps) {
  return (
    <section className="card" aria-label={texts.policy.problems.label}>
      <Group px="sm" py={8} gap="xs" mih={40} role="status">
        {isCurrent ? <Summary verdict={verdict} /> : <Loader size={14} aria-label={texts.policy.problems.looking} />}
        {!isCurrent && (
          <Text size="sm" c="dimmed">
            {texts.policy.problems.looking}
          </Text>
        )}
      </Group>
      {found.length > 0 && (
        <div className="policy-problems">
          {found.map((finding, i) => {
            const { icon: Icon, color } = looks[finding.severity];
            return (
              <UnstyledButton
                // biome-ignore lint/suspicious/noArrayIndexKey: several findings may stand at one place, in one order
                key={`${finding.line}:${finding.column}:${finding.code}:${i}`}
                className="policy-problem"
                onClick={() => onChoose(finding)}
              >
                <Icon size={15} color={color} aria-label={texts.policy.problems.severity[finding.severity]} />
                <Text size="sm" c="dimmed" className="figures">
                  {texts.policy.problems.line(finding.line)}
                </Text>
                <Text size="sm" className="wrap">
                  <bdi>{sentenceOf(finding)}</bdi>
                </Text>
              </UnstyledButton>
            );
          })}
        </div>
      )}
    </section>
  );
}

/** Devices and postures that its tests and findings are about may be others by now. */
function fineLooks(isKnown: boolean) {
  return isKnown
    ? { icon: IconCircleCheck, color: 'var(--mantine-color-teal-text)' }
    : { icon: IconCircleDashed, color: 'var(--mantine-color-dimmed)' };
}

function Summary({ verdict }: { verdict: Verdict | undefined }) {
  const { ok, errors = [], warnings = [], postures, rules, tests } = verdict ?? {};
  const { problems } = texts.policy;
  const hasTests = (tests?.passed ?? 0) + (tests?.failed ?? 0) > 0;
  const parts = [
    ...(errors.length > 0 ? [problems.errors(errors.length)] : []),
    ...(warnings.length > 0 ? [problems.warnings(warnings.length)] : []),
    ...(postures === null || postures === undefined ? [] : [problems.postures(postures.length)]),
    ...(rules === null || rules === undefined ? [] : [problems.rules(rules)]),
    ...(tests === undefined || !hasTests ? [problems.noTests] : [problems.tests(tests.passed, tests.failed)]),
  ];
  const severity = errors.length > 0 ? 'error' : warnings.length > 0 ? 'warning' : null;
  const isKnown = useLive().doubt === null;
  const { icon: Icon, color } = severity === null ? fineLooks(isKnown) : looks[severity];
  return (
    <>
      <Icon size={16} color={color} aria-hidden />
      <Text size="sm" fw={500}>
        {ok === true ? problems.fine : problems.broken}
      </Text>
      <Text size="sm" c="dimmed">
        {parts.join(' · ')}
      </Text>
    </>
  );
}
