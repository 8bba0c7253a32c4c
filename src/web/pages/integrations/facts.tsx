// Names and values beside each other, as many columns as there is room for; and those of an integration that its card and its page share.
import type { ReactNode } from 'react';
import { Age } from '../../parts/age.tsx';
import { texts } from '../../texts.ts';
import './integrations.css';
import { figure, type Integration, noNextOf, unmatchedTotal, wasRead } from './words.ts';

const words = texts.integrations.facts;

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

/** @returns when it was last tried and read, and when it is next */
export function timesOf({ status, lastSuccess, nextSync, state }: Integration): Fact[] {
  return [
    [words.lastSuccess, <Age key="success" at={lastSuccess} />],
    [words.lastAttempt, <Age key="attempt" at={status?.lastSync} />],
    [words.nextRun, <Age key="next" at={nextSync} never={noNextOf(state)} />],
  ];
}

/** @returns how many agents it has, matched and not; empty where none was ever read, of which nothing is known */
export function agentsOf(integration: Integration): Fact[] {
  const { status, lastSuccess } = integration;
  if (status === undefined || (lastSuccess === null && !wasRead(integration))) return [];
  return [
    [words.agents, figure(status.providerHostCount)],
    [words.matched, figure(status.matchedCount)],
    [words.unmatched, figure(unmatchedTotal(integration))],
  ];
}
