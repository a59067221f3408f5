import type { DataSource } from 'typeorm';
import type { Vault } from '../../keys/vault/vault.js';
import type { Logger } from '../../logger.js';
import type { InventorySource } from '../inventory.js';
import { gatherFacts } from './fleet-facts.js';
import type { Outside } from './ports.js';
import { firstRight } from './rights.js';
import { tell } from './tell.js';

export interface AdoptDeps {
  readonly dataSource: DataSource;
  readonly vault: Vault;
  readonly outside: Outside;
  readonly inventory: InventorySource;
  readonly logger: Logger;
}

/**
 * Gives each vault key without a right to the one validator client that lists it. Every validator client must answer: one
 * that is silent might list it too.
 */
export async function adoptFleet(deps: AdoptDeps, signal: AbortSignal): Promise<void> {
  const facts = await gatherFacts(deps);
  const listedAt = new Map<string, string[]>();
  for (const [client, keys] of facts.lists) {
    for (const publicKey of keys) listedAt.set(publicKey, [...(listedAt.get(publicKey) ?? []), client]);
  }
  const homeless = [...listedAt].filter(([publicKey]) => !facts.rights.has(publicKey));
  if (homeless.length === 0) return;
  if (facts.silent.length > 0) {
    deps.logger.warn({ validatorClients: facts.silent }, 'keys are not adopted while validator clients do not answer');
    return;
  }
  for (const [publicKey, clients] of homeless) {
    if (signal.aborted) return;
    const [client = ''] = clients;
    if (clients.length > 1)
      await tell(deps.dataSource, { kind: 'listed twice', publicKey, client: clients.join(' and ') });
    else if (!facts.vault.has(publicKey)) await tell(deps.dataSource, { kind: 'unknown key', publicKey, client });
    else await deps.dataSource.transaction((manager) => firstRight(publicKey, client, manager));
  }
}
