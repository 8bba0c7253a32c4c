// Why a device gains or loses an access: the rule, or the postures and of these each condition that decides it, with what it expects and
// what was found.
import { Text } from '@mantine/core';
import type { Schemas } from '../../api/client.ts';
import { Age } from '../../parts/age.tsx';
import { texts } from '../../texts.ts';
import { expectedOf } from '../devices/expected.ts';
import { Found } from './found.tsx';

type Change = Schemas['PolicyImpactChange'];
const mostShown = 3;

export function Why({ of: { change, outcome, rule, postures, reasons, reasonsTotal } }: { of: Change }) {
  const words = texts.policy.impact;
  const shown = (reasons ?? []).slice(0, mostShown);
  const more = (reasonsTotal ?? 0) - shown.length;
  return (
    <>
      <Text size="sm">{words.reason(change, outcome, rule, postures)}</Text>
      {change === 'gains' && outcome === 'posture' && (
        <Text size="xs" c="dimmed">
          {words.until(postures)}
        </Text>
      )}
      {shown.length > 0 && (
        <ul className="policy-why">
          {shown.map(reason => (
            <Condition key={`${reason.posture} ${reason.condition}`} reason={reason} />
          ))}
        </ul>
      )}
      {shown.length > 0 && more > 0 && (
        <Text size="xs" c="dimmed">
          {words.moreConditions(more)}
        </Text>
      )}
    </>
  );
}

function Condition({ reason }: { reason: Schemas['UnmetCondition'] }) {
  const { value, confirmed } = expectedOf(reason);
  const { integration, confirmedAt } = reason;
  const words = texts.policy.impact;
  return (
    <li>
      <span className="code">
        <bdi>{reason.condition}</bdi>
      </span>
      <Text size="xs" c="dimmed">
        {words.expected} <bdi>{[value, confirmed].filter(part => part !== null).join(', ')}</bdi>; <Found of={reason} />
        {integration !== null && (
          <>
            , {texts.policy.trial.from} <bdi>{integration}</bdi>
          </>
        )}
        {confirmedAt !== null && (
          <>
            , {texts.policy.trial.confirmed} <Age at={confirmedAt} />
          </>
        )}
      </Text>
    </li>
  );
}
