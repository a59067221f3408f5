import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../clock.js';
import { type BlsSecretKey, publicKeyHex, SecretKey } from '../bls.js';
import { readJson, writeDurably } from '../files.js';
import { SLOTS_PER_EPOCH, WITHDRAWAL_CREDENTIALS } from './spec.js';

const GENESIS_KEYS = 64;

export interface GenesisKey {
  readonly index: number;
  /** Lower-case 0x. */
  readonly publicKey: string;
  readonly secret: BlsSecretKey;
}

/** The sandbox's 64 keys. They come from a fixed, public seed: every sandbox has the same, and none is worth anything. */
export function genesisKeys(): GenesisKey[] {
  return Array.from({ length: GENESIS_KEYS }, (_, index) => {
    const entropy = createHash('sha256').update(`ovsb sandbox validator ${index}`).digest();
    const secret = SecretKey.fromKeygen(entropy);
    return { index, publicKey: publicKeyHex(secret), secret };
  });
}

/** Fixes the network's identity: the same keys give the same root, a changed key set another. */
export function genesisValidatorsRoot(publicKeys: readonly string[]): string {
  const hash = createHash('sha256').update('ovsb sandbox genesis').update(WITHDRAWAL_CREDENTIALS);
  for (const publicKey of publicKeys) hash.update(publicKey);
  return `0x${hash.digest('hex')}`;
}

/** Kept from the first start on; whole seconds, as the Beacon API tells it. */
export interface GenesisTime {
  readonly genesisMs: number;
  readonly slotMs: number;
}

/**
 * The genesis time of this data directory. A changed slot length moves genesis so that the current slot does not go
 * back: a validator client must never be asked for an epoch twice. A new sandbox begins two epochs in the past.
 */
export function genesisTime(folder: string, slotMs: number, clock: Clock): GenesisTime {
  const path = join(folder, 'genesis.json');
  const kept = readJson<GenesisTime>(path);
  if (kept && kept.slotMs === slotMs) return kept;
  const slot = kept ? Math.floor((clock.nowMs() - kept.genesisMs) / kept.slotMs) + 1 : 2 * SLOTS_PER_EPOCH;
  const genesisMs = Math.floor((clock.nowMs() - slot * slotMs) / 1000) * 1000;
  const time = { genesisMs, slotMs };
  writeDurably(path, JSON.stringify(time));
  return time;
}
