import { join } from 'node:path';
import { JsonLog, readLines } from '../files.js';
import { EFFECTIVE_BALANCE_GWEI, FAR_FUTURE_EPOCH, WITHDRAWAL_CREDENTIALS } from './spec.js';

export interface Validator {
  readonly index: number;
  /** Lower-case 0x. */
  readonly publicKey: string;
  readonly withdrawalCredentials: string;
  readonly balanceGwei: bigint;
  readonly eligibilityEpoch: number;
  readonly activationEpoch: number;
}

/** `publicKey` is empty for a deposit whose signature was not valid: it only counts, its money is gone as on every network. */
export interface DepositLine {
  readonly deposit: number;
  readonly publicKey: string;
  readonly withdrawalCredentials: string;
  readonly amountGwei: string;
  readonly epoch: number;
}

/** Epochs between a deposit's arrival and the validator's activation. */
const ACTIVATION_DELAY_EPOCHS = 2;

/** The validator registry: 64 active from genesis, then whoever deposits. Deposits are durable; a top-up adds balance. */
export class Validators {
  private readonly list: Validator[] = [];
  private readonly indexes = new Map<string, number>();
  private readonly log: JsonLog;
  private depositCount = 0;

  constructor(folder: string, genesisPublicKeys: readonly string[]) {
    for (const publicKey of genesisPublicKeys) {
      this.add(publicKey, WITHDRAWAL_CREDENTIALS, EFFECTIVE_BALANCE_GWEI, 0, 0);
    }
    const path = join(folder, 'deposits.jsonl');
    for (const line of readLines<DepositLine>(path)) this.apply(line);
    this.log = new JsonLog(path);
  }

  /** Deposits taken from the contract so far: the next one's index. */
  deposits(): number {
    return this.depositCount;
  }

  /** Takes deposit number `deposit` of the contract; one taken already is ignored. The first of a key fixes its credentials. */
  deposit(line: DepositLine): void {
    if (line.deposit < this.depositCount) return;
    this.log.append([line], true);
    this.apply(line);
  }

  all(): readonly Validator[] {
    return this.list;
  }

  active(epoch: number): Validator[] {
    return this.list.filter((validator) => validator.activationEpoch <= epoch);
  }

  byIndex(index: number): Validator | undefined {
    return this.list[index];
  }

  byPublicKey(publicKey: string): Validator | undefined {
    const index = this.indexes.get(publicKey);
    return index === undefined ? undefined : this.list[index];
  }

  close(): void {
    this.log.close();
  }

  private apply(line: DepositLine): void {
    this.depositCount = line.deposit + 1;
    if (line.publicKey === '') return;
    const known = this.byPublicKey(line.publicKey);
    if (known) {
      this.list[known.index] = { ...known, balanceGwei: known.balanceGwei + BigInt(line.amountGwei) };
      return;
    }
    const full = BigInt(line.amountGwei) >= EFFECTIVE_BALANCE_GWEI;
    const activation = full ? line.epoch + ACTIVATION_DELAY_EPOCHS : Number.POSITIVE_INFINITY;
    this.add(line.publicKey, line.withdrawalCredentials, BigInt(line.amountGwei), line.epoch + 1, activation);
  }

  private add(
    publicKey: string,
    withdrawalCredentials: string,
    balanceGwei: bigint,
    eligibilityEpoch: number,
    activationEpoch: number,
  ): void {
    const index = this.list.length;
    this.indexes.set(publicKey, index);
    this.list.push({ index, publicKey, withdrawalCredentials, balanceGwei, eligibilityEpoch, activationEpoch });
  }
}

/** As `GET /eth/v1/beacon/states/{id}/validators` writes it; `epoch` decides the status. */
export function presentValidator(validator: Validator, epoch: number) {
  const { balanceGwei } = validator;
  const full = balanceGwei >= EFFECTIVE_BALANCE_GWEI;
  return {
    index: String(validator.index),
    balance: balanceGwei.toString(),
    status: statusOf(validator, epoch),
    validator: {
      pubkey: validator.publicKey,
      withdrawal_credentials: validator.withdrawalCredentials,
      effective_balance: (full ? EFFECTIVE_BALANCE_GWEI : balanceGwei).toString(),
      slashed: false,
      activation_eligibility_epoch: String(validator.eligibilityEpoch),
      activation_epoch: Number.isFinite(validator.activationEpoch)
        ? String(validator.activationEpoch)
        : FAR_FUTURE_EPOCH,
      exit_epoch: FAR_FUTURE_EPOCH,
      withdrawable_epoch: FAR_FUTURE_EPOCH,
    },
  };
}

function statusOf(validator: Validator, epoch: number): string {
  if (validator.activationEpoch <= epoch) return 'active_ongoing';
  return validator.eligibilityEpoch <= epoch && Number.isFinite(validator.activationEpoch)
    ? 'pending_queued'
    : 'pending_initialized';
}
