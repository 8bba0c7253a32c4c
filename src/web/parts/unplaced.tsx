// A failure that no field of a form tells.
import { Failure } from './failure.tsx';
import { type FieldErrors, isOfFields } from './refusal.ts';

/** @param errors what the fields tell of it */
export function Unplaced({ error, errors }: { error: unknown; errors: FieldErrors }) {
  if (error === null || (isOfFields(error) && errors[''] === undefined)) return null;
  return <Failure error={error} />;
}
