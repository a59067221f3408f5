import type { BlockBody } from '../chain/signing.js';
import { epochOf, firstSlot, SLOTS_PER_EPOCH, ZERO_ROOT } from '../chain/spec.js';
import { ok, Refusal, type Request, type Route } from '../http.js';
import { data, decimal, type NodeView } from './node-view.js';
import { strings } from './state-routes.js';

/** `/eth/v1/validator/*`: duties, what to sign, liveness, registrations. */
export function validatorRoutes(view: NodeView): Route[] {
  return [
    ['POST', '/eth/v1/validator/duties/attester/{epoch}', (request) => attesterDuties(view, request)],
    ['GET', '/eth/v1/validator/duties/proposer/{epoch}', (request) => proposerDuties(view, request)],
    [
      'POST',
      '/eth/v1/validator/duties/sync/{epoch}',
      (request) => {
        dutyEpoch(view, request);
        return data(view, []);
      },
    ],
    ['GET', '/eth/v1/validator/attestation_data', (request) => attestationData(view, request)],
    ['POST', '/eth/v1/validator/liveness/{epoch}', (request) => liveness(view, request)],
    ['GET', '/eth/v3/validator/blocks/{slot}', (request) => produceBlock(view, request)],
    ['POST', '/eth/v1/validator/prepare_beacon_proposer', () => ({ status: 200 })],
    ['POST', '/eth/v1/validator/beacon_committee_subscriptions', () => ({ status: 200 })],
    [
      'POST',
      '/eth/v1/validator/register_validator',
      (request) => {
        view.relay.register(request.body);
        return { status: 200 };
      },
    ],
  ];
}

/** Duties are known for the previous, the current and the next epoch. */
function dutyEpoch(view: NodeView, request: Request): number {
  const epoch = decimal(request.params.epoch, 'epoch');
  const now = view.chain.clock.epoch();
  if (epoch > now + 1) throw new Refusal(400, `epoch ${epoch} is more than one ahead of ${now}`);
  return epoch;
}

function attesterDuties(view: NodeView, request: Request) {
  const epoch = dutyEpoch(view, request);
  const wanted = new Set(strings(request.body, 'body'));
  const duties: unknown[] = [];
  for (let slot = firstSlot(epoch); slot < firstSlot(epoch + 1); slot++) {
    const committee = view.chain.committee(slot);
    for (const [place, validator] of committee.entries()) {
      if (!wanted.has(String(validator.index))) continue;
      duties.push({
        pubkey: validator.publicKey,
        validator_index: String(validator.index),
        committee_index: '0',
        committee_length: String(committee.length),
        committees_at_slot: '1',
        validator_committee_index: String(place),
        slot: String(slot),
      });
    }
  }
  return data(view, duties, { dependent_root: dependentRoot(view, epoch - 1) });
}

function proposerDuties(view: NodeView, request: Request) {
  const epoch = dutyEpoch(view, request);
  const duties = Array.from({ length: SLOTS_PER_EPOCH }, (_, place) => {
    const slot = firstSlot(epoch) + place;
    const { publicKey, index } = view.chain.proposer(slot);
    return { pubkey: publicKey, validator_index: String(index), slot: String(slot) };
  });
  return data(view, duties, { dependent_root: dependentRoot(view, epoch) });
}

function dependentRoot(view: NodeView, epoch: number): string {
  return view.chain.attestationData(Math.max(0, firstSlot(epoch) - 1)).beacon_block_root;
}

function attestationData(view: NodeView, request: Request) {
  if (view.faults().syncing) throw new Refusal(503, 'beacon node is syncing');
  const slot = decimal(request.query.get('slot'), 'slot');
  const now = view.chain.clock.slot();
  if (slot > now + 1 || slot < now - SLOTS_PER_EPOCH) throw new Refusal(400, `slot ${slot} is not near ${now}`);
  return ok({ data: view.chain.attestationData(slot) });
}

/** The specification lets a node answer for the previous, the current and the next epoch only. */
function liveness(view: NodeView, request: Request) {
  const epoch = decimal(request.params.epoch, 'epoch');
  const now = view.chain.clock.epoch();
  if (epoch < now - 1 || epoch > now + 1) {
    throw new Refusal(400, `epoch ${epoch} is not the previous, current or next epoch (current: ${now})`);
  }
  const indices = strings(request.body, 'body');
  if (!indices.every((index) => /^\d{1,15}$/.test(index))) throw new Refusal(400, 'body must be a list of indices');
  const { blind } = view.faults();
  return ok({
    data: indices.map((index) => ({ index, is_live: !blind && view.chain.live(Number(index), epoch) })),
  });
}

/** The fee recipient comes with the request, since the sandbox's validator clients do not prepare proposers first. */
function produceBlock(view: NodeView, request: Request) {
  if (view.faults().syncing) throw new Refusal(503, 'beacon node is syncing');
  const slot = decimal(request.params.slot, 'slot');
  if (Math.abs(slot - view.chain.clock.slot()) > 1) throw new Refusal(400, `slot ${slot} is not the current slot`);
  const body: BlockBody = {
    randao_reveal: hexOf(request.query.get('randao_reveal'), 96),
    graffiti: hexOf(request.query.get('graffiti') ?? ZERO_ROOT, 32),
    fee_recipient: hexOf(request.query.get('fee_recipient') ?? `0x${'00'.repeat(20)}`, 20),
  };
  const { header } = view.chain.blockTemplate(slot, body);
  const { body_root: _, ...message } = header;
  const block = { ...message, body: { ...body, execution_payload: { fee_recipient: body.fee_recipient } } };
  return {
    status: 200,
    headers: { 'eth-consensus-version': 'electra' },
    body: {
      version: 'electra',
      execution_payload_blinded: false,
      execution_payload_value: '0',
      consensus_block_value: '0',
      epoch: String(epochOf(slot)),
      data: { block, kzg_proofs: [], blobs: [] },
    },
  };
}

function hexOf(text: string | null, bytes: number): string {
  if (!text || !new RegExp(`^0x[0-9a-f]{${bytes * 2}}$`, 'i').test(text))
    throw new Refusal(400, `expected ${bytes} bytes of 0x hex`);
  return text.toLowerCase();
}
