import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { DomainError } from '../errors.js';

const PRIVATE_KEY = /^0x[0-9a-f]{64}$/i;

/** A wallet file holds one secp256k1 private key: bare 0x hex, or JSON `{"private_key": "0x…"}`. */
export function readWallet(file: string): PrivateKeyAccount {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new DomainError('WalletUnreadable', `cannot read the wallet file ${file}`, { cause });
  }
  const key = text.startsWith('{') ? privateKeyIn(text) : text;
  if (key === undefined || !PRIVATE_KEY.test(key)) {
    throw new DomainError(
      'WalletUnreadable',
      `${file} holds no private key (0x and 64 hex digits, or {"private_key": "0x…"})`,
    );
  }
  return privateKeyToAccount(key as `0x${string}`);
}

/** A new wallet, and how to keep it in a file (mode 0600) that must not exist yet. */
export function newWallet(): { readonly account: PrivateKeyAccount; keep(file: string): void } {
  const key = generatePrivateKey();
  return {
    account: privateKeyToAccount(key),
    keep(file) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(file, `${JSON.stringify({ private_key: key })}\n`, { mode: 0o600, flag: 'wx' });
    },
  };
}

function privateKeyIn(json: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(json);
    const key = (parsed as { private_key?: unknown }).private_key;
    return typeof key === 'string' ? key : undefined;
  } catch {
    return undefined;
  }
}
