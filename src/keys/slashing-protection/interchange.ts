import { DomainError } from '../../errors.js';
import { compileSchema, problems } from '../../validate.js';
import type { SignedAttestation, SignedBlock } from './rules.js';
import { highest, type Watermark } from './watermark.js';

/** What an interchange document says of one key. */
export interface KeyHistory {
  /** Lower-case 0x, 48 bytes. */
  readonly publicKey: string;
  readonly blocks: readonly SignedBlock[];
  readonly attestations: readonly SignedAttestation[];
}

export interface Interchange {
  /** Lower-case 0x, 32 bytes. */
  readonly genesisValidatorsRoot: string;
  readonly keys: readonly KeyHistory[];
}

/** EIP-3076's numbers are uint64; ours end at PostgreSQL's bigint, far above any slot that can exist. */
const LARGEST = 2n ** 63n - 1n;
const MAX_CHARACTERS = 64 * 1024 * 1024;

const hex = (bytes: number) => ({ type: 'string', pattern: `^0x[0-9a-fA-F]{${bytes * 2}}$` });
const number = { type: 'string', pattern: '^(0|[1-9][0-9]{0,18})$' };
const root = { anyOf: [hex(32), { type: 'null' }] };
const list = (properties: object, required: string[]) => ({
  type: 'array',
  items: { type: 'object', properties, required },
});

interface Wire {
  metadata: { interchange_format_version: string | number; genesis_validators_root: string };
  data: {
    pubkey: string;
    signed_blocks: { slot: string; signing_root?: string | null }[];
    signed_attestations: { source_epoch: string; target_epoch: string; signing_root?: string | null }[];
  }[];
}

const isWire = compileSchema<Wire>({
  type: 'object',
  required: ['metadata', 'data'],
  properties: {
    metadata: {
      type: 'object',
      required: ['interchange_format_version', 'genesis_validators_root'],
      properties: { interchange_format_version: { enum: ['5', 5] }, genesis_validators_root: hex(32) },
    },
    data: list(
      {
        pubkey: hex(48),
        signed_blocks: list({ slot: number, signing_root: root }, ['slot']),
        signed_attestations: list({ source_epoch: number, target_epoch: number, signing_root: root }, [
          'source_epoch',
          'target_epoch',
        ]),
      },
      ['pubkey', 'signed_blocks', 'signed_attestations'],
    ),
  },
});

/**
 * Reads EIP-3076 interchange, version 5: strict in what must be there, tolerant of absent signing roots and of fields it
 * does not know. A key named twice is joined.
 * @throws DomainError `InterchangeRefused`; facts: `faults`.
 */
export function parseInterchange(text: string): Interchange {
  if (text.length > MAX_CHARACTERS) throw refused(['it is too large']);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw refused(['it is not JSON']);
  }
  if (!isWire(document)) throw refused(problems(isWire.errors, 'interchange').slice(0, 20));
  const keys = new Map<string, { publicKey: string; blocks: SignedBlock[]; attestations: SignedAttestation[] }>();
  for (const entry of document.data) {
    const publicKey = entry.pubkey.toLowerCase();
    const history = keys.get(publicKey) ?? { publicKey, blocks: [], attestations: [] };
    keys.set(publicKey, history);
    for (const block of entry.signed_blocks) {
      history.blocks.push({ slot: count(block.slot), signingRoot: block.signing_root?.toLowerCase() });
    }
    for (const attestation of entry.signed_attestations) {
      history.attestations.push({
        sourceEpoch: count(attestation.source_epoch),
        targetEpoch: count(attestation.target_epoch),
        signingRoot: attestation.signing_root?.toLowerCase(),
      });
    }
  }
  return { genesisValidatorsRoot: document.metadata.genesis_validators_root.toLowerCase(), keys: [...keys.values()] };
}

export function serialiseInterchange(interchange: Interchange): string {
  const rooted = (signingRoot: string | undefined) => (signingRoot === undefined ? {} : { signing_root: signingRoot });
  const wire: Wire = {
    metadata: { interchange_format_version: '5', genesis_validators_root: interchange.genesisValidatorsRoot },
    data: interchange.keys.map((key) => ({
      pubkey: key.publicKey,
      signed_blocks: key.blocks.map((block) => ({ slot: String(block.slot), ...rooted(block.signingRoot) })),
      signed_attestations: key.attestations.map((attestation) => ({
        source_epoch: String(attestation.sourceEpoch),
        target_epoch: String(attestation.targetEpoch),
        ...rooted(attestation.signingRoot),
      })),
    })),
  };
  return JSON.stringify(wire);
}

/** The least document that refuses everything at or below the watermark: what a move hands over (security.md, A8). */
export function minimalHistory(publicKey: string, mark: Watermark): KeyHistory {
  return {
    publicKey,
    blocks: mark.slot === undefined ? [] : [{ slot: mark.slot }],
    attestations:
      mark.targetEpoch === undefined ? [] : [{ sourceEpoch: mark.sourceEpoch ?? 0n, targetEpoch: mark.targetEpoch }],
  };
}

/** The highest values in a key's history. */
export function watermarkOf(history: Pick<KeyHistory, 'blocks' | 'attestations'>): Watermark {
  return highest(
    ...history.blocks.map(({ slot }) => ({ slot })),
    ...history.attestations.map(({ sourceEpoch, targetEpoch }) => ({ sourceEpoch, targetEpoch })),
  );
}

function count(text: string): bigint {
  const value = BigInt(text);
  if (value > LARGEST) throw refused([`${text} is beyond any slot or epoch`]);
  return value;
}

function refused(faults: readonly string[]): DomainError<'InterchangeRefused'> {
  return new DomainError('InterchangeRefused', `interchange refused: ${faults.join('; ')}`, { faults });
}
