import bls from '@chainsafe/bls';

/**
 * The native backend (blst) is the only one allowed: the wasm one is seven times slower and arrives silently when the
 * package override is missing.
 * @throws Error at start, naming what to mend.
 */
export function assertBlsNative(): void {
  if (bls.implementation === 'blst-native') return;
  throw new Error(
    `BLS runs on ${bls.implementation}, not blst-native: install with the "overrides" of package.json, on a platform with a @chainsafe/blst build`,
  );
}
