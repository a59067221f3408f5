import type { EntityManager } from 'typeorm';
import { withdrawalAddress } from '../look/validator-stake.js';

/**
 * Those of the keys (lower-case 0x) that the account does not control by their finalised 0x01 or 0x02 withdrawal
 * credentials (security.md B1). A key the chain has told nothing of is nobody's.
 */
export async function uncontrolledKeys(
  address: string | undefined,
  publicKeys: readonly string[],
  manager: EntityManager,
): Promise<readonly string[]> {
  if (address === undefined) return publicKeys;
  const owners = await withdrawalAddresses(publicKeys, manager);
  return publicKeys.filter((publicKey) => owners.get(publicKey) !== address);
}

/** Public key → the address its finalised credentials carry, of those that carry one. */
async function withdrawalAddresses(
  publicKeys: readonly string[],
  manager: EntityManager,
): Promise<ReadonlyMap<string, string>> {
  const rows: { public_key: string; withdrawal_credentials: string | null }[] = await manager.query(
    'SELECT public_key, withdrawal_credentials FROM validator_stake WHERE public_key = ANY($1)',
    [publicKeys],
  );
  return new Map(
    rows.flatMap((row) => {
      const address = withdrawalAddress(row.withdrawal_credentials);
      return address === undefined ? [] : [[row.public_key, address] as const];
    }),
  );
}
