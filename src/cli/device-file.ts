// Files of devices: ndjson (an object a line) and csv (a header, commas, lists by `;`). A line that cannot be read is
// rejected alone, with its number and why; what a record may hold is for the operation to judge.
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { AppError } from '../errors.ts';
import type { ImportLine } from '../operations/devices.ts';

export type DeviceFormat = 'ndjson' | 'csv';

const columns = ['id', 'hostname', 'serialNumbers', 'user', 'os', 'tags'] as const;
type Column = (typeof columns)[number];
const lists: ReadonlySet<Column> = new Set(['serialNumbers', 'tags']);

const longestLine = 1024 * 1024;

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

/** @returns null for a blank line */
function readJsonLine(bytes: Buffer, line: number): ImportLine | null {
  if (bytes.length > longestLine) return { line, message: 'the line is longer than 1 MiB' };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).trim();
  } catch {
    return { line, message: 'the line is not UTF-8' };
  }
  if (text === '') return null;
  try {
    return { line, record: JSON.parse(text) };
  } catch {
    return { line, message: 'the line is not JSON' };
  }
}

/** Lines without their ends. One that is too long comes cut, a byte longer than is allowed. */
async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer) => {
    if (length <= longestLine) parts.push(part.subarray(0, longestLine + 1 - length));
    length += part.length;
  };
  const take = () => {
    const line = Buffer.concat(parts);
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      add(chunk.subarray(from, end));
      from = end + 1;
      yield take();
    }
    add(chunk.subarray(from));
  }
  if (length > 0) yield take();
}

/** What csv-parse gives with `info`. */
interface ParsedRow {
  record: string[];
  info: { lines: number };
}

async function* readCsv(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<ImportLine> {
  const rejected: ImportLine[] = [];
  const parser = parse({
    bom: true,
    info: true,
    trim: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: longestLine,
    on_skip: error => {
      if (error) rejected.push({ line: lineOf(error), message: csvMessage(error) });
      return undefined;
    },
  });
  const fed = feed(chunks, parser);
  // Told when the rows are read out; until then it must not count as unhandled.
  fed.catch(() => {});
  let header: readonly Column[] | null = null;
  try {
    for await (const row of parser as AsyncIterable<ParsedRow>) {
      yield* rejected.splice(0);
      if (header === null) header = readHeader(file, row.record);
      else yield csvLine(header, row);
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    rejected.push({ line: lineOf(error), message: csvMessage(error) });
  }
  yield* rejected;
  await fed;
  if (header === null)
    throw new AppError('invalid', `${file} is empty; expected is a header with ${columns.join(', ')}`);
}

async function feed(chunks: AsyncIterable<Buffer>, parser: ReturnType<typeof parse>): Promise<void> {
  try {
    for await (const chunk of chunks) {
      if (parser.destroyed) return;
      if (!parser.write(chunk)) await new Promise(resolve => parser.once('drain', resolve).once('close', resolve));
    }
    parser.end();
  } catch (error) {
    parser.destroy(error instanceof Error ? error : undefined);
    throw error;
  }
}

function lineOf(error: CsvError): number {
  return typeof error.lines === 'number' ? error.lines : 0;
}

function csvMessage(error: CsvError): string {
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return 'a quoted field never ends; the rest of the file was not read';
  if (error.code === 'CSV_MAX_RECORD_SIZE') return 'the record is longer than 1 MiB; is a quote not closed?';
  return 'a quote stands where none may; a field with quotes must be quoted as a whole, with its quotes doubled';
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
function csvLine(header: readonly Column[], { record, info }: ParsedRow): ImportLine {
  const line = info.lines;
  if (record.length !== header.length)
    return { line, message: `the line has ${record.length} fields, the header ${header.length}` };
  if (record.some(cell => cell.includes('\ufffd'))) return { line, message: 'the line is not UTF-8' };
  const device: Partial<Record<Column, string | string[] | null>> = {};
  for (const [i, column] of header.entries()) {
    const cell = record[i] ?? '';
    if (cell === '') continue;
    if (cell === 'null') device[column] = null;
    else if (!lists.has(column)) device[column] = cell;
    else device[column] = listOf(cell);
  }
  return { line, record: device };
}

function listOf(cell: string): string[] {
  return cell
    .split(';')
    .map(entry => entry.trim())
    .filter(entry => entry !== '');
}
