/**
 * What `JSON.parse` hides, seen in one pass over the text before it is parsed: how deep it nests, and how many keys the
 * request object (or each element of a batch) was written with, so that a key written twice is noticed.
 */
export interface Outline {
  readonly depth: number;
  /** Keys as written, by element of the outermost array; a single object is element 0. Meaningless for invalid JSON. */
  readonly keysWritten: readonly number[];
}

const QUOTE = 34;
const BACKSLASH = 92;

export function outlineOf(text: string): Outline {
  const keysWritten: number[] = [0];
  let keyDepth = 0;
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case 0x7b: // {
      case 0x5b: // [
        if (depth === 0) keyDepth = text.charCodeAt(at) === 0x7b ? 1 : 2;
        depth++;
        if (depth > deepest) deepest = depth;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
      case 0x3a: // :
        if (depth === keyDepth) keysWritten[keysWritten.length - 1] = (keysWritten.at(-1) ?? 0) + 1;
        break;
      case 0x2c: // ,
        if (depth === 1 && keyDepth === 2) keysWritten.push(0);
        break;
    }
  }
  return { depth: deepest, keysWritten };
}

/** The place of the quote that ends the string begun at `start`; the text's end when none does. */
function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
}
