import { readFile } from 'node:fs/promises';
import type { ValidatorClient } from '../inventory.js';
import type { WishRow } from './wish-row.js';

const TIMEOUT_MS = 4000;

/**
 * Sets what the wish asks for a key on its validator client (Keymanager API: feerecipient, gas_limit, graffiti). Idempotent.
 * @throws Error with a one-line reason.
 */
export async function applySettings(client: ValidatorClient, publicKey: string, wish: WishRow): Promise<void> {
  const settings: [path: string, body: Record<string, string>][] = [
    ...(wish.feeRecipient === null
      ? []
      : [['feerecipient', { ethaddress: wish.feeRecipient }] as [string, Record<string, string>]]),
    ...(wish.gasLimit === null
      ? []
      : [['gas_limit', { gas_limit: wish.gasLimit }] as [string, Record<string, string>]]),
    ...(wish.graffiti === null ? [] : [['graffiti', { graffiti: wish.graffiti }] as [string, Record<string, string>]]),
  ];
  if (settings.length === 0) return;
  const token = (await readFile(client.tokenFile, 'utf8')).trim();
  for (const [path, body] of settings) {
    const response = await fetch(`${client.keymanagerUri}/eth/v1/validator/${publicKey}/${path}`, {
      method: 'POST',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`${client.name} answered ${response.status} to ${path}`);
  }
}
