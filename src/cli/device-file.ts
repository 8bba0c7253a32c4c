// Files of devices: ndjson (an object a line) and csv (a header, commas, lists by `;`). A line that cannot be read is
// rejected alone, with its number and why; what a record may hold is for the operation to judge.
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse/sync';
import { AppError } from '../errors.ts';
import type { ImportLine } from '../operations/device-import.ts';
import { longestLine, readJsonLine, splitLines, utf8 } from '../operations/device-lines.ts';

export type DeviceFormat = 'ndjson' | 'csv';

const columns = [
  'id',
  'hostname',
  'serialNumbers',
  'addresses',
  'certificateFingerprints',
  'user',
  'os',
  'tags',
] as const;
type Column = (typeof columns)[number];
const lists: ReadonlySet<Column> = new Set(['serialNumbers', 'addresses', 'certificateFingerprints', 'tags']);

/**
 * Reads a file of devices line by line.
 * @param file a path, or `-` for standard input
 * @param format null: by the name's ending, else by the first character
 * @throws AppError invalid when the file cannot be read, or has no usable header
 */
export async function* readDeviceFile(
  file: string,
  format: DeviceFormat | null,
  stdin: Readable,
): AsyncGenerator<ImportLine> {
  const source = file === '-' ? stdin : createReadStream(file);
  const chunks = readable(file, source)[Symbol.asyncIterator]();
  const first = await chunks.next();
  const head = first.done ? Buffer.alloc(0) : first.value;
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff))
    throw new AppError('invalid', `${file} is UTF-16; save it as UTF-8`);
  const all = (async function* () {
    yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  })();
  const found = format ?? formatOf(file, head);
  yield* found === 'csv' ? readCsv(file, all) : readNdjson(file, all);
}

async function* readable(file: string, source: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of source) yield Buffer.from(chunk);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new AppError('invalid', `${file} cannot be read (${code})`);
  }
}

function formatOf(file: string, head: Buffer): DeviceFormat {
  if (/\.csv$/i.test(file)) return 'csv';
  if (/\.(ndjson|jsonl|json)$/i.test(file)) return 'ndjson';
  return /^\ufeff?\s*[{[]/.test(head.toString('utf8', 0, 200)) ? 'ndjson' : 'csv';
}

async function* readNdjson(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<ImportLine> {
  let number = 0;
  for await (const bytes of splitLines(chunks)) {
    number++;
    const line = readJsonLine(bytes, number);
    if (number === 1 && bytes[0] === 0x5b)
      throw new AppError('invalid', `${file} holds a JSON list; expected is an object a line, as jq -c '.[]' makes it`);
    if (line) yield line;
  }
}

/**
 * Each line is parsed for itself: no field of a device has line breaks, and so a quote that is never closed costs its own
 * line and not the rest of the file.
 */
async function* readCsv(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<ImportLine> {
  let header: readonly Column[] | null = null;
  let line = 0;
  for await (const bytes of splitLines(chunks)) {
    line++;
    const cells = readCsvLine(bytes);
    if (cells === null) continue;
    if ('message' in cells) yield { line, ...cells };
    else if (header === null) header = readHeader(file, cells.cells);
    else yield csvRecord(header, cells.cells, line);
  }
  if (header === null)
    throw new AppError(
      'invalid',
      `${file} has no header; expected is one with ${columns.join(', ')}, separated by commas`,
    );
}

/** @returns null for a blank line */
function readCsvLine(bytes: Buffer): { cells: string[] } | { message: string } | null {
  if (bytes.length > longestLine) return { message: 'the line is longer than 1 MiB' };
  const text = utf8(bytes);
  if (text === null) return { message: 'the line is not UTF-8' };
  if (text.trim() === '') return null;
  if (!text.includes('"')) return { cells: text.split(',').map(cell => cell.trim()) };
  try {
    const [cells = []] = parse(text, { trim: true, relax_column_count: true });
    return { cells };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    if (error.code === 'CSV_QUOTE_NOT_CLOSED') return { message: 'a quoted field does not end in its line' };
    return { message: 'a quote stands where none may: quote the whole field, and double the quotes in it' };
  }
}

function readHeader(file: string, names: readonly string[]): readonly Column[] {
  const fail = (what: string) =>
    new AppError(
      'invalid',
      `the header of ${file} ${what}; it may name ${columns.join(', ')} in any order, separated by commas`,
    );
  if (names.length === 1 && names[0]?.includes(';')) throw fail('is separated by ;');
  const header = names.map(name => {
    const column = columns.find(known => known.toLowerCase() === name.toLowerCase());
    if (!column) throw fail(`names "${name.slice(0, 40)}"`);
    return column;
  });
  if (!header.includes('id')) throw fail('does not name id');
  if (new Set(header).size < header.length) throw fail('names a column twice');
  return header;
}

/** An empty cell keeps what is there, the word null clears it. */
function csvRecord(header: readonly Column[], cells: readonly string[], line: number): ImportLine {
  if (cells.length !== header.length)
    return { line, message: `the line has ${cells.length} fields, the header ${header.length}` };
  const device: Partial<Record<Column, string | string[] | null>> = {};
  for (const [i, column] of header.entries()) {
    const cell = cells[i] ?? '';
    if (cell === '') continue;
    if (cell === 'null') device[column] = null;
    else device[column] = lists.has(column) ? listOf(cell) : cell;
  }
  return { line, record: device };
}

function listOf(cell: string): string[] {
  return cell
    .split(';')
    .map(entry => entry.trim())
    .filter(entry => entry !== '');
}
