import type { Clock } from '../../clock.js';
import type { Logger } from '../../logger.js';
import { WatchedDocument } from '../documents/watched-document.js';
import type { Inventory } from '../inventory.js';
import { loadInventory } from './load-inventory.js';
import { checkReload } from './reload-inventory.js';

/** The inventory in force, from its documents, hot reloaded. @throws DomainError `DocumentRefused` at the first load. */
export function watchInventory(options: {
  readonly paths: readonly string[];
  /** Folders token files may lie in. */
  readonly tokenFolders: readonly string[];
  readonly inUse: (validatorClient: string) => boolean;
  readonly writableByOthers: 'refuse' | 'warn';
  readonly clock: Clock;
  readonly logger: Logger;
}): WatchedDocument<Inventory> {
  return new WatchedDocument({
    name: 'inventory',
    paths: options.paths,
    writableByOthers: options.writableByOthers,
    clock: options.clock,
    logger: options.logger,
    load: (texts, previous: Inventory | undefined) => {
      const inventory = loadInventory(texts, options.tokenFolders);
      if (previous) checkReload(previous, inventory, options.inUse);
      return inventory;
    },
  });
}
