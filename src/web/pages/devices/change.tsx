// A value that became another one, within a <dl>.
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { changeText } from './change-text.ts';

const isSet = (value: unknown) => value !== undefined && value !== null;

export function Change({ name, old, now }: { name: string; old: unknown; now: unknown }) {
  const [before, after] = [old, now].map(value => (isSet(value) ? changeText(value) : null));
  // What an entry repeats of what it is about.
  const isSame = before === after;
  return (
    <div>
      <dt>
        <bdi>{name}</bdi>
      </dt>
      <dd>
        {!isSame && <Side text={before} />}
        {!isSame && isSet(before) && ' → '}
        {isSet(after) ? <Side text={after} /> : texts.devices.page.history.gone}
      </dd>
    </div>
  );
}

function Side({ text }: { text: string | null | undefined }) {
  if (text === null || text === undefined) return null;
  return (
    <bdi className="lines">
      <Told>{text}</Told>
    </bdi>
  );
}
