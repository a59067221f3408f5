import { stringify } from 'yaml';
import { type ExecutionPart, SITES, type ValidatorPart } from './parts.js';

export interface Places {
  readonly controlUri: string;
  /** By part name. */
  uri(part: string): string;
  tokenFile(validatorClient: string): string;
}

/** The sandbox as an inventory document (product.md, Inventory). */
export function inventoryDocument(
  executions: readonly ExecutionPart[],
  validators: readonly ValidatorPart[],
  places: Places,
): string {
  const document = {
    sites: SITES,
    execution_nodes: executions.map((part) => ({
      name: part.name,
      implementation: part.implementation,
      uri: places.uri(part.name),
      ws_uri: places.uri(part.name).replace('http', 'ws'),
      site: part.site,
    })),
    beacon_nodes: validators.map((part) => ({
      name: part.beaconNode,
      implementation: part.implementation,
      uri: places.uri(part.beaconNode),
      execution_node: part.executionNode,
      site: part.site,
    })),
    validator_clients: validators.map((part) => ({
      name: part.name,
      implementation: part.implementation,
      keymanager_uri: places.uri(part.name),
      token_file: places.tokenFile(part.name),
      beacon_nodes: [part.beaconNode],
      site: part.site,
      capacity: part.capacity,
      signer: 'local',
      restart: { http: `${places.controlUri}/sandbox/validator-clients/${part.name}/restart` },
    })),
    operators: [{ name: 'sandbox' }],
  };
  return `# Written by the sandbox at each start. Simulated parts: nothing here is worth anything.\n${stringify(document, { aliasDuplicateObjects: false })}`;
}
