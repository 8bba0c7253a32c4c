// A policy's text as plain JSON, for clients that read nothing else: without comments and trailing commas, and otherwise as it was
// written, so that no number loses a digit and no name is lost.
import { createScanner } from 'jsonc-parser';

/** The scanner's numbers for tokens: the package's enumeration does not exist at run time. */
const kinds = { openBracket: 3, closeBrace: 2, closeBracket: 4, comma: 5, lineComment: 12, blockComment: 13, end: 17 };

/** @param text HuJSON without errors @returns JSON, with the spaces and line breaks of the text */
export function standardJson(text: string): string {
  const written = text.replace(/^\ufeff/, '');
  const scanner = createScanner(written, false);
  const parts: string[] = [];
  let comma = -1;
  for (let kind = Number(scanner.scan()); kind !== kinds.end; kind = Number(scanner.scan())) {
    if (kind === kinds.lineComment || kind === kinds.blockComment) continue;
    const token = written.slice(scanner.getTokenOffset(), scanner.getTokenOffset() + scanner.getTokenLength());
    if ((kind === kinds.closeBrace || kind === kinds.closeBracket) && comma >= 0) parts[comma] = '';
    if (token.trim() !== '') comma = kind === kinds.comma ? parts.length : -1;
    parts.push(token);
  }
  return parts.join('');
}

/** @returns whether it begins as a list does */
export function isList(text: string): boolean {
  return Number(createScanner(text.replace(/^\ufeff/, ''), true).scan()) === kinds.openBracket;
}
