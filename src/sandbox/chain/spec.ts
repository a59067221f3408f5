/** The sandbox network's constants: Electra from genesis, the minimal preset's epoch of 8 slots. */
export const SLOTS_PER_EPOCH = 8;
export const CHAIN_ID = 31337;
const CONFIG_NAME = 'ovsb-sandbox';
export const EFFECTIVE_BALANCE_GWEI = 32_000_000_000n;
export const FAR_FUTURE_EPOCH = '18446744073709551615';
/** anvil's account 0 deploys the deposit contract as its first transaction, so its address never changes. */
export const DEPOSIT_CONTRACT_ADDRESS = '0x5fbdb2315678afecb367f032d93f642f64180aa3';
/** anvil's account 0: the sandbox operator's withdrawal address and default fee recipient. */
export const OPERATOR_ADDRESS = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266';
export const WITHDRAWAL_CREDENTIALS = `0x010000000000000000000000${OPERATOR_ADDRESS.slice(2)}`;

export const FORK_VERSIONS = {
  genesis: '0x00f5b001',
  altair: '0x01f5b001',
  bellatrix: '0x02f5b001',
  capella: '0x03f5b001',
  deneb: '0x04f5b001',
  electra: '0x05f5b001',
} as const;

/** Domain types of the consensus and builder specifications. */
export const DOMAIN = {
  beaconProposer: '0x00000000',
  beaconAttester: '0x01000000',
  randao: '0x02000000',
  deposit: '0x03000000',
  voluntaryExit: '0x04000000',
  applicationBuilder: '0x00000001',
} as const;

export const ZERO_ROOT = `0x${'00'.repeat(32)}`;

export function epochOf(slot: number): number {
  return Math.floor(slot / SLOTS_PER_EPOCH);
}

export function firstSlot(epoch: number): number {
  return epoch * SLOTS_PER_EPOCH;
}

/** `GET /eth/v1/config/spec`. SECONDS_PER_SLOT is rounded up to whole seconds; SLOT_DURATION_MS is exact. */
export function configSpec(slotMs: number): Record<string, string> {
  const forks: Record<string, string> = {};
  for (const [name, version] of Object.entries(FORK_VERSIONS)) {
    if (name === 'genesis') continue;
    forks[`${name.toUpperCase()}_FORK_VERSION`] = version;
    forks[`${name.toUpperCase()}_FORK_EPOCH`] = '0';
  }
  return {
    CONFIG_NAME,
    PRESET_BASE: 'minimal',
    SECONDS_PER_SLOT: String(Math.max(1, Math.ceil(slotMs / 1000))),
    SLOT_DURATION_MS: String(slotMs),
    SLOTS_PER_EPOCH: String(SLOTS_PER_EPOCH),
    MIN_GENESIS_TIME: '0',
    GENESIS_FORK_VERSION: FORK_VERSIONS.genesis,
    ...forks,
    DEPOSIT_CHAIN_ID: String(CHAIN_ID),
    DEPOSIT_NETWORK_ID: String(CHAIN_ID),
    DEPOSIT_CONTRACT_ADDRESS,
    MIN_DEPOSIT_AMOUNT: '1000000000',
    MAX_EFFECTIVE_BALANCE: EFFECTIVE_BALANCE_GWEI.toString(),
    MAX_EFFECTIVE_BALANCE_ELECTRA: '2048000000000',
    MIN_ACTIVATION_BALANCE: EFFECTIVE_BALANCE_GWEI.toString(),
    EFFECTIVE_BALANCE_INCREMENT: '1000000000',
    EJECTION_BALANCE: '16000000000',
    MAX_COMMITTEES_PER_SLOT: '1',
    TARGET_COMMITTEE_SIZE: '8',
    MIN_SEED_LOOKAHEAD: '1',
    MAX_SEED_LOOKAHEAD: '1',
    EPOCHS_PER_SYNC_COMMITTEE_PERIOD: '8',
    DOMAIN_BEACON_PROPOSER: DOMAIN.beaconProposer,
    DOMAIN_BEACON_ATTESTER: DOMAIN.beaconAttester,
    DOMAIN_RANDAO: DOMAIN.randao,
    DOMAIN_DEPOSIT: DOMAIN.deposit,
    DOMAIN_VOLUNTARY_EXIT: DOMAIN.voluntaryExit,
    DOMAIN_APPLICATION_BUILDER: DOMAIN.applicationBuilder,
  };
}
