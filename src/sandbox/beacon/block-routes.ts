import type { Block, IncludedVotes } from '../chain/block.js';
import { EMPTY_SIGNATURE } from '../chain/block.js';
import { Refusal, type Request, type Route } from '../http.js';
import { data, type NodeView } from './node-view.js';

/** Headers and blocks. A block's body holds only what the simulation has: randao, graffiti, fee recipient, attestations. */
export function blockRoutes(view: NodeView): Route[] {
  return [
    ['GET', '/eth/v1/beacon/headers', () => data(view, [presentHeader(view.chain.head())])],
    ['GET', '/eth/v1/beacon/headers/{block_id}', (request) => data(view, presentHeader(blockOf(view, request)))],
    ['GET', '/eth/v1/beacon/blocks/{block_id}/root', (request) => data(view, { root: blockOf(view, request).root })],
    [
      'GET',
      '/eth/v2/beacon/blocks/{block_id}',
      (request) => data(view, presentBlock(view, blockOf(view, request)), { version: 'electra' }),
    ],
    [
      'GET',
      '/eth/v2/beacon/blocks/{block_id}/attestations',
      (request) =>
        data(
          view,
          blockOf(view, request).attestations.map((votes) => presentVotes(view, votes)),
          { version: 'electra' },
        ),
    ],
  ];
}

function blockOf(view: NodeView, request: Request): Block {
  const id = request.params.block_id ?? '';
  const { chain } = view;
  if (id === 'head') return chain.head();
  if (id === 'finalized') return known(chain.blockByRoot(chain.finality().finalized.root));
  if (id === 'justified') return known(chain.blockByRoot(chain.finality().current_justified.root));
  if (id === 'genesis') return known(chain.blockAt(0));
  if (/^\d{1,15}$/.test(id)) return known(Number(id) > chain.clock.slot() ? undefined : chain.blockAt(Number(id)));
  if (/^0x[0-9a-f]{64}$/i.test(id)) return known(chain.blockByRoot(id.toLowerCase()));
  throw new Refusal(400, `invalid block id: ${id.slice(0, 80)}`);
}

function known(block: Block | undefined): Block {
  if (!block) throw new Refusal(404, 'block not found');
  return block;
}

function presentHeader(block: Block) {
  return { root: block.root, canonical: true, header: { message: block.header, signature: block.signature } };
}

function presentBlock(view: NodeView, block: Block) {
  const { slot, proposer_index, parent_root, state_root } = block.header;
  const body = {
    randao_reveal: block.randaoReveal,
    graffiti: block.graffiti,
    proposer_slashings: [],
    attester_slashings: [],
    attestations: block.attestations.map((votes) => presentVotes(view, votes)),
    deposits: [],
    voluntary_exits: [],
    execution_payload: { fee_recipient: block.feeRecipient },
  };
  return { message: { slot, proposer_index, parent_root, state_root, body }, signature: block.signature };
}

/** An Electra attestation of the one committee; the simulation keeps no aggregate signature. */
function presentVotes(view: NodeView, votes: IncludedVotes) {
  const committee = view.chain.committee(Number(votes.data.slot));
  const voters = new Set(votes.indices);
  const bits = committee.map((validator) => voters.has(validator.index));
  return { aggregation_bits: bitlist(bits), data: votes.data, signature: EMPTY_SIGNATURE, committee_bits: '0x01' };
}

/** SSZ bitlist: the bit after the last marks the length. */
function bitlist(bits: readonly boolean[]): string {
  const bytes = Buffer.alloc(Math.floor(bits.length / 8) + 1);
  for (const [place, set] of [...bits, true].entries()) {
    if (set) bytes[place >> 3] = (bytes[place >> 3] ?? 0) | (1 << (place & 7));
  }
  return `0x${bytes.toString('hex')}`;
}

/** The bits of an SSZ bitlist, or undefined when it has no length bit. */
export function readBitlist(text: string): boolean[] | undefined {
  if (!/^0x([0-9a-f]{2}){1,256}$/i.test(text)) return undefined;
  const bytes = Buffer.from(text.slice(2), 'hex');
  const last = bytes.at(-1) ?? 0;
  if (last === 0) return undefined;
  const length = (bytes.length - 1) * 8 + (31 - Math.clz32(last));
  return Array.from({ length }, (_, place) => (((bytes[place >> 3] ?? 0) >> (place & 7)) & 1) === 1);
}
