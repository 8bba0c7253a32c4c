// The alerts that docs/metrics.md starts users with ask for metrics and labels that there are.
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { type MetricSpec, metricCatalogue } from '../../src/api/metric-catalogue.ts';
import { metricsMarkdown } from '../../src/api/metrics-document.ts';

const blocks = [...metricsMarkdown().matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => parse(text));
const rules: { alert: string; expr: string; annotations?: { summary: string } }[] = blocks[1].groups[0].rules;
const catalogue = new Map<string, MetricSpec>(Object.entries(metricCatalogue));

test('docs/metrics.md tells Prometheus how to ask, and has alerts for what matters most', () => {
  expect(blocks[0].scrape_configs[0].authorization).toHaveProperty('credentials_file');
  const names = rules.map(({ alert }) => alert);
  for (const alert of ['PostureSyncNotSucceeded', 'PostureEvidenceExpires', 'PostureViewStale'])
    expect(names).toContain(alert);
});

test.each(rules)('$alert asks for metrics and labels that there are', ({ expr, annotations }) => {
  const asked = [...expr.matchAll(/(posture_sync_\w+?)(?:_bucket)?\b(?:\{([^}]*)\})?/g)];
  expect(asked.length).toBeGreaterThan(0);
  const specs = asked.map(([, name = '', labels = '']) => {
    const spec = catalogue.get(name);
    if (spec === undefined) throw new Error(`there is no ${name}`);
    for (const [, label] of labels.matchAll(/(\w+)=/g)) expect(spec.labels).toContain(label);
    return spec;
  });
  for (const [, by = ''] of expr.matchAll(/by \(([^)]*)\)/g))
    for (const label of by.split(', ').filter(each => !['instance', 'le'].includes(each)))
      for (const spec of specs) expect(spec.labels).toContain(label);
  for (const [, label] of annotations?.summary.matchAll(/\$labels\.(\w+)/g) ?? [])
    if (label !== 'instance') for (const spec of specs) expect(spec.labels).toContain(label);
});
