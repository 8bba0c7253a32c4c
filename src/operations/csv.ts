// Lines of CSV by RFC 4180 that are also harmless: what a spreadsheet would take for a formula is text there, whoever wrote it.

/** A spreadsheet reckons what begins so; what it would make of a host name is nobody's wish. */
const formula = /^[\t\r\n ]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/;

/** @param cells null is empty @returns one line with its end. A text that looks like a formula gets an apostrophe in front */
export function csvLine(cells: readonly (string | number | boolean | null)[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

function cell(value: string | number | boolean | null): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  const text = formula.test(value) || /^[\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
