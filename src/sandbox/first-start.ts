import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GenesisKey } from './chain/genesis.js';
import { writeDurably } from './files.js';
import type { ValidatorPart } from './parts.js';
import { writeFirstKeys } from './validator-client/key-store.js';
import { sealKeystore } from './validator-client/keystore.js';

/** Everything of one validator client: its keys, protection, faults and API token. */
export function clientFolder(folder: string, name: string): string {
  return join(folder, 'validator-clients', name);
}

export function tokenFile(folder: string, name: string): string {
  return join(clientFolder(folder, name), 'api-token.txt');
}

/** Hands out the 64 keys, once: a folder that has keys keeps them, wherever they have been moved since. */
export function prepareClients(folder: string, parts: readonly ValidatorPart[], keys: readonly GenesisKey[]): void {
  for (const part of parts) {
    const own = clientFolder(folder, part.name);
    mkdirSync(own, { recursive: true, mode: 0o700 });
    if (!existsSync(join(own, 'keys.json'))) writeFirstKeys(own, keys.slice(...part.firstKeys));
    const token = tokenFile(folder, part.name);
    if (!existsSync(token)) writeDurably(token, randomBytes(32).toString('hex'));
  }
}

/**
 * Writes `vault-import/`: `keystore-<public key>.json` (EIP-2335) and `keystore-<public key>.txt` (its password, 0600),
 * the operator's own copy of every key. Complete when `complete` exists; written once.
 */
export async function writeVaultImport(folder: string, keys: readonly GenesisKey[]): Promise<string> {
  const target = join(folder, 'vault-import');
  if (existsSync(join(target, 'complete'))) return target;
  mkdirSync(target, { recursive: true, mode: 0o700 });
  await Promise.all(
    keys.map(async ({ index, publicKey, secret }) => {
      const password = randomBytes(32).toString('hex');
      const keystore = await sealKeystore(secret, password, `m/12381/3600/${index}/0/0`);
      writeFileSync(join(target, `keystore-${publicKey}.json`), keystore, { mode: 0o600 });
      writeFileSync(join(target, `keystore-${publicKey}.txt`), password, { mode: 0o600 });
    }),
  );
  writeDurably(join(target, 'complete'), '');
  return target;
}
