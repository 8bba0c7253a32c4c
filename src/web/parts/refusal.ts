// What the service refused of a form, by the fields that are at fault. Pure.

/** By the name of a field; `''` is of none in particular. */
export type FieldErrors = Readonly<Record<string, string>>;

/** @returns whether a failure says which fields are wrong */
export function isOfFields(error: unknown): boolean {
  return error instanceof Error && 'fields' in error && Object.keys(error.fields as FieldErrors).length > 0;
}

/** @param fields those of the form @returns a refusal by its fields; what is at fault elsewhere is of none */
export function refusalByField(error: unknown, fields: readonly string[]): FieldErrors {
  if (!(error instanceof Error) || !('status' in error)) return {};
  if (!isOfFields(error) || !('fields' in error)) return error.status === 400 ? { '': error.message } : {};
  const found: Record<string, string> = {};
  for (const [sent, said] of Object.entries(error.fields as FieldErrors)) {
    // Of a list `settings.siteIds.0`.
    const [name = ''] = sent.replace(/^settings\./, '').split('.');
    found[fields.includes(name) ? name : ''] = fields.includes(name) ? said : `${sent}: ${said}`;
  }
  return found;
}
