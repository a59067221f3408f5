import { isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { DomainError } from '../../src/errors.js';
import { problems } from '../../src/validate.js';
import { type CatalogDocument, isCatalogDocument } from './document.js';
import { type Fault, faultsOf } from './faults.js';

/** A document longer than this is not a catalog. */
const MAX_CHARACTERS = 1_000_000;

/**
 * Reads and checks a catalog document (broker.md 13).
 * @throws DomainError `BadCatalog`: its message and `facts.faults` list every fault as `file:line:column message`.
 */
export function readCatalog(text: string, file: string): CatalogDocument {
  if (text.length > MAX_CHARACTERS) throw badCatalog([`${file}:1:1 longer than ${MAX_CHARACTERS} characters`]);
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines, merge: true, uniqueKeys: true });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  if (yaml.errors.length > 0)
    throw badCatalog(yaml.errors.map((error) => `${place(error.pos[0])} ${error.message.split('\n')[0]}`));
  const value: unknown = yaml.toJS({ maxAliasCount: 1000 });
  const at = (path: Fault['path']) => place(offsetOf(yaml.contents, path));
  if (!isCatalogDocument(value)) {
    const faults = isCatalogDocument.errors ?? [];
    throw badCatalog(
      faults.map((fault) => `${at(pointerPath(fault.instancePath))} ${problems([fault], 'the catalog')[0]}`),
    );
  }
  const faults = faultsOf(value);
  if (faults.length > 0) throw badCatalog(faults.map((fault) => `${at(fault.path)} ${fault.message}`));
  return value;
}

function badCatalog(faults: readonly string[]): DomainError {
  const unique = [...new Set(faults)];
  return new DomainError('BadCatalog', unique.join('\n'), { faults: unique });
}

function pointerPath(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Where the deepest existing node on the path begins, as an offset into the text. */
function offsetOf(root: Node | null, path: Fault['path']): number {
  let node: unknown = root;
  let offset = 0;
  for (const step of [undefined, ...path]) {
    if (step !== undefined) node = child(node, String(step));
    if (!isNode(node)) break;
    offset = node.range?.[0] ?? offset;
  }
  return offset;
}

function child(node: unknown, key: string): unknown {
  if (isSeq(node)) return node.items[Number(key)];
  if (isMap(node))
    return node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)?.value ?? undefined;
  return undefined;
}
