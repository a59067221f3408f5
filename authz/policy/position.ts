/** A place in a text file; both count from 1, columns in characters as editors show them. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Cedar counts UTF-8 bytes; people count lines and columns. An offset past the end is the end. */
export function positionAtByte(text: string, byteOffset: number): Position {
  return positionOf(Buffer.from(text, 'utf8').subarray(0, byteOffset).toString('utf8'));
}

/** The position just after `before`. */
function positionOf(before: string): Position {
  const lines = before.split('\n');
  return { line: lines.length, column: [...(lines.at(-1) ?? '')].length + 1 };
}
