// How a whole falls into parts now: a bar. A part that is not none is seen, however small; what is unknown is hatched, and so is what was
// good before nothing was known any more.
import { useLive } from '../../api/live.ts';
import './charts.css';
import type { ChartTone } from './series.ts';

export interface Part {
  key: string;
  label: string;
  count: number;
  tone: ChartTone;
}

interface ProportionProps {
  /** What the whole is. */
  label: string;
  parts: readonly Part[];
  height?: number;
}

const figure = new Intl.NumberFormat('en');

export function Proportion({ label, parts, height = 10 }: ProportionProps) {
  const knownTone = useKnownTone();
  const shown = parts.filter(({ count }) => count > 0);
  const told = parts.map(({ label: name, count }) => `${name} ${figure.format(count)}`).join(', ');
  return (
    <div className="proportion" role="img" aria-label={`${label}: ${told}`} style={{ height }}>
      {shown.map(({ key, count, tone }) => (
        <span key={key} className="proportion-part" data-tone={knownTone(tone)} style={{ flexGrow: count }} />
      ))}
    </div>
  );
}

/** @returns a function that gives the tone in which what stands so now is shown */
export function useKnownTone(): (tone: ChartTone) => ChartTone {
  const isKnown = useLive().doubt === null;
  return tone => (tone === 'good' && !isKnown ? 'unknown' : tone);
}
