import { accessSync, constants, realpathSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { reasonOf } from '../../errors.js';
import type { DocumentText } from '../documents/watched-document.js';
import { Faults, readYaml, type YamlDocument } from '../documents/yaml-document.js';
import type { Inventory } from '../inventory.js';
import { type InventoryDocument, validateInventory } from './inventory-schema.js';
import { checkReferences } from './references.js';

type Document = YamlDocument<InventoryDocument>;

/**
 * Several inventory documents as one. All faults come together, each with file:line:column.
 * @throws DomainError `DocumentRefused`.
 */
export function loadInventory(texts: readonly DocumentText[], tokenFolders: readonly string[]): Inventory {
  const faults = new Faults();
  const documents = texts.flatMap(({ path, text }) => readYaml(path, text, validateInventory, faults) ?? []);
  faults.raise();
  checkReferences(documents, faults);
  const inventory = merge(documents, tokenFolders, faults);
  faults.raise();
  return inventory;
}

function merge(documents: readonly Document[], tokenFolders: readonly string[], faults: Faults): Inventory {
  const operators = documents.flatMap(({ value }) => value.operators ?? []);
  return {
    sites: documents.flatMap(({ value }) =>
      (value.sites ?? []).map(({ name, region, fault_domain }) => ({
        name,
        region,
        ...(fault_domain !== undefined && { faultDomain: fault_domain }),
      })),
    ),
    executionNodes: documents.flatMap(({ value }) =>
      (value.execution_nodes ?? []).map(({ name, implementation, uri, ws_uri, site }) => ({
        name,
        implementation,
        uri: bare(uri),
        ...(ws_uri !== undefined && { wsUri: bare(ws_uri) }),
        site,
      })),
    ),
    beaconNodes: documents.flatMap(({ value }) =>
      (value.beacon_nodes ?? []).map(({ name, implementation, uri, execution_node, site, repoint }) => ({
        name,
        implementation,
        uri: bare(uri),
        executionNode: execution_node,
        site,
        ...(repoint && { repoint }),
      })),
    ),
    validatorClients: documents.flatMap((document) =>
      (document.value.validator_clients ?? []).map((client, index) => ({
        name: client.name,
        implementation: client.implementation,
        keymanagerUri: bare(client.keymanager_uri),
        tokenFile: tokenFile(document, index, client.token_file, tokenFolders, faults),
        beaconNodes: client.beacon_nodes,
        site: client.site,
        capacity: client.capacity,
        signer: client.signer ?? 'local',
        ...(client.restart && { restart: client.restart }),
        ...(client.repoint && { repoint: client.repoint }),
      })),
    ),
    operators: operators.length > 0 ? operators : [{ name: 'main' }],
  };
}

function bare(uri: string): string {
  return uri.replace(/\/+$/, '');
}

/** Tokens come only from the token folders, links followed (security.md C3); relative paths count from the document. */
function tokenFile(
  document: Document,
  index: number,
  given: string,
  folders: readonly string[],
  faults: Faults,
): string {
  const place = document.at(['validator_clients', index, 'token_file']);
  const path = resolve(dirname(document.file), given);
  try {
    const real = realpathSync(path);
    const allowed = folders.some((folder) => isBelow(real, realpathSync(folder)));
    if (!allowed) faults.add(place, `token_file lies outside the token folders (${folders.join(', ')})`);
    else accessSync(real, constants.R_OK);
  } catch (thrown) {
    faults.add(place, `token_file cannot be read: ${reasonOf(thrown)}`);
  }
  return path;
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
