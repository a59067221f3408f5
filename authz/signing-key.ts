import { generateKeyPairSync } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, importJWK, type JWK } from 'jose';
import { Column, type DataSource, Entity, type EntityManager, PrimaryColumn } from 'typeorm';
import type { Clock } from '../src/clock.js';
import type { SealingKey } from './deps.js';

export const SIGNING_ALGORITHM = 'ES256';
const PURPOSE = 'authz signing key';
/** So long another replica may go on signing with a key that was retired here. */
const LOOK_MS = 30_000;
/** Any number that no other advisory lock uses; taken while a key is made. */
const LOCK = 4_927_001;

/** A key RPTs are signed with. A retired one stays published until no RPT it signed can be shown any more (expiry.ts). */
@Entity('signing_key')
export class SigningKey {
  /** RFC 7638 thumbprint. */
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'signing_key_pkey' })
  kid!: string;

  @Column({ type: 'jsonb', name: 'public_key' })
  publicKey!: JWK;

  @Column({ type: 'bytea', name: 'sealed_private_key' })
  sealedPrivateKey!: Buffer;

  @Column({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'retired_at', nullable: true })
  retiredAt!: Date | null;
}

interface LoadedKeys {
  readonly jwks: { readonly keys: readonly JWK[] };
  readonly publicKeys: ReadonlyMap<string, CryptoKey>;
  readonly signing: { readonly kid: string; readonly key: CryptoKey; readonly jwk: JWK };
}

/** The keys of this authorization server, shared by its replicas through the database. */
export class SigningKeys {
  #loaded: LoadedKeys | undefined;
  #lastLookMs = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly sealingKey: SealingKey,
    private readonly clock: Clock,
  ) {}

  /** Loads the keys; makes the first one, once among all replicas. */
  async open(): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
      if ((await manager.countBy(SigningKey, {})) === 0) await this.#create(manager);
    });
    await this.reload();
  }

  /** Signs with a new key from now on; the old ones go on verifying until the RPTs they signed have expired. */
  async rotate(): Promise<string> {
    await this.#retireBefore(new Date(this.clock.nowMs()));
    return this.#keys.signing.kid;
  }

  /** As `rotate`, and the old ones are forgotten: no token they signed is believed, here at once, elsewhere in half a minute. */
  async replaceLeaked(): Promise<string> {
    await this.#retireBefore(new Date(this.clock.nowMs()));
    await this.dataSource.query('DELETE FROM signing_key WHERE retired_at IS NOT NULL');
    await this.reload();
    return this.#keys.signing.kid;
  }

  /** As `rotate`, when the key in force is older than this. At every replica at once it happens once. */
  async rotateOlderThan(seconds: number): Promise<void> {
    await this.#retireBefore(new Date(this.clock.nowMs() - seconds * 1000));
  }

  async #retireBefore(createdUntil: Date): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
      const [retired] = (await manager.query(
        'UPDATE signing_key SET retired_at = $1 WHERE retired_at IS NULL AND created_at <= $2 RETURNING kid',
        [new Date(this.clock.nowMs()), createdUntil],
      )) as [unknown[], number];
      if (retired.length > 0) await this.#create(manager);
    });
    await this.reload();
  }

  async reload(): Promise<void> {
    this.#lastLookMs = this.clock.nowMs();
    const rows = await this.dataSource.getRepository(SigningKey).find({ order: { createdAt: 'DESC' } });
    const current = rows.find((row) => row.retiredAt === null);
    if (current === undefined) throw new Error('no signing key in force');
    const publicKeys = new Map<string, CryptoKey>();
    for (const row of rows) publicKeys.set(row.kid, await cryptoKey(row.publicKey));
    const jwk = JSON.parse(this.sealingKey.open(current.sealedPrivateKey, PURPOSE, current.kid).toString()) as JWK;
    this.#loaded = {
      jwks: { keys: rows.map((row) => row.publicKey) },
      publicKeys,
      signing: { kid: current.kid, key: await cryptoKey(jwk), jwk },
    };
  }

  /** What to sign with; looks again now and then, since another replica may have rotated. */
  async signing(): Promise<LoadedKeys['signing']> {
    await this.#lookAfter(LOOK_MS);
    return this.#keys.signing;
  }

  /** The published keys (RFC 7517). */
  async jwks(): Promise<LoadedKeys['jwks']> {
    await this.#lookAfter(LOOK_MS);
    return this.#keys.jwks;
  }

  /** The public key of this id; looks again in the database now and then, and (at most once a second) for an unknown one. */
  async find(kid: string | undefined): Promise<CryptoKey | undefined> {
    if (kid === undefined) return undefined;
    await this.#lookAfter(this.#keys.publicKeys.has(kid) ? LOOK_MS : 1000);
    return this.#keys.publicKeys.get(kid);
  }

  async #lookAfter(milliseconds: number): Promise<void> {
    if (this.clock.nowMs() - this.#lastLookMs >= milliseconds) await this.reload();
  }

  get #keys(): LoadedKeys {
    if (this.#loaded === undefined) throw new Error('signing keys are not loaded');
    return this.#loaded;
  }

  async #create(manager: EntityManager): Promise<void> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const publicJwk = publicKey.export({ format: 'jwk' }) as JWK;
    const kid = await calculateJwkThumbprint(publicJwk);
    const facts = { kid, alg: SIGNING_ALGORITHM, use: 'sig' };
    const secret = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), ...facts });
    await manager.insert(SigningKey, {
      kid,
      publicKey: { ...publicJwk, ...facts },
      sealedPrivateKey: this.sealingKey.seal(Buffer.from(secret), PURPOSE, kid),
      createdAt: new Date(this.clock.nowMs()),
      retiredAt: null,
    });
  }
}

async function cryptoKey(jwk: JWK): Promise<CryptoKey> {
  const key = await importJWK(jwk, SIGNING_ALGORITHM);
  if (key instanceof Uint8Array) throw new Error('a signing key must be asymmetric');
  return key;
}
