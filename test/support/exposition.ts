// Reads Prometheus's text format, strictly: what it would refuse fails here.
export interface Exposed {
  /** By metric, in the order told. */
  types: Map<string, string>;
  /** By series, as in `name{a="b"}` with labels as they were told. */
  samples: Map<string, number>;
}

const labelled = /^([a-z_][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/;

/** @throws for what is no exposition: samples without a type, apart from their metric, twice, or without a value */
export function readExposition(text: string): Exposed {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const found: Exposed = { types: new Map(), samples: new Map() };
  let current = '';
  for (const line of text.split('\n').filter(each => each !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'TYPE') {
      if (found.types.has(name)) throw new Error(`${name} comes twice`);
      found.types.set(name, rest);
      current = name;
    }
    if (kind !== undefined) continue;
    const [, metric = '', labels = '', value = ''] = labelled.exec(line) ?? [];
    const base = found.types.get(current) === 'histogram' ? metric.replace(/_(bucket|sum|count)$/, '') : metric;
    if (metric === '' || base !== current) throw new Error(`not a sample of ${current}: ${line}`);
    const series = labels === '' ? metric : `${metric}{${labels}}`;
    if (found.samples.has(series)) throw new Error(`${series} comes twice`);
    const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
    if (Number.isNaN(number)) throw new Error(`no number: ${line}`);
    found.samples.set(series, number);
  }
  return found;
}
