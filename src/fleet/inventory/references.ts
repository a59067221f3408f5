import type { Faults, YamlDocument } from '../documents/yaml-document.js';
import type { InventoryDocument } from './inventory-schema.js';

type Document = YamlDocument<InventoryDocument>;
type Section = keyof InventoryDocument;

/** Names are unique, references lead somewhere, one `keymanager_uri` is one validator client (security.md A9). */
export function checkReferences(documents: readonly Document[], faults: Faults): void {
  const sites = names(documents, 'sites', faults);
  const executionNodes = names(documents, 'execution_nodes', faults);
  const beaconNodes = names(documents, 'beacon_nodes', faults);
  names(documents, 'validator_clients', faults);
  names(documents, 'operators', faults);
  const known = (found: ReadonlyMap<string, string>, name: string, kind: string, place: string) => {
    if (!found.has(name)) faults.add(place, `there is no ${kind} named ${name}`);
  };
  for (const { value, at } of documents) {
    for (const section of ['execution_nodes', 'beacon_nodes', 'validator_clients'] as const) {
      value[section]?.forEach(({ site }, i) => {
        known(sites, site, 'site', at([section, i, 'site']));
      });
    }
    value.beacon_nodes?.forEach(({ execution_node }, i) => {
      known(executionNodes, execution_node, 'execution node', at(['beacon_nodes', i, 'execution_node']));
    });
    value.validator_clients?.forEach(({ beacon_nodes }, i) => {
      beacon_nodes.forEach((name, j) => {
        known(beaconNodes, name, 'beacon node', at(['validator_clients', i, 'beacon_nodes', j]));
      });
    });
  }
  checkKeymanagerUris(documents, faults);
}

function names(documents: readonly Document[], section: Section, faults: Faults): Map<string, string> {
  const found = new Map<string, string>();
  for (const { value, at } of documents) {
    (value[section] ?? []).forEach(({ name }, index) => {
      const place = at([section, index, 'name']);
      const first = found.get(name);
      if (first) faults.add(place, `${section} has the name ${name} twice (first at ${first})`);
      else found.set(name, place);
    });
  }
  return found;
}

function checkKeymanagerUris(documents: readonly Document[], faults: Faults): void {
  const found = new Map<string, string>();
  for (const { value, at } of documents) {
    value.validator_clients?.forEach(({ name, keymanager_uri }, index) => {
      const uri = sameUri(keymanager_uri);
      const first = found.get(uri);
      if (first)
        faults.add(
          at(['validator_clients', index, 'keymanager_uri']),
          `keymanager_uri is ${first}'s; one URI is one validator client`,
        );
      else found.set(uri, name);
    });
  }
}

/** Two spellings of one address are one: host in lower case, default port and trailing slash left out. */
function sameUri(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).href.replace(/\/+$/, '') : uri;
}
