import type { EntityManager } from 'typeorm';
import type { StakeHolder } from '../contract.js';
import { holderCredentials } from './holder-credentials.js';

/**
 * Those of the keys (lower-case 0x) that the holder does not control by their finalised withdrawal credentials
 * (security.md B1). A key the chain has told nothing of is nobody's.
 */
export async function uncontrolledKeys(
  holder: StakeHolder,
  publicKeys: readonly string[],
  manager: EntityManager,
): Promise<readonly string[]> {
  const rows: { public_key: string }[] = await manager.query(
    'SELECT public_key FROM validator_stake WHERE public_key = ANY($1) AND withdrawal_credentials = ANY($2)',
    [publicKeys, holderCredentials(holder)],
  );
  const controlled = new Set(rows.map((row) => row.public_key));
  return publicKeys.filter((publicKey) => !controlled.has(publicKey));
}
