import type { DataSource } from 'typeorm';
import { type Clock, nowSeconds } from '../../clock.js';
import { DomainError } from '../../errors.js';
import { signRegistration } from '../../keys/builder-registration.js';
import type { Vault } from '../../keys/vault/vault.js';
import type { Relay } from './relay.js';

/** The default of execution nodes since July 2025. */
const DEFAULT_GAS_LIMIT = '45000000';

export interface RegistrationRequest {
  readonly instanceId: string;
  /** Lower-case 0x, 48 bytes each. */
  readonly publicKeys: readonly string[];
  readonly feeRecipient: string;
  readonly gasLimit?: string;
}

export interface MevBoostDeps {
  readonly dataSource: DataSource;
  readonly vault: Vault;
  readonly relay: Relay;
  /** 0x, 4 bytes, from configuration. */
  readonly genesisForkVersion: string;
  readonly clock: Clock;
}

/** Asking again changes nothing. */
const FINAL = new Set(['UnknownKey', 'KeyTaken']);

interface Progress {
  readonly state: 'in progress' | 'succeeded' | 'failed';
  readonly description: string;
}

/** MEV-Boost as a service: the relay holds a registration of every key of an instance, and none after its end. */
export class MevBoost {
  constructor(private readonly deps: MevBoostDeps) {}

  /** Idempotent; the claim on the keys is committed before the relay is told. */
  async configure(asked: RegistrationRequest, signal: AbortSignal): Promise<Progress> {
    try {
      await this.#claim(asked);
      const missing = await this.#missing(asked, signal);
      if (missing.length > 0) {
        await this.deps.relay.register(await Promise.all(missing.map((key) => this.#sign(asked, key))), signal);
      }
      const left = await this.#missing(asked, signal);
      const done = asked.publicKeys.length - left.length;
      const description = `${done} of ${asked.publicKeys.length} keys registered at the relay`;
      return { state: left.length === 0 ? 'succeeded' : 'in progress', description };
    } catch (thrown) {
      if (!(thrown instanceof DomainError)) throw thrown;
      if (FINAL.has(thrown.code)) return { state: 'failed', description: `refused: ${thrown.message}` };
      return { state: 'in progress', description: `waiting for the relay: ${thrown.message}` };
    }
  }

  /** The relay forgets first; the rows go when it has. */
  async remove(instanceId: string, signal: AbortSignal): Promise<void> {
    const rows = (await this.deps.dataSource.query('SELECT public_key FROM relay_registration WHERE instance_id = $1', [
      instanceId,
    ])) as { public_key: string }[];
    for (const { public_key } of rows) await this.deps.relay.forget(public_key, signal);
    await this.deps.dataSource.query('DELETE FROM relay_registration WHERE instance_id = $1', [instanceId]);
  }

  /** Takes every key for the instance, all or none. @throws DomainError `KeyTaken` when another instance has one. */
  async #claim(asked: RegistrationRequest): Promise<void> {
    await this.deps.dataSource.transaction(async (manager) => {
      await manager.query(
        'INSERT INTO relay_registration (public_key, instance_id) SELECT unnest($1::text[]), $2 ON CONFLICT DO NOTHING',
        [asked.publicKeys, asked.instanceId],
      );
      const foreign = (await manager.query(
        'SELECT public_key FROM relay_registration WHERE public_key = ANY($1) AND instance_id <> $2 LIMIT 1',
        [asked.publicKeys, asked.instanceId],
      )) as { public_key: string }[];
      const [taken] = foreign;
      if (taken) throw new DomainError('KeyTaken', `${taken.public_key} is registered by another middleware instance`);
    });
  }

  async #missing(asked: RegistrationRequest, signal: AbortSignal): Promise<string[]> {
    const held = await Promise.all(asked.publicKeys.map((key) => this.deps.relay.held(key, signal)));
    return asked.publicKeys.filter((_, index) => {
      const message = held[index]?.message;
      return (
        message?.fee_recipient.toLowerCase() !== asked.feeRecipient.toLowerCase() ||
        message.gas_limit !== (asked.gasLimit ?? DEFAULT_GAS_LIMIT)
      );
    });
  }

  #sign(asked: RegistrationRequest, pubkey: string) {
    const message = {
      fee_recipient: asked.feeRecipient.toLowerCase(),
      gas_limit: asked.gasLimit ?? DEFAULT_GAS_LIMIT,
      timestamp: String(nowSeconds(this.deps.clock)),
      pubkey,
    };
    return signRegistration(this.deps.vault, message, this.deps.genesisForkVersion);
  }
}
