// A value of the audit log as people read it on the page of a device: no JSON. Pure.

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @returns as in `a, b` of a list, `name: value` of what has names; of conditions that are not true one a line */
export function changeText(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.map(changeText).join(value.some(isRecord) ? '\n' : ', ') || '–';
  if (!isRecord(value)) return String(value);
  if (typeof value.condition === 'string') return value.condition;
  const named = Object.entries(value).map(([name, each]) => `${name}: ${changeText(each)}`);
  return named.join(', ') || '–';
}
