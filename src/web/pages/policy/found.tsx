// What was found where a condition is not true, or not known; a time as an age.
import type { Schemas } from '../../api/client.ts';
import { Age } from '../../parts/age.tsx';
import { texts } from '../../texts.ts';

const time = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

export function Found({ of: { found, unknown } }: { of: Pick<Schemas['UnmetCondition'], 'found' | 'unknown'> }) {
  const isTime = typeof found === 'string' && time.test(found) && unknown === null;
  if (!isTime) return <bdi>{texts.policy.found(found, unknown)}</bdi>;
  return (
    <>
      {texts.policy.trial.found} <Age at={found} />
    </>
  );
}
