import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataSource, In } from 'typeorm';
import { DomainError } from '../../errors.js';
import type { DataKey } from '../data-key.js';
import { Keystore, type KeystoreOrigin } from './keystore.js';
import { decryptKeystore, encryptForMachine, parseKeystore, publicKeyOf } from './keystore-codec.js';

const PURPOSE = 'keystore password';

export interface NewKeystore {
  /** EIP-2335 JSON text. */
  readonly keystore: string;
  readonly password: string;
  readonly origin?: KeystoreOrigin;
  readonly withdrawalCredentials?: string;
}

/** The keystores this broker holds. Secrets leave it only as an EIP-2335 keystore with its password. */
export interface Vault {
  /**
   * Stores keystores, re-encrypted under random passwords; already held keys are left as they are. All or none.
   * @returns what each became, in order.
   * @throws DomainError `WrongPassword`, `KeystoreRefused`; facts: `index`, `publicKey?`.
   */
  import(keystores: readonly NewKeystore[]): Promise<{ publicKey: string; status: 'imported' | 'duplicate' }[]>;
  /** Imports `keystore-<public key>.json` with `keystore-<public key>.txt` (its password) beside it; how many were new. */
  importFolder(folder: string): Promise<number>;
  /** Every public key held, in order. */
  publicKeys(): Promise<string[]>;
  /** For a move: the keystore's JSON text and its password. */
  export(publicKey: string): Promise<{ readonly keystore: string; readonly password: string } | undefined>;
  /** Whether the stored keystore really opens and holds that key's secret. */
  opens(publicKey: string): Promise<boolean>;
}

export function createVault(dataSource: DataSource, dataKey: DataKey): Vault {
  const keystores = dataSource.getRepository(Keystore);

  async function importAll(items: readonly NewKeystore[]) {
    const parsed = items.map((item, index) => naming(index, () => ({ item, keystore: parseKeystore(item.keystore) })));
    const asked = parsed.map(({ keystore }) => publicKeyOf(keystore));
    const held = new Set(
      (await keystores.find({ select: { publicKey: true }, where: { publicKey: In(asked) } })).map(
        (row) => row.publicKey,
      ),
    );
    const fresh = parsed
      .map((entry, index) => ({ ...entry, index, publicKey: asked[index] ?? '' }))
      .filter(
        (entry, _, all) =>
          !held.has(entry.publicKey) && all.find((other) => other.publicKey === entry.publicKey) === entry,
      );
    const rows = await Promise.all(
      fresh.map(({ item, keystore, index, publicKey }) =>
        naming(index, async () => {
          const secret = await decryptKeystore(keystore, item.password);
          try {
            const made = await encryptForMachine(secret, keystore.path);
            return {
              publicKey,
              keystore: made.keystore as object,
              sealedPassword: dataKey.seal(Buffer.from(made.password), PURPOSE, publicKey),
              path: keystore.path || null,
              withdrawalCredentials: item.withdrawalCredentials ?? null,
              origin: item.origin ?? 'imported',
            };
          } finally {
            secret.fill(0);
          }
        }),
      ),
    );
    if (rows.length > 0) await keystores.createQueryBuilder().insert().values(rows).orIgnore().execute();
    const stored = new Set(rows.map((row) => row.publicKey));
    return asked.map((publicKey) => ({
      publicKey,
      status: stored.delete(publicKey) ? ('imported' as const) : ('duplicate' as const),
    }));
  }

  async function exported(publicKey: string) {
    const row = await keystores.findOneBy({ publicKey });
    if (!row) return undefined;
    const password = dataKey.open(row.sealedPassword, PURPOSE, publicKey).toString();
    return { keystore: JSON.stringify(row.keystore), password };
  }

  return {
    import: importAll,
    async importFolder(folder) {
      const items = await readFolder(folder, new Set(await publicKeys()));
      const outcomes = await importAll(items);
      return outcomes.filter(({ status }) => status === 'imported').length;
    },
    publicKeys,
    export: exported,
    async opens(publicKey) {
      const copy = await exported(publicKey);
      if (!copy) return false;
      try {
        (await decryptKeystore(parseKeystore(copy.keystore), copy.password)).fill(0);
        return true;
      } catch (thrown) {
        if (thrown instanceof DomainError) return false;
        throw thrown;
      }
    },
  };

  async function publicKeys() {
    const rows = await keystores.find({ select: { publicKey: true }, order: { publicKey: 'ASC' } });
    return rows.map((row) => row.publicKey);
  }
}

/** Adds to a refusal which of the given keystores it was about. */
function naming<Result>(index: number, task: () => Result): Result {
  const renamed = (thrown: unknown) =>
    thrown instanceof DomainError ? new DomainError(thrown.code, thrown.message, { ...thrown.facts, index }) : thrown;
  try {
    const result = task();
    if (!(result instanceof Promise)) return result;
    return result.catch((thrown: unknown) => {
      throw renamed(thrown);
    }) as Result;
  } catch (thrown) {
    throw renamed(thrown);
  }
}

async function readFolder(folder: string, held: ReadonlySet<string>): Promise<NewKeystore[]> {
  const names = (await readdir(folder)).flatMap((name) => /^keystore-(0x[0-9a-f]{96})\.json$/.exec(name)?.[1] ?? []);
  return Promise.all(
    names
      .filter((publicKey) => !held.has(publicKey))
      .sort()
      .map(async (publicKey) => ({
        keystore: await readFile(join(folder, `keystore-${publicKey}.json`), 'utf8'),
        password: (await readFile(join(folder, `keystore-${publicKey}.txt`), 'utf8')).replace(/\r?\n$/, ''),
      })),
  );
}
