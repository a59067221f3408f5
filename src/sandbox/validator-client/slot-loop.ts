import { systemClock } from '../../clock.js';
import { reasonOf } from '../../errors.js';
import { SlotClock } from '../chain/slot-clock.js';
import type { BeaconApi } from './beacon-api.js';
import type { Duties } from './duties.js';

/** The network as the beacon node tells it. */
export interface Network {
  readonly clock: SlotClock;
  readonly genesisValidatorsRoot: string;
}

/** Asks until the beacon node answers. */
export async function learnNetwork(api: BeaconApi): Promise<Network> {
  for (let attempt = 0; ; attempt++) {
    try {
      const genesis = await api.get<{ data: { genesis_time: string; genesis_validators_root: string } }>(
        '/eth/v1/beacon/genesis',
      );
      const spec = await api.get<{ data: { SLOT_DURATION_MS: string } }>('/eth/v1/config/spec');
      const genesisMs = Number(genesis.data.genesis_time) * 1000;
      return {
        clock: new SlotClock(systemClock, genesisMs, Number(spec.data.SLOT_DURATION_MS)),
        genesisValidatorsRoot: genesis.data.genesis_validators_root,
      };
    } catch (thrown) {
      if (attempt >= 100) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Proposes at the start of each slot and attests a third into it, for ever. A failed duty is reported, not repeated. */
export function followSlots(clock: SlotClock, duties: Duties, report: (failure: string) => void): void {
  const run = (work: Promise<void>): void => {
    work.catch((thrown) => report(reasonOf(thrown)));
  };
  const next = (slot: number): void => {
    setTimeout(() => {
      run(duties.propose(slot));
      setTimeout(() => run(duties.attest(slot)), Math.floor(clock.slotMs / 3));
      next(Math.max(slot, clock.slot()) + 1);
    }, clock.startOf(slot) - Date.now());
  };
  next(clock.slot() + 1);
}
