import bls from '@chainsafe/bls';
import { ByteVectorType, ContainerType, fromHexString, toHexString, UintBigintType } from '@chainsafe/ssz';
import { DomainError } from '../errors.js';
import { decryptKeystore, parseKeystore } from './vault/keystore-codec.js';
import type { Vault } from './vault/vault.js';

/** What a validator tells a relay (builder-specs, ValidatorRegistrationV1), as the builder API writes it. */
export interface ValidatorRegistration {
  /** 0x, 20 bytes. */
  readonly fee_recipient: string;
  /** Decimal. */
  readonly gas_limit: string;
  /** Seconds since 1970, decimal. */
  readonly timestamp: string;
  /** Lower-case 0x, 48 bytes. */
  readonly pubkey: string;
}

const Bytes32 = new ByteVectorType(32);
const Version = new ByteVectorType(4);
const Uint64 = new UintBigintType(8);
const Registration = new ContainerType({
  feeRecipient: new ByteVectorType(20),
  gasLimit: Uint64,
  timestamp: Uint64,
  pubkey: new ByteVectorType(48),
});
const ForkData = new ContainerType({ currentVersion: Version, genesisValidatorsRoot: Bytes32 });
const SigningData = new ContainerType({ objectRoot: Bytes32, domain: Bytes32 });
/** DOMAIN_APPLICATION_BUILDER (builder-specs): no consensus message is ever signed in it, so nothing here is slashable. */
const BUILDER_DOMAIN_TYPE = Uint8Array.of(0, 0, 0, 1);

/** The signing root: the builder domain is computed with the genesis fork version and an empty validators root. */
function registrationSigningRoot(message: ValidatorRegistration, genesisForkVersion: string): Uint8Array {
  const forkData = ForkData.hashTreeRoot({
    currentVersion: fromHexString(genesisForkVersion),
    genesisValidatorsRoot: new Uint8Array(32),
  });
  const domain = Buffer.concat([BUILDER_DOMAIN_TYPE, forkData.subarray(0, 28)]);
  const objectRoot = Registration.hashTreeRoot({
    feeRecipient: fromHexString(message.fee_recipient),
    gasLimit: BigInt(message.gas_limit),
    timestamp: BigInt(message.timestamp),
    pubkey: fromHexString(message.pubkey),
  });
  return SigningData.hashTreeRoot({ objectRoot, domain });
}

/**
 * Signs with a key of the vault; the secret lives only for the call.
 * @param genesisForkVersion 0x, 4 bytes, from configuration and never from a caller (security.md C7).
 * @throws DomainError `UnknownKey` when the vault does not hold it.
 */
export async function signRegistration(
  vault: Pick<Vault, 'export'>,
  message: ValidatorRegistration,
  genesisForkVersion: string,
): Promise<{ readonly message: ValidatorRegistration; readonly signature: string }> {
  const held = await vault.export(message.pubkey);
  if (held === undefined) throw new DomainError('UnknownKey', `the vault does not hold ${message.pubkey}`);
  const secret = await decryptKeystore(parseKeystore(held.keystore), held.password);
  try {
    const key = bls.SecretKey.fromBytes(secret);
    const signature = key.sign(registrationSigningRoot(message, genesisForkVersion));
    return { message, signature: toHexString(signature.toBytes()) };
  } finally {
    secret.fill(0);
  }
}
