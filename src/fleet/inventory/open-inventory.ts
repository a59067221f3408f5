import type { Clock } from '../../clock.js';
import type { Logger } from '../../logger.js';
import type { InventorySource } from '../inventory.js';
import { watchInventory } from './watch-inventory.js';

/** The operator's inventory, opened before whatever reads it. */
export interface OpenInventory {
  readonly source: InventorySource;
  /** Why the newest documents are not in force. */
  fault(): string | undefined;
  /** SHA-256 (hex) of one document's version in force. */
  hash(path: string): string;
  /** Looks whether the documents changed; the fleet calls it each second. */
  check(): void;
  /** Tells which validator clients cannot be taken out now; until told, none can. */
  protect(inUse: (validatorClient: string) => boolean): void;
}

/** @throws DomainError `DocumentRefused` with every fault and its file:line:column. */
export function openInventory(options: {
  /** The sandbox's own document first, then the operator's. */
  readonly paths: readonly string[];
  readonly tokenFolders: readonly string[];
  readonly writableByOthers: 'refuse' | 'warn';
  readonly clock: Clock;
  readonly logger: Logger;
}): OpenInventory {
  let inUse: (validatorClient: string) => boolean = () => true;
  const watched = watchInventory({ ...options, inUse: (name) => inUse(name) });
  return {
    source: () => watched.current(),
    fault: () => watched.fault(),
    hash: (path) => watched.hash(path),
    check: () => watched.check(),
    protect(predicate) {
      inUse = predicate;
    },
  };
}
