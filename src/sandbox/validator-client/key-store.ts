import { join } from 'node:path';
import { type BlsSecretKey, SecretKey } from '../bls.js';
import { readJson, writeDurably } from '../files.js';

/** Per-key settings of the Keymanager API; absent: the validator client's default. */
export interface KeySettings {
  feeRecipient?: string;
  gasLimit?: string;
  graffiti?: string;
}

export interface HeldKey {
  readonly publicKey: string;
  readonly secret: BlsSecretKey;
  readonly derivationPath: string;
  readonly settings: KeySettings;
}

interface StoredKey {
  readonly secret: string;
  readonly derivationPath: string;
  readonly settings: KeySettings;
}

interface Stored {
  readonly held: Record<string, StoredKey>;
  /** Deleted while `resurrect_on_restart` was on. */
  readonly buried: Record<string, StoredKey>;
}

/** The keys a validator client signs with. Plain on its own disk (0600): a sandbox's keys are worth nothing. */
export class KeyStore {
  private readonly held = new Map<string, HeldKey>();
  private readonly buried = new Map<string, HeldKey>();
  private readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'keys.json');
    const stored = readJson<Stored>(this.path);
    load(this.held, stored?.held ?? {});
    load(this.buried, stored?.buried ?? {});
  }

  all(): HeldKey[] {
    return [...this.held.values()];
  }

  get(publicKey: string): HeldKey | undefined {
    return this.held.get(publicKey);
  }

  add(key: HeldKey): void {
    this.held.set(key.publicKey, key);
    this.save();
  }

  /** `bury`: keep a copy that `resurrect` brings back. */
  remove(publicKey: string, bury: boolean): void {
    const key = this.held.get(publicKey);
    if (!key) return;
    this.held.delete(publicKey);
    if (bury) this.buried.set(publicKey, key);
    this.save();
  }

  resurrect(): string[] {
    const back = [...this.buried.values()];
    for (const key of back) this.held.set(key.publicKey, key);
    this.buried.clear();
    if (back.length > 0) this.save();
    return back.map((key) => key.publicKey);
  }

  forgetBuried(): void {
    if (this.buried.size === 0) return;
    this.buried.clear();
    this.save();
  }

  /** Undefined values clear a setting. */
  set(publicKey: string, setting: keyof KeySettings, value: string | undefined): void {
    const key = this.held.get(publicKey);
    if (!key) return;
    if (value === undefined) delete key.settings[setting];
    else key.settings[setting] = value;
    this.save();
  }

  private save(): void {
    const stored: Stored = { held: dump(this.held), buried: dump(this.buried) };
    writeDurably(this.path, JSON.stringify(stored));
  }
}

/** Writes the keys a validator client begins with; call only for a folder that has none. */
export function writeFirstKeys(
  folder: string,
  keys: readonly { readonly publicKey: string; readonly secret: BlsSecretKey }[],
): void {
  const held = Object.fromEntries(
    keys.map(({ publicKey, secret }) => [publicKey, { secret: secret.toHex(), derivationPath: '', settings: {} }]),
  );
  const stored: Stored = { held, buried: {} };
  writeDurably(join(folder, 'keys.json'), JSON.stringify(stored));
}

function load(into: Map<string, HeldKey>, from: Record<string, StoredKey>): void {
  for (const [publicKey, { secret, derivationPath, settings }] of Object.entries(from)) {
    into.set(publicKey, { publicKey, secret: SecretKey.fromHex(secret), derivationPath, settings });
  }
}

function dump(keys: ReadonlyMap<string, HeldKey>): Record<string, StoredKey> {
  return Object.fromEntries(
    [...keys.values()].map(({ publicKey, secret, derivationPath, settings }) => [
      publicKey,
      { secret: secret.toHex(), derivationPath, settings },
    ]),
  );
}
