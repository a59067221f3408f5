import { compileSchema, problems } from '../../validate.js';
import { type AttestationData, blockBodyRoot } from '../chain/signing.js';
import { Refusal, type Request, type Route } from '../http.js';
import { readBitlist } from './block-routes.js';
import type { NodeView } from './node-view.js';

const number = { type: 'string', pattern: '^\\d{1,15}$' };
const root = { type: 'string', pattern: '^0x[0-9a-fA-F]{64}$' };
const signature = { type: 'string', pattern: '^0x[0-9a-fA-F]{192}$' };
const object = (properties: Record<string, unknown>) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
});
const checkpoint = object({ epoch: number, root });
const attestationData = object({
  slot: number,
  index: number,
  beacon_block_root: root,
  source: checkpoint,
  target: checkpoint,
});

interface Vote {
  readonly data: AttestationData;
  readonly signature: string;
}

const isSingle = compileSchema<(Vote & { attester_index: string })[]>({
  type: 'array',
  maxItems: 10_000,
  items: object({ committee_index: number, attester_index: number, data: attestationData, signature }),
});
const isAttestations = compileSchema<(Vote & { aggregation_bits: string })[]>({
  type: 'array',
  maxItems: 10_000,
  items: object({ aggregation_bits: { type: 'string' }, data: attestationData, signature }),
});
const isSignedBlock = compileSchema<{
  message: {
    slot: string;
    proposer_index: string;
    parent_root: string;
    state_root: string;
    body: { randao_reveal: string; graffiti: string; execution_payload: { fee_recipient: string } };
  };
  signature: string;
}>(
  object({
    message: object({
      slot: number,
      proposer_index: number,
      parent_root: root,
      state_root: root,
      body: object({
        randao_reveal: signature,
        graffiti: root,
        execution_payload: object({ fee_recipient: { type: 'string', pattern: '^0x[0-9a-fA-F]{40}$' } }),
      }),
    }),
    signature,
  }),
);

/** What validator clients publish: attestations (phase 0 and single ones of Electra) and blocks. */
export function poolRoutes(view: NodeView): Route[] {
  return [
    ['POST', '/eth/v2/beacon/pool/attestations', (request) => singleAttestations(view, request)],
    ['POST', '/eth/v1/beacon/pool/attestations', (request) => attestations(view, request)],
    ['POST', '/eth/v2/beacon/blocks', (request) => publishBlock(view, request)],
  ];
}

function singleAttestations(view: NodeView, request: Request) {
  if (!isSingle(request.body)) throw new Refusal(400, problems(isSingle.errors)[0] ?? 'malformed');
  return accept(
    view,
    request,
    request.body.map((vote) => ({ ...vote, index: Number(vote.attester_index) })),
  );
}

function attestations(view: NodeView, request: Request) {
  if (!isAttestations(request.body)) throw new Refusal(400, problems(isAttestations.errors)[0] ?? 'malformed');
  return accept(
    view,
    request,
    request.body.map((vote) => ({ ...vote, index: onlyVoter(view, vote) })),
  );
}

function onlyVoter(view: NodeView, vote: Vote & { aggregation_bits: string }): number {
  const bits = readBitlist(vote.aggregation_bits) ?? [];
  const place = bits.indexOf(true);
  return view.chain.committee(Number(vote.data.slot))[place]?.index ?? -1;
}

function accept(view: NodeView, request: Request, votes: readonly (Vote & { index: number })[]) {
  const sender = senderOf(view, request);
  const failures: { index: number; message: string }[] = [];
  for (const [place, vote] of votes.entries()) {
    const acceptance = view.chain.acceptAttestation(vote.data, vote.index, vote.signature, sender);
    if (acceptance !== 'accepted') failures.push({ index: place, message: acceptance });
  }
  if (failures.length > 0) throw new Refusal(400, 'some attestations were refused', { failures });
  return { status: 200 };
}

function publishBlock(view: NodeView, request: Request) {
  if (!isSignedBlock(request.body)) throw new Refusal(400, problems(isSignedBlock.errors)[0] ?? 'malformed');
  const { message, signature: signed } = request.body;
  const body = {
    randao_reveal: message.body.randao_reveal.toLowerCase(),
    graffiti: message.body.graffiti.toLowerCase(),
    fee_recipient: message.body.execution_payload.fee_recipient.toLowerCase(),
  };
  const { slot, proposer_index, parent_root, state_root } = message;
  const header = { slot, proposer_index, parent_root, state_root, body_root: blockBodyRoot(body) };
  const acceptance = view.chain.acceptBlock(header, body, signed, senderOf(view, request));
  if (acceptance === 'invalid') throw new Refusal(400, 'invalid block');
  // 202 as in the specification: broadcast, but not taken into the chain.
  return { status: acceptance === 'late' ? 202 : 200 };
}

/** The sandbox's validator clients name themselves; anything else is known by the node it talks to. */
function senderOf(view: NodeView, request: Request): string {
  const agent = request.headers['user-agent'] ?? '';
  const named = /^ovsb-sandbox-validator-client\/([a-z0-9-]{1,64})$/.exec(agent);
  return named?.[1] ?? `via ${view.name}`;
}
