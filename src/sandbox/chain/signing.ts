/** Signing roots by SSZ, as the consensus specification (phase0, "Signing") and the builder specification define them. */
import {
  ByteVectorType,
  ContainerType,
  fromHexString,
  toHexString,
  UintBigintType,
  UintNumberType,
} from '@chainsafe/ssz';
import { DOMAIN, FORK_VERSIONS, ZERO_ROOT } from './spec.js';

const Root = new ByteVectorType(32);
const Version = new ByteVectorType(4);
const Address = new ByteVectorType(20);
const PublicKey = new ByteVectorType(48);
const BlsSignature = new ByteVectorType(96);
const Uint64 = new UintNumberType(8);
const Gwei = new UintBigintType(8);

const Checkpoint = new ContainerType({ epoch: Uint64, root: Root });
const AttestationDataType = new ContainerType({
  slot: Uint64,
  index: Uint64,
  beaconBlockRoot: Root,
  source: Checkpoint,
  target: Checkpoint,
});
const BlockHeaderType = new ContainerType({
  slot: Uint64,
  proposerIndex: Uint64,
  parentRoot: Root,
  stateRoot: Root,
  bodyRoot: Root,
});
const BlockBodyType = new ContainerType({ randaoReveal: BlsSignature, graffiti: Root, feeRecipient: Address });
const ForkData = new ContainerType({ currentVersion: Version, genesisValidatorsRoot: Root });
const SigningData = new ContainerType({ objectRoot: Root, domain: Root });
const RegistrationType = new ContainerType({
  feeRecipient: Address,
  gasLimit: Uint64,
  timestamp: Uint64,
  pubkey: PublicKey,
});
const DepositMessageType = new ContainerType({ pubkey: PublicKey, withdrawalCredentials: Root, amount: Gwei });

/** As the Beacon API writes it: numbers as decimal strings, roots as 0x hex. */
export interface AttestationData {
  readonly slot: string;
  readonly index: string;
  readonly beacon_block_root: string;
  readonly source: { readonly epoch: string; readonly root: string };
  readonly target: { readonly epoch: string; readonly root: string };
}

export interface BlockHeader {
  readonly slot: string;
  readonly proposer_index: string;
  readonly parent_root: string;
  readonly state_root: string;
  readonly body_root: string;
}

/** The part of a block body the sandbox's blocks commit to. */
export interface BlockBody {
  readonly randao_reveal: string;
  readonly graffiti: string;
  readonly fee_recipient: string;
}

export interface Registration {
  readonly fee_recipient: string;
  readonly gas_limit: string;
  readonly timestamp: string;
  readonly pubkey: string;
}

/** compute_domain: the first 28 bytes of the fork data root after the 4 bytes of the domain type. */
export function domain(type: string, forkVersion: string, genesisValidatorsRoot: string): Uint8Array {
  const forkDataRoot = ForkData.hashTreeRoot({
    currentVersion: fromHexString(forkVersion),
    genesisValidatorsRoot: fromHexString(genesisValidatorsRoot),
  });
  return Buffer.concat([fromHexString(type), forkDataRoot.subarray(0, 28)]);
}

function signingRoot(objectRoot: Uint8Array, domainBytes: Uint8Array): Uint8Array {
  return SigningData.hashTreeRoot({ objectRoot, domain: domainBytes });
}

export function attestationDataRoot(data: AttestationData): Uint8Array {
  return AttestationDataType.hashTreeRoot({
    slot: Number(data.slot),
    index: Number(data.index),
    beaconBlockRoot: fromHexString(data.beacon_block_root),
    source: { epoch: Number(data.source.epoch), root: fromHexString(data.source.root) },
    target: { epoch: Number(data.target.epoch), root: fromHexString(data.target.root) },
  });
}

export function attestationSigningRoot(
  data: AttestationData,
  genesisValidatorsRoot: string,
  forkVersion: string = FORK_VERSIONS.electra,
): Uint8Array {
  return signingRoot(attestationDataRoot(data), domain(DOMAIN.beaconAttester, forkVersion, genesisValidatorsRoot));
}

/** A header's root is its block's root. */
export function blockRoot(header: BlockHeader): string {
  return toHexString(headerRoot(header));
}

function headerRoot(header: BlockHeader): Uint8Array {
  return BlockHeaderType.hashTreeRoot({
    slot: Number(header.slot),
    proposerIndex: Number(header.proposer_index),
    parentRoot: fromHexString(header.parent_root),
    stateRoot: fromHexString(header.state_root),
    bodyRoot: fromHexString(header.body_root),
  });
}

export function blockSigningRoot(header: BlockHeader, genesisValidatorsRoot: string): Uint8Array {
  return signingRoot(headerRoot(header), domain(DOMAIN.beaconProposer, FORK_VERSIONS.electra, genesisValidatorsRoot));
}

export function blockBodyRoot(body: BlockBody): string {
  return toHexString(
    BlockBodyType.hashTreeRoot({
      randaoReveal: fromHexString(body.randao_reveal),
      graffiti: fromHexString(body.graffiti),
      feeRecipient: fromHexString(body.fee_recipient),
    }),
  );
}

export function randaoSigningRoot(epoch: number, genesisValidatorsRoot: string): Uint8Array {
  return signingRoot(Uint64.hashTreeRoot(epoch), domain(DOMAIN.randao, FORK_VERSIONS.electra, genesisValidatorsRoot));
}

/** Builder registrations are signed over the genesis fork version and a zero genesis validators root. */
export function registrationSigningRoot(message: Registration): Uint8Array {
  const objectRoot = RegistrationType.hashTreeRoot({
    feeRecipient: fromHexString(message.fee_recipient),
    gasLimit: Number(message.gas_limit),
    timestamp: Number(message.timestamp),
    pubkey: fromHexString(message.pubkey),
  });
  return signingRoot(objectRoot, domain(DOMAIN.applicationBuilder, FORK_VERSIONS.genesis, ZERO_ROOT));
}

/** Deposits are valid on every fork: genesis fork version, zero root. Amount in gwei. */
export function depositSigningRoot(message: {
  readonly pubkey: string;
  readonly withdrawal_credentials: string;
  readonly amountGwei: bigint;
}): Uint8Array {
  const objectRoot = DepositMessageType.hashTreeRoot({
    pubkey: fromHexString(message.pubkey),
    withdrawalCredentials: fromHexString(message.withdrawal_credentials),
    amount: message.amountGwei,
  });
  return signingRoot(objectRoot, domain(DOMAIN.deposit, FORK_VERSIONS.genesis, ZERO_ROOT));
}
