/**
 * Cedar's parser is recursive, and a stack overflow inside WebAssembly leaves that instance unusable for good: every later
 * decision of the process would fail. So text of strangers is measured before Cedar sees it. It overflows somewhere above
 * 200 levels; these bounds end far below.
 */
const MAX_BRACKETS = 16;
const MAX_OPERATORS = 60;
const MAX_PATH = 8;

const TOKEN = /"(?:[^"\\]|\\[\s\S])*(?:"|$)|\/\/[^\n]*|\w+|&&|\|\||\S/g;
const OPERATORS: ReadonlySet<string> = new Set(['&&', '||', '+', '-', '*', '!', 'if', 'has', 'in', 'like', 'is']);

/** Why a statement is too deep for Cedar to be given; undefined when it is not. */
export function tooDeep(statement: string): string | undefined {
  let brackets = 0;
  let operators = 0;
  let path = 0;
  for (const [token] of statement.matchAll(TOKEN)) {
    if ('([{'.includes(token)) brackets += 1;
    else if (')]}'.includes(token)) brackets -= 1;
    else if (OPERATORS.has(token)) operators += 1;
    path = token === '.' ? path + 1 : /^\w/.test(token) ? path : 0;
    if (brackets > MAX_BRACKETS) return `more than ${MAX_BRACKETS} brackets in each other`;
    if (operators > MAX_OPERATORS) return `more than ${MAX_OPERATORS} operators in one policy`;
    if (path > MAX_PATH) return `more than ${MAX_PATH} attributes in a row`;
  }
  return undefined;
}
