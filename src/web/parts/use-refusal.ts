// What the service refused of a form, at its fields: each is told until just that field is typed anew, also while others are mended.
import { useState } from 'react';
import { type FieldErrors, refusalByField } from './refusal.ts';

/**
 * @param error of what was tried last; null: nothing was refused
 * @param values what stands in the form, by field
 * @returns what is wrong by field; `''` is of none in particular
 */
export function useRefusal(error: unknown, values: Readonly<Record<string, unknown>>): FieldErrors {
  const [seen, setSeen] = useState<{ error: unknown; values: Readonly<Record<string, unknown>> }>({
    error: null,
    values,
  });
  if (error !== seen.error) setSeen({ error, values });
  const isAsRefused = (field: string) => JSON.stringify(values[field]) === JSON.stringify(seen.values[field]);
  const refused = Object.entries(refusalByField(seen.error, Object.keys(values)));
  return Object.fromEntries(refused.filter(([field]) => isAsRefused(field)));
}
