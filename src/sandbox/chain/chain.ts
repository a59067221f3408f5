import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { hex, verifies } from '../bls.js';
import { readJson, writeDurably } from '../files.js';
import type { Referee, SeenSignature } from '../referee/referee.js';
import { SegmentedLog } from '../segmented-log.js';
import { type Block, genesisBlock, type IncludedVotes, stateRootAfter } from './block.js';
import { type Checkpoints, GENESIS_CHECKPOINTS, nextCheckpoints } from './finality.js';
import {
  type AttestationData,
  attestationDataRoot,
  attestationSigningRoot,
  type BlockBody,
  type BlockHeader,
  blockBodyRoot,
  blockRoot,
  blockSigningRoot,
} from './signing.js';
import type { SlotClock } from './slot-clock.js';
import { epochOf, firstSlot, SLOTS_PER_EPOCH } from './spec.js';
import type { Validator, Validators } from './validators.js';

/** Half a day of one-second slots per file; older blocks are dropped. */
const BLOCK_LOG = { lines: 20_000, read: 2, keep: 2 };

export type Acceptance = 'accepted' | 'invalid' | 'late';

/**
 * One simulated beacon chain. Every signature that verifies goes to the referee first, whether the chain then uses it
 * or not. Time is the wall clock's; checkpoints, blocks and deposits are on disk, votes are rebuilt from the referee.
 */
export class Chain {
  private readonly votes = new Map<number, Set<number>>();
  private readonly proposers = new Map<number, Set<number>>();
  private readonly pending = new Map<string, { data: AttestationData; indices: Set<number> }>();
  private readonly blocks: Block[];
  private readonly byRoot = new Map<string, Block>();
  private readonly log: SegmentedLog<null, Block>;
  private readonly listeners = new Set<(block: Block) => void>();
  private checkpoints: Checkpoints;

  constructor(
    private readonly folder: string,
    readonly clock: SlotClock,
    readonly genesisValidatorsRoot: string,
    readonly validators: Validators,
    private readonly referee: Referee,
  ) {
    const { log, entries } = SegmentedLog.open<null, Block>(join(folder, 'blocks'), BLOCK_LOG);
    this.log = log;
    this.blocks = [genesisBlock(genesisValidatorsRoot), ...entries];
    for (const block of this.blocks) this.byRoot.set(block.root, block);
    this.checkpoints = readJson<Checkpoints>(join(folder, 'checkpoints.json')) ?? GENESIS_CHECKPOINTS;
    for (const seen of referee.attestationsSince(this.checkpoints.processed - 2)) this.countAgain(seen);
    for (const seen of referee.blocksSince(firstSlot(Math.max(0, this.checkpoints.processed - 2)))) {
      this.proposed(epochOf(seen.slot), this.validators.byPublicKey(seen.public_key)?.index);
    }
  }

  head(): Block {
    return this.blockAtOrBefore(this.clock.slot());
  }

  blockByRoot(root: string): Block | undefined {
    return this.byRoot.get(root);
  }

  blockAt(slot: number): Block | undefined {
    const block = this.blockAtOrBefore(slot);
    return block.slot === slot ? block : undefined;
  }

  /** Checkpoints as epochs with their roots, now. */
  finality() {
    this.advance();
    const at = (epoch: number) => ({ epoch: String(epoch), root: this.checkpointRoot(epoch) });
    return {
      previous_justified: at(this.checkpoints.previousJustified),
      current_justified: at(this.checkpoints.justified),
      finalized: at(this.checkpoints.finalized),
    };
  }

  /** What every attester of `slot` signs as long as the head stays. */
  attestationData(slot: number): AttestationData {
    this.advance();
    const epoch = epochOf(slot);
    return {
      slot: String(slot),
      index: '0',
      beacon_block_root: this.blockAtOrBefore(slot).root,
      source: { epoch: String(this.checkpoints.justified), root: this.checkpointRoot(this.checkpoints.justified) },
      target: { epoch: String(epoch), root: this.checkpointRoot(epoch) },
    };
  }

  /** Each active validator attests in one slot of every epoch; one committee per slot, in index order. */
  attesterSlot(index: number, epoch: number): number {
    return firstSlot(epoch) + ((index + 3 * epoch) % SLOTS_PER_EPOCH);
  }

  committee(slot: number): Validator[] {
    const epoch = epochOf(slot);
    return this.validators.active(epoch).filter((validator) => this.attesterSlot(validator.index, epoch) === slot);
  }

  /** By hash of the slot over the validators active from genesis on, so that it never changes. */
  proposer(slot: number): Validator {
    const active = this.validators.active(0);
    const seed = createHash('sha256').update(`${this.genesisValidatorsRoot} proposer ${slot}`).digest();
    const chosen = active[seed.readUInt32BE(0) % active.length];
    if (!chosen) throw new Error('the sandbox chain has no validators');
    return chosen;
  }

  /** Live: an attestation for the epoch as target, or a block in it, was seen. */
  live(index: number, epoch: number): boolean {
    return (this.votes.get(epoch)?.has(index) ?? false) || (this.proposers.get(epoch)?.has(index) ?? false);
  }

  participation(epoch: number): number {
    return (this.votes.get(epoch)?.size ?? 0) / Math.max(1, this.validators.active(epoch).length);
  }

  /** Parts of the next block; the proposer adds its own signature over the header. */
  blockTemplate(slot: number, body: BlockBody): { header: BlockHeader } {
    const parent = this.blockAtOrBefore(slot - 1);
    return {
      header: {
        slot: String(slot),
        proposer_index: String(this.proposer(slot).index),
        parent_root: parent.root,
        state_root: stateRootAfter(parent.root, slot),
        body_root: blockBodyRoot(body),
      },
    };
  }

