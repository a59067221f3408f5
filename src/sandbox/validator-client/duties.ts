import { hex, sign } from '../bls.js';
import {
  type AttestationData,
  attestationSigningRoot,
  type BlockBody,
  type BlockHeader,
  blockBodyRoot,
  blockSigningRoot,
  randaoSigningRoot,
} from '../chain/signing.js';
import { epochOf } from '../chain/spec.js';
import type { BeaconApi } from './beacon-api.js';
import type { HeldKey, KeyStore } from './key-store.js';
import type { AttestationRecord, BlockRecord, ProtectionStore } from './protection-store.js';
import { DEFAULTS } from './settings.js';

interface AttesterDuty {
  readonly pubkey: string;
  readonly validator_index: string;
  readonly slot: string;
}

interface EpochDuties {
  readonly epoch: number;
  /** The keys these duties were asked for; another set asks again. */
  readonly keys: string;
  readonly attester: readonly AttesterDuty[];
  readonly proposer: readonly { readonly pubkey: string; readonly slot: string }[];
}

/**
 * What one validator client does in a slot: ask for duties, let slashing protection record, sign, publish.
 * From the check that the key is still here to the last published signature it counts as in flight (`settled`).
 */
export class Duties {
  private current: EpochDuties | undefined;
  private readonly indexes = new Map<string, string>();
  private inFlight: Promise<void> = Promise.resolve();

  constructor(
    private readonly api: BeaconApi,
    private readonly keys: KeyStore,
    private readonly protection: ProtectionStore,
    private readonly genesisValidatorsRoot: string,
  ) {}

  settled(): Promise<void> {
    return this.inFlight;
  }

  async propose(slot: number): Promise<void> {
    const duties = await this.dutiesOf(epochOf(slot));
    const duty = duties?.proposer.find((candidate) => Number(candidate.slot) === slot);
    const key = duty && this.keys.get(duty.pubkey);
    if (key) await this.flying(() => this.publishBlock(slot, key));
  }

  async attest(slot: number): Promise<void> {
    const duties = await this.dutiesOf(epochOf(slot));
    const mine = duties?.attester.filter((duty) => Number(duty.slot) === slot) ?? [];
    if (mine.length === 0) return;
    const { data } = await this.api.get<{ data: AttestationData }>(
      `/eth/v1/validator/attestation_data?slot=${slot}&committee_index=0`,
    );
    await this.flying(() => this.publishAttestations(data, mine));
  }

  /** Runs after what is in flight, never beside it; a failure is the caller's and does not stay in the chain. */
  private flying(work: () => Promise<void>): Promise<void> {
    const done = this.inFlight.then(work);
    this.inFlight = done.catch(() => undefined);
    return done;
  }

  private async publishAttestations(data: AttestationData, duties: readonly AttesterDuty[]): Promise<void> {
    const root = attestationSigningRoot(data, this.genesisValidatorsRoot);
    const wanted = duties
      .filter((duty) => this.keys.get(duty.pubkey))
      .map((duty): AttestationRecord & { index: string } => ({
        kind: 'attestation',
        publicKey: duty.pubkey,
        source: Number(data.source.epoch),
        target: Number(data.target.epoch),
        root: hex(root),
        index: duty.validator_index,
      }));
    const votes = this.protection.allow(wanted).flatMap(({ publicKey, index }) => {
      const key = this.keys.get(publicKey);
      if (!key) return [];
      return [{ committee_index: '0', attester_index: index, data, signature: sign(key.secret, root) }];
    });
    if (votes.length > 0) await this.api.post('/eth/v2/beacon/pool/attestations', votes);
  }

  private async publishBlock(slot: number, key: HeldKey): Promise<void> {
    const randao = sign(key.secret, randaoSigningRoot(epochOf(slot), this.genesisValidatorsRoot));
    const graffiti = Buffer.alloc(32);
    graffiti.write(key.settings.graffiti ?? DEFAULTS.graffiti, 'utf8');
    const body: BlockBody = {
      randao_reveal: randao,
      graffiti: hex(graffiti),
      fee_recipient: (key.settings.feeRecipient ?? DEFAULTS.feeRecipient).toLowerCase(),
    };
    const query = new URLSearchParams({ ...body });
    const { data } = await this.api.get<{ data: { block: Omit<BlockHeader, 'body_root'> } }>(
      `/eth/v3/validator/blocks/${slot}?${query}`,
    );
    const { proposer_index, parent_root, state_root } = data.block;
    const header = { slot: String(slot), proposer_index, parent_root, state_root, body_root: blockBodyRoot(body) };
    const root = blockSigningRoot(header, this.genesisValidatorsRoot);
    const record: BlockRecord = { kind: 'block', publicKey: key.publicKey, slot, root: hex(root) };
    if (!this.keys.get(key.publicKey) || this.protection.allow([record]).length === 0) return;
    const message = { ...data.block, body: { ...body, execution_payload: { fee_recipient: body.fee_recipient } } };
    await this.api.post('/eth/v2/beacon/blocks', { message, signature: sign(key.secret, root) });
  }

  private async dutiesOf(epoch: number): Promise<EpochDuties | undefined> {
    const publicKeys = this.keys.all().map((key) => key.publicKey);
    if (publicKeys.length === 0) return undefined;
    const keys = publicKeys.join();
    if (this.current?.epoch === epoch && this.current.keys === keys) return this.current;
    await this.learnIndexes(publicKeys);
    const indices = publicKeys.flatMap((publicKey) => this.indexes.get(publicKey) ?? []);
    const [attester, proposer] = await Promise.all([
      this.api.post<{ data: AttesterDuty[] }>(`/eth/v1/validator/duties/attester/${epoch}`, indices),
      this.api.get<{ data: { pubkey: string; slot: string }[] }>(`/eth/v1/validator/duties/proposer/${epoch}`),
    ]);
    this.current = { epoch, keys, attester: attester.data, proposer: proposer.data };
    return this.current;
  }

  /** Keys without an index are asked for again each epoch: they may have been deposited since. */
  private async learnIndexes(publicKeys: readonly string[]): Promise<void> {
    const ids = publicKeys.filter((publicKey) => !this.indexes.has(publicKey));
    if (ids.length === 0) return;
    const { data } = await this.api.post<{ data: { index: string; validator: { pubkey: string } }[] }>(
      '/eth/v1/beacon/states/head/validators',
      { ids },
    );
    for (const { index, validator } of data) this.indexes.set(validator.pubkey, index);
  }
}
