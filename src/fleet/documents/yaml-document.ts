import type { ErrorObject, ValidateFunction } from 'ajv';
import { isCollection, isMap, isNode, LineCounter, parseDocument } from 'yaml';
import { DomainError } from '../../errors.js';
import { problems } from '../../validate.js';

/** Enough for tens of thousands of entries; more is a mistake. */
const MOST_CHARACTERS = 8_000_000;

/** A place inside a document: keys and indexes from the top. */
export type Place = readonly (string | number)[];

/** A YAML document whose every part knows its line. */
export interface YamlDocument<T> {
  readonly file: string;
  readonly value: T;
  /** `file:line:column` of a part, or of the nearest part above it that exists. */
  at(place: Place): string;
}

/** Every fault found, one line each, with its place. */
export class Faults {
  readonly lines: string[] = [];

  add(place: string, message: string): void {
    this.lines.push(`${place} ${message}`);
  }

  /** @throws DomainError `DocumentRefused` with all faults together. */
  raise(): void {
    if (this.lines.length > 0) throw new DomainError('DocumentRefused', this.lines.join('\n'), { faults: this.lines });
  }
}

/**
 * Reads one YAML 1.2 document and checks it against a schema; what is wrong goes to `faults` and the answer is then undefined.
 * An empty file counts as an empty map.
 */
export function readYaml<T>(
  file: string,
  text: string,
  validate: ValidateFunction<T>,
  faults: Faults,
): YamlDocument<T> | undefined {
  if (text.length > MOST_CHARACTERS) {
    faults.add(file, `is longer than ${MOST_CHARACTERS} characters`);
    return undefined;
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  for (const fault of document.errors) faults.add(position(fault.pos[0]), fault.message);
  if (document.errors.length > 0) return undefined;
  // Aliases are refused beyond a small number: a few lines must not become gigabytes.
  const value: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
  const at = (place: Place) => position(offsetOf(document.contents, place));
  if (!validate(value)) {
    for (const fault of validate.errors ?? []) faults.add(at(placeOf(fault)), problems([fault], 'document')[0] ?? '');
    return undefined;
  }
  return { file, value, at };
}

function offsetOf(top: unknown, place: Place): number {
  let node = top;
  let offset = 0;
  for (const step of place) {
    if (!isCollection(node)) break;
    const pair = isMap(node)
      ? node.items.find((item) => isNode(item.key) && String(item.key) === String(step))
      : undefined;
    const next = pair ? pair.value : node.get(step, true);
    const start = pair && isNode(pair.key) ? pair.key.range?.[0] : isNode(next) ? next.range?.[0] : undefined;
    if (start === undefined) break;
    offset = start;
    node = next;
  }
  return offset;
}

function placeOf(fault: ErrorObject): Place {
  const place = fault.instancePath
    .split('/')
    .slice(1)
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step.replaceAll('~1', '/').replaceAll('~0', '~')));
  const extra: unknown = fault.params.additionalProperty;
  return typeof extra === 'string' ? [...place, extra] : place;
}
