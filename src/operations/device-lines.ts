// Lines of devices as they come in, from a file or by HTTP: ndjson, an object a line. A line that cannot be read is rejected alone,
// with its number and why.
import type { ImportLine } from './device-import.ts';

export const longestLine = 1024 * 1024;

/** @returns a line for each object */
export async function* readJsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<ImportLine> {
  let number = 0;
  for await (const bytes of splitLines(chunks)) {
    const line = readJsonLine(bytes, ++number);
    if (line) yield line;
  }
}

/** @returns null for a blank line */
export function readJsonLine(bytes: Buffer, line: number): ImportLine | null {
  if (bytes.length > longestLine) return { line, message: 'the line is longer than 1 MiB' };
  const text = utf8(bytes)?.trim();
  if (text === undefined) return { line, message: 'the line is not UTF-8' };
  if (text === '') return null;
  try {
    return { line, record: JSON.parse(text) };
  } catch {
    return { line, message: 'the line is not JSON' };
  }
}

/** Lines without their ends. One that is too long comes cut, a byte longer than is allowed. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
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

/** Without a byte order mark. @returns null for what is no UTF-8 */
export function utf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
