/** Parameter schemas published in the catalog (broker.md 11) and enforced as published: JSON Schema draft-04. */
import type { Schema } from '../../src/validate.js';
import { ENCRYPTION_FORMATS } from '../encryption.js';
import type { Kind } from './document.js';

const DRAFT_04 = 'http://json-schema.org/draft-04/schema#';

const address: Schema = { type: 'string', pattern: '^0x[0-9a-fA-F]{40}$' };
const publicKeys = (maximum: number): Schema => ({
  type: 'array',
  minItems: 1,
  maxItems: maximum,
  uniqueItems: true,
  items: { type: 'string', pattern: '^0x[0-9a-fA-F]{96}$' },
  description: 'BLS public keys, 48 bytes as 0x hex; they must be under your control',
});
const encryptionPublicKey: Schema = {
  type: 'string',
  pattern: '^[A-Za-z0-9+/]{43}=$',
  description: 'base64 x25519 key; credentials come encrypted to it',
};
const encryptionFormat: Schema = {
  type: 'string',
  enum: [...ENCRYPTION_FORMATS],
  description:
    'how they are encrypted to your key: for a wallet (the first, when left out), or as a compact JWE with ECDH-ES',
};
const encryption = { encryption_public_key: encryptionPublicKey, encryption_format: encryptionFormat };
const gasLimit: Schema = {
  anyOf: [
    { type: 'string', pattern: '^[1-9][0-9]{0,18}$' },
    { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
  ],
};

function schema(properties: Record<string, Schema>, required: readonly string[] = []): Schema {
  return {
    $schema: DRAFT_04,
    type: 'object',
    additionalProperties: false,
    ...(required.length > 0 ? { required } : {}),
    properties,
  };
}

export interface ParameterSchemas {
  readonly create: Schema;
  readonly update: Schema;
  /** Absent when the plan cannot be bound. */
  readonly bind?: Schema;
}

/** @param keysPerInstance most keys one instance may claim. */
export function parameterSchemas(kind: Kind, keysPerInstance: number): ParameterSchemas {
  const settings = {
    fee_recipient: { ...address, description: 'needs a policy that permits it' },
    gas_limit: gasLimit,
    graffiti: { type: 'string', maxLength: 32, description: 'at most 32 bytes of UTF-8' },
  };
  switch (kind) {
    case 'validator':
    case 'bundle': {
      const wish = {
        keys: { type: 'integer', minimum: 1, maximum: keysPerInstance, description: 'how many keys; 1 when left out' },
        public_keys: publicKeys(keysPerInstance),
        ...settings,
        region: { type: 'string', minLength: 1, maxLength: 63 },
        wish: { type: 'string', enum: ['soft', 'hard'] },
      };
      return {
        create: schema({
          ...wish,
          withdrawal_address: { ...address, description: 'only when you fund the deposit yourself' },
          ...encryption,
        }),
        update: schema(wish),
        bind: schema(encryption),
      };
    }
    case 'rpc': {
      const upstream = {
        validator_instance_id: {
          type: 'string',
          minLength: 1,
          maxLength: 255,
          description: 'an instance of yours: calls go to the node behind its keys and follow their moves',
        },
        allowed_origins: {
          type: 'array',
          maxItems: 32,
          uniqueItems: true,
          items: { type: 'string', pattern: '^https?://[^/\\s]{1,253}$' },
        },
      };
      return {
        create: schema({ ...upstream, ...encryption }),
        update: schema(upstream),
        bind: schema({ allowed_origins: upstream.allowed_origins, ...encryption }),
      };
    }
    case 'middleware': {
      const registration = {
        public_keys: publicKeys(keysPerInstance),
        fee_recipient: address,
        gas_limit: gasLimit,
      };
      return { create: schema(registration, ['public_keys', 'fee_recipient']), update: schema(registration) };
    }
  }
}
