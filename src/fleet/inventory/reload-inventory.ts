import { DomainError } from '../../errors.js';
import type { Inventory, ValidatorClient } from '../inventory.js';

/**
 * What may change while keys are about (security.md A9, C3): nothing that tells who a validator client is or what the
 * broker runs or reads as a secret. Those need a restart.
 * @throws DomainError `DocumentRefused` naming each change.
 */
export function checkReload(before: Inventory, after: Inventory, inUse: (validatorClient: string) => boolean): void {
  const old = new Map(before.validatorClients.map((client) => [client.name, client]));
  const ownerOf = new Map(before.validatorClients.map((client) => [client.keymanagerUri, client.name]));
  const faults: string[] = [];
  for (const client of after.validatorClients) {
    const was = old.get(client.name);
    old.delete(client.name);
    const owner = ownerOf.get(client.keymanagerUri);
    if (owner !== undefined && owner !== client.name) faults.push(`${client.name}: keymanager_uri is ${owner}'s`);
    for (const field of changed(was, client)) faults.push(`${client.name}: ${field} changes only at a restart`);
  }
  for (const name of old.keys()) {
    if (inUse(name)) faults.push(`${name} holds keys or has unfinished moves and cannot be taken out`);
  }
  const hooks = new Map(before.beaconNodes.map((node) => [node.name, JSON.stringify(node.repoint)]));
  for (const node of after.beaconNodes) {
    if (JSON.stringify(node.repoint) !== hooks.get(node.name))
      faults.push(`${node.name}: repoint changes only at a restart`);
  }
  if (faults.length > 0) throw new DomainError('DocumentRefused', faults.join('\n'), { faults });
}

function changed(was: ValidatorClient | undefined, now: ValidatorClient): string[] {
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  return [
    ...(was && was.keymanagerUri !== now.keymanagerUri ? ['keymanager_uri'] : []),
    ...(was && was.tokenFile !== now.tokenFile ? ['token_file'] : []),
    ...(was && was.signer !== now.signer ? ['signer'] : []),
    ...(same(was?.restart, now.restart) ? [] : ['restart']),
    ...(same(was?.repoint, now.repoint) ? [] : ['repoint']),
  ];
}
