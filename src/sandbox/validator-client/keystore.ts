/** EIP-2335 keystores with the key derivation on libuv's threads, so that signing never waits for it. */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  pbkdf2,
  randomBytes,
  randomUUID,
  type ScryptOptions,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { promisify } from 'node:util';
import { compileSchema } from '../../validate.js';
import { type BlsSecretKey, publicKeyHex, SecretKey } from '../bls.js';

const derivePbkdf2 = promisify(pbkdf2);
const deriveScrypt = promisify<string | Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt);

interface Keystore {
  readonly crypto: {
    readonly kdf:
      | { readonly function: 'pbkdf2'; readonly params: { dklen: number; c: number; salt: string } }
      | {
          readonly function: 'scrypt';
          readonly params: { dklen: number; n: number; r: number; p: number; salt: string };
        };
    readonly checksum: { readonly message: string };
    readonly cipher: { readonly params: { readonly iv: string }; readonly message: string };
  };
  readonly path?: string;
  readonly pubkey?: string;
  readonly version: 4;
}

const hex = { type: 'string', pattern: '^([0-9a-fA-F]{2})*$', maxLength: 256 };
const dklen = { const: 32 };
const isKeystore = compileSchema<Keystore>({
  type: 'object',
  required: ['crypto', 'version'],
  properties: {
    version: { const: 4 },
    path: { type: 'string', maxLength: 256 },
    pubkey: { type: 'string', pattern: '^(0x)?[0-9a-fA-F]{96}$' },
    crypto: {
      type: 'object',
      required: ['kdf', 'checksum', 'cipher'],
      properties: {
        kdf: {
          oneOf: [
            {
              type: 'object',
              required: ['function', 'params'],
              properties: {
                function: { const: 'pbkdf2' },
                params: {
                  type: 'object',
                  required: ['dklen', 'c', 'prf', 'salt'],
                  properties: {
                    dklen,
                    c: { type: 'integer', minimum: 1, maximum: 10_000_000 },
                    prf: { const: 'hmac-sha256' },
                    salt: hex,
                  },
                },
              },
            },
            {
              type: 'object',
              required: ['function', 'params'],
              properties: {
                function: { const: 'scrypt' },
                params: {
                  type: 'object',
                  required: ['dklen', 'n', 'r', 'p', 'salt'],
                  properties: {
                    dklen,
                    n: { type: 'integer', minimum: 2, maximum: 1_048_576 },
                    r: { type: 'integer', minimum: 1, maximum: 16 },
                    p: { type: 'integer', minimum: 1, maximum: 8 },
                    salt: hex,
                  },
                },
              },
            },
          ],
        },
        checksum: {
          type: 'object',
          required: ['function', 'message'],
          properties: { function: { const: 'sha256' }, message: { type: 'string', pattern: '^[0-9a-fA-F]{64}$' } },
        },
        cipher: {
          type: 'object',
          required: ['function', 'params', 'message'],
          properties: {
            function: { const: 'aes-128-ctr' },
            params: {
              type: 'object',
              required: ['iv'],
              properties: { iv: { type: 'string', pattern: '^[0-9a-fA-F]{32}$' } },
            },
            message: { type: 'string', pattern: '^[0-9a-fA-F]{64}$' },
          },
        },
      },
    },
  },
});

export interface OpenedKeystore {
  readonly publicKey: string;
  readonly secret: BlsSecretKey;
  readonly derivationPath: string;
}

/** Decrypts; throws an Error whose message may be told to the caller and holds no secret. */
export async function openKeystore(json: string, password: string): Promise<OpenedKeystore> {
  const keystore = parse(json);
  const { kdf, checksum, cipher } = keystore.crypto;
  const key = await derive(kdf, normalised(password));
  const message = Buffer.from(cipher.message, 'hex');
  const sum = createHash('sha256').update(key.subarray(16, 32)).update(message).digest();
  if (!timingSafeEqual(sum, Buffer.from(checksum.message, 'hex'))) throw new Error('wrong password');
  const decipher = createDecipheriv('aes-128-ctr', key.subarray(0, 16), Buffer.from(cipher.params.iv, 'hex'));
  const secret = SecretKey.fromBytes(Buffer.concat([decipher.update(message), decipher.final()]));
  const publicKey = publicKeyHex(secret);
  const named = keystore.pubkey?.toLowerCase().replace(/^0x/, '');
  if (named !== undefined && `0x${named}` !== publicKey)
    throw new Error('the keystore holds another key than it names');
  return { publicKey, secret, derivationPath: keystore.path ?? '' };
}

/** The public key a keystore names, without its password; undefined when it names none. */
export function namedPublicKey(json: string): string | undefined {
  const { pubkey } = parse(json);
  return pubkey === undefined ? undefined : `0x${pubkey.toLowerCase().replace(/^0x/, '')}`;
}

/** A pbkdf2 keystore for a machine-made password: few rounds, since such a password needs no stretching. */
export async function sealKeystore(secret: BlsSecretKey, password: string, path: string): Promise<string> {
  const rounds = 4096;
  const [salt, iv] = [randomBytes(32), randomBytes(16)];
  const key = await derivePbkdf2(normalised(password), salt, rounds, 32, 'sha256');
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), iv);
  const message = Buffer.concat([cipher.update(secret.toBytes()), cipher.final()]);
  const sum = createHash('sha256').update(key.subarray(16, 32)).update(message).digest('hex');
  return JSON.stringify({
    crypto: {
      kdf: {
        function: 'pbkdf2',
        params: { dklen: 32, c: rounds, prf: 'hmac-sha256', salt: salt.toString('hex') },
        message: '',
      },
      checksum: { function: 'sha256', params: {}, message: sum },
      cipher: { function: 'aes-128-ctr', params: { iv: iv.toString('hex') }, message: message.toString('hex') },
    },
    description: 'sandbox key, worth nothing',
    pubkey: publicKeyHex(secret).slice(2),
    path,
    uuid: randomUUID(),
    version: 4,
  });
}

function parse(json: string): Keystore {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Error('the keystore is not JSON');
  }
  if (!isKeystore(value)) throw new Error('not an EIP-2335 keystore of version 4');
  return value;
}

/** EIP-2335, "Password requirements": NFKD, control codes removed, UTF-8. */
function normalised(password: string): Buffer {
  const kept = [...password.normalize('NFKD')].filter((character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0x1f && !(code >= 0x7f && code <= 0x9f);
  });
  return Buffer.from(kept.join(''), 'utf8');
}

function derive(kdf: Keystore['crypto']['kdf'], password: Buffer): Promise<Buffer> {
  const salt = Buffer.from(kdf.params.salt, 'hex');
  if (kdf.function === 'pbkdf2') return derivePbkdf2(password, salt, kdf.params.c, 32, 'sha256');
  const { n, r, p } = kdf.params;
  return deriveScrypt(password, salt, 32, { N: n, r, p, maxmem: 128 * n * r + 128 * r * p + 33_554_432 });
}
