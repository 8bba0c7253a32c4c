// Entity tags (RFC 9110): whether what a client has already is what it would get again.

/** @returns the tags that a header names, without quotes, which some clients leave out; null for `*` */
export function tagsOf(header: string): string[] | null {
  if (header.trim() === '*') return null;
  return header.split(',').map(tag => tag.trim().replace(/^"(.*)"$/, '$1'));
}

/**
 * @param header `If-None-Match`; a weak tag counts as the strong one, since nothing is put together of parts
 * @param tag of what there is, without quotes
 * @returns whether 304 is the answer
 */
export function isKnown(header: string | undefined, tag: string): boolean {
  if (header === undefined || header === '') return false;
  const tags = tagsOf(header);
  return tags === null || tags.some(known => known.replace(/^W\/"(.*)"$/, '$1') === tag);
}
