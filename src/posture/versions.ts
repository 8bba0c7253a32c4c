// Versions, compared as Tailscale's cmpver does, which is a simplified Debian order: a version is runs of text and runs of
// digits in turn, compared run by run. Text goes by its characters, digits by the number that they are; what is missing
// counts as no text or as zero. So 1.100 > 1.55, and 12 < 12.0, since the second has more text. Pure.

const zero = 0x30;
const nine = 0x39;

/** Digits are the ASCII ones alone; others are text. */
function isDigit(code: number): boolean {
  return code >= zero && code <= nine;
}

/** Code units, moved so that they sort as code points (and as UTF-8 does): the halves of pairs behind all others. */
function rank(code: number): number {
  if (code < 0xd800) return code;
  return code >= 0xe000 ? code - 0x800 : code + 0x2000;
}

/**
 * @returns less than 0 where a is the older version, more than 0 where b is, 0 where they are the same version, which
 *   '1.0' and '1.00' are. Takes time in proportion to the shorter text and makes no garbage
 */
export function compareVersions(a: string, b: string): number {
  const endA = a.length;
  const endB = b.length;
  let i = 0;
  let j = 0;
  while (i < endA || j < endB) {
    for (;;) {
      const codeA = i < endA ? a.charCodeAt(i) : zero;
      const codeB = j < endB ? b.charCodeAt(j) : zero;
      // At the end of the text, or of the version: a run that is over comes before one that goes on.
      if (isDigit(codeA) || isDigit(codeB)) {
        if (!isDigit(codeA)) return 1;
        if (!isDigit(codeB)) return -1;
        break;
      }
      if (codeA !== codeB) return rank(codeA) - rank(codeB);
      i++;
      j++;
    }
    while (i < endA && a.charCodeAt(i) === zero) i++;
    while (j < endB && b.charCodeAt(j) === zero) j++;
    // Without leading zeros the longer number is the larger one, and of two as long the first digit that differs decides.
    let order = 0;
    for (;;) {
      const moreA = i < endA && isDigit(a.charCodeAt(i));
      const moreB = j < endB && isDigit(b.charCodeAt(j));
      if (!moreA || !moreB) {
        if (moreA !== moreB) return moreA ? 1 : -1;
        break;
      }
      if (order === 0) order = a.charCodeAt(i) - b.charCodeAt(j);
      i++;
      j++;
    }
    if (order !== 0) return order;
  }
  return 0;
}
