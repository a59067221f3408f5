import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPolicyFiles } from '../authz/policy/files.js';
import { loadPolicySet } from '../authz/policy/load.js';
import { readCatalog } from '../broker/catalog/read.js';
import type { Config } from './config.js';
import { DomainError, reasonOf } from './errors.js';
import { Faults, readYaml } from './fleet/documents/yaml-document.js';
import { validateInventory } from './fleet/inventory/inventory-schema.js';
import { loadTargets } from './fleet/targets/load-targets.js';
import { ConfigFaults } from './load-config.js';

/**
 * Reads the operator's documents before anything is started: a bad one costs no start of a database, and all their
 * faults come together. Names across inventories are looked at later, beside the sandbox's own.
 * @throws ConfigFaults one line per fault, with file:line:column, and what to do.
 */
export async function examineDocuments(config: Config): Promise<void> {
  const faults = [
    ...(await faultsOf('OVSB_POLICIES', 'mend it; `npx --no ovsb policy check` tells when it is good', async () => {
      loadPolicySet(await readPolicyFiles(config.policiesDir));
    })),
    ...(await faultsOf('OVSB_POLICIES', 'mend the targets in it, or take its first version back', () => {
      const path = join(config.policiesDir, 'diversity.yaml');
      loadTargets({ path, text: readFileSync(path, 'utf8') });
    })),
    ...(await faultsOf('OVSB_INVENTORY', 'mend it; the inventory lists sites, nodes and validator clients', () =>
      examineInventory(config.inventoryPath),
    )),
    ...(await faultsOf('catalog', 'mend it; `npx --no ovsb catalog check` tells when it is good', () => {
      readCatalog(readFileSync(config.catalogPath, 'utf8'), config.catalogPath);
    })),
  ];
  if (faults.length > 0) throw new ConfigFaults(faults);
}

function examineInventory(path: string | undefined): void {
  if (path === undefined) return;
  const faults = new Faults();
  readYaml(path, readFileSync(path, 'utf8'), validateInventory, faults);
  faults.raise();
}

/** @param setting names the document's path in the configuration. */
async function faultsOf(setting: string, fix: string, read: () => unknown): Promise<string[]> {
  try {
    await read();
    return [];
  } catch (thrown) {
    if (thrown instanceof DomainError) return [...thrown.message.split('\n'), `  fix: ${fix}`];
    return [`${setting}: ${reasonOf(thrown)}`];
  }
}
