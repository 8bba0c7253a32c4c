// Names and values beside each other, as many columns as there is room for.
import type { ReactNode } from 'react';
import './integrations.css';

/** A wide one has a row of its own. */
export type Fact = readonly [name: string, value: ReactNode, width?: 'wide'];

export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl className="facts">
      {facts.map(([name, value, width]) => (
        <div key={name} data-width={width}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
