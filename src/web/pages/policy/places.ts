// Places in a policy's text, as the service names them.
import type { Text } from '@codemirror/state';

/** @param line from 1 @param column from 1; what lies outside of the text becomes the nearest place within */
export function offsetIn(doc: Text, line: number, column: number): number {
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  // A byte order mark is no column.
  const mark = found.number === 1 && found.text.startsWith('\ufeff') ? 1 : 0;
  return Math.min(found.from + mark + Math.max(column, 1) - 1, found.to);
}