  acceptAttestation(data: AttestationData, index: number, signature: string, sender: string): Acceptance {
    const validator = this.validators.byIndex(index);
    if (!validator) return 'invalid';
    const root = attestationSigningRoot(data, this.genesisValidatorsRoot);
    if (!verifies(validator.publicKey, root, signature)) return 'invalid';
    const [slot, source, target] = [Number(data.slot), Number(data.source.epoch), Number(data.target.epoch)];
    this.referee.see({
      public_key: validator.publicKey,
      kind: 'attestation',
      slot,
      source,
      target,
      signing_root: hex(root),
      validator_client: sender,
      at: Date.now(),
    });
    const now = this.clock.epoch();
    if (target !== epochOf(slot) || target > now || target < now - 1) return 'late';
    this.vote(target, index);
    const key = hex(attestationDataRoot(data));
    const group = this.pending.get(key) ?? { data, indices: new Set<number>() };
    this.pending.set(key, group);
    group.indices.add(index);
    return 'accepted';
  }

  acceptBlock(header: BlockHeader, body: BlockBody, signature: string, sender: string): Acceptance {
    const validator = this.validators.byIndex(Number(header.proposer_index));
    if (!validator || header.body_root !== blockBodyRoot(body)) return 'invalid';
    const root = blockSigningRoot(header, this.genesisValidatorsRoot);
    if (!verifies(validator.publicKey, root, signature)) return 'invalid';
    const slot = Number(header.slot);
    this.referee.see({
      public_key: validator.publicKey,
      kind: 'block',
      slot,
      signing_root: hex(root),
      validator_client: sender,
      at: Date.now(),
    });
    this.proposed(epochOf(slot), validator.index);
    const fits = header.parent_root === this.blockAtOrBefore(slot - 1).root && validator === this.proposer(slot);
    const now = this.clock.slot();
    if (slot > now || slot < now - 1 || this.blockAtOrBefore(now).slot >= slot) return 'late';
    if (!fits) return 'invalid';
    this.extend(header, body, signature);
    return 'accepted';
  }

  onBlock(listener: (block: Block) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.log.close();
    this.validators.close();
  }

  private extend(header: BlockHeader, body: BlockBody, signature: string): void {
    const slot = Number(header.slot);
    const block: Block = {
      slot,
      proposerIndex: Number(header.proposer_index),
      root: blockRoot(header),
      header,
      randaoReveal: body.randao_reveal,
      graffiti: body.graffiti,
      feeRecipient: body.fee_recipient,
      signature,
      attestations: this.takePending(slot),
    };
    this.log.append(block, () => null);
    this.blocks.push(block);
    this.byRoot.set(block.root, block);
    if (this.blocks.length > BLOCK_LOG.lines * BLOCK_LOG.read) {
      const dropped = this.blocks.shift();
      if (dropped) this.byRoot.delete(dropped.root);
    }
    for (const listener of this.listeners) listener(block);
  }

  /** Attestations of earlier slots that no block carries yet; those older than an epoch are dropped. */
  private takePending(slot: number): IncludedVotes[] {
    const taken: IncludedVotes[] = [];
    for (const [key, group] of this.pending) {
      const voted = Number(group.data.slot);
      if (voted >= slot) continue;
      this.pending.delete(key);
      if (voted >= slot - SLOTS_PER_EPOCH)
        taken.push({ data: group.data, indices: [...group.indices].sort((a, b) => a - b) });
    }
    return taken;
  }

  private checkpointRoot(epoch: number): string {
    return this.blockAtOrBefore(firstSlot(epoch)).root;
  }

  /** The newest block not after `slot`; the oldest kept when all are after it. */
  private blockAtOrBefore(slot: number): Block {
    let [low, high] = [0, this.blocks.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.blocks[middle]?.slot ?? 0) <= slot) low = middle;
      else high = middle - 1;
    }
    const block = this.blocks[low];
    if (!block) throw new Error('the sandbox chain has no genesis block');
    return block;
  }

  private advance(): void {
    const epoch = this.clock.epoch();
    if (this.checkpoints.processed >= epoch) return;
    while (this.checkpoints.processed < epoch) {
      this.checkpoints = nextCheckpoints(this.checkpoints, (target) => this.supported(target));
    }
    writeDurably(join(this.folder, 'checkpoints.json'), JSON.stringify(this.checkpoints));
    for (const old of this.votes.keys()) if (old < epoch - 16) this.votes.delete(old);
    for (const old of this.proposers.keys()) if (old < epoch - 16) this.proposers.delete(old);
  }

  private supported(target: number): boolean {
    const voters = this.votes.get(target);
    if (!voters) return false;
    return voters.size * 3 >= this.validators.active(target).length * 2;
  }

  private vote(epoch: number, index: number): void {
    const voters = this.votes.get(epoch) ?? new Set();
    this.votes.set(epoch, voters.add(index));
  }

  private proposed(epoch: number, index: number | undefined): void {
    if (index === undefined) return;
    const proposers = this.proposers.get(epoch) ?? new Set();
    this.proposers.set(epoch, proposers.add(index));
  }

  /** Only what came in time counts as a vote; a signature's arrival decides. */
  private countAgain(seen: SeenSignature): void {
    const validator = this.validators.byPublicKey(seen.public_key);
    if (validator && seen.target !== undefined && seen.target === epochOf(seen.slot))
      this.vote(seen.target, validator.index);
  }
}
