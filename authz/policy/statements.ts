/** One policy or template as it stands in its file. */
export interface Statement {
  /** From its first annotation or keyword to its `;`. */
  readonly text: string;
  /** UTF-8 bytes of the file before it, to translate Cedar's offsets. */
  readonly byteOffset: number;
}

/**
 * Cuts a .cedar file into statements at each `;` outside strings and comments, in the file's order
 * (Cedar's own `policySetTextToParts` sorts them by id and forgets where they stood).
 * Faulty text yields a statement that Cedar refuses with the right offset.
 */
export function statementsOf(file: string): Statement[] {
  const found: Statement[] = [];
  let start = skipBlank(file, 0);
  for (let at = start; at < file.length; ) {
    const next = skipToken(file, at);
    if (file[at] === ';') {
      found.push(statement(file, start, next));
      start = skipBlank(file, next);
      at = start;
    } else at = next;
  }
  if (start < file.length) found.push(statement(file, start, file.length));
  return found;
}

function statement(file: string, start: number, end: number): Statement {
  return { text: file.slice(start, end), byteOffset: Buffer.byteLength(file.slice(0, start), 'utf8') };
}

/** The index after the string, comment or single character at `at`. */
function skipToken(text: string, at: number): number {
  if (text.startsWith('//', at)) return endOfLine(text, at);
  if (text[at] !== '"') return at + 1;
  for (let index = at + 1; index < text.length; index++) {
    if (text[index] === '\\') index++;
    else if (text[index] === '"') return index + 1;
  }
  return text.length;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    if (/\s/.test(text[at] ?? '')) at++;
    else if (text.startsWith('//', at)) at = endOfLine(text, at);
    else break;
  }
  return at;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}
