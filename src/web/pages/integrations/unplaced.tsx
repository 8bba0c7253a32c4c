// A failure that no field of a form tells.
import { Failure } from '../../parts/failure.tsx';
import { type FieldErrors, isOfFields } from './settings-values.ts';

/** @param errors what the fields tell of it */
export function Unplaced({ error, errors }: { error: unknown; errors: FieldErrors }) {
  if (error === null || (isOfFields(error) && errors[''] === undefined)) return null;
  return <Failure error={error} />;
}
