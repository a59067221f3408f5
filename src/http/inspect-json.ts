import { isStorable } from '../validate.js';

/** What JSON.parse lets pass and we do not; undefined: nothing. `text` is known to be JSON. Linear, without recursion. */
export function inspectJson(text: string, deepest: number): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let name = 'body';
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      if (open.length > deepest) return `is nested deeper than ${deepest} levels`;
    } else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      const literal = text.slice(at, end + 1);
      // Only an escape can name what UTF-8 or JSON's grammar would have refused.
      if (literal.includes('\\u') && !isStorable(JSON.parse(literal) as string))
        return `holds U+0000 or a lone surrogate at ${name}`;
      const keys = open.at(-1);
      if (keys && isKey(text, end)) {
        const key = JSON.parse(literal) as string;
        if (key === '__proto__') return 'has a member named __proto__';
        if (keys.has(key)) return `names ${shown(key)} twice`;
        keys.add(key);
        name = shown(key);
      }
      at = end;
    }
  }
  return undefined;
}

/** Short enough for an error's text. */
const shown = (key: string) => JSON.stringify(key.slice(0, 64));

/** The index of the closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** In JSON, a string before a colon is a member's name. */
function isKey(text: string, end: number): boolean {
  let at = end + 1;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return text[at] === ':';
}
