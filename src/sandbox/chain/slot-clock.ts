import type { Clock } from '../../clock.js';
import { epochOf } from './spec.js';

/** Slots by the wall clock: time goes on while the sandbox is down, so slots then are empty, never repeated. */
export class SlotClock {
  constructor(
    private readonly clock: Clock,
    readonly genesisMs: number,
    readonly slotMs: number,
  ) {}

  slot(): number {
    return Math.max(0, Math.floor((this.clock.nowMs() - this.genesisMs) / this.slotMs));
  }

  epoch(): number {
    return epochOf(this.slot());
  }

  startOf(slot: number): number {
    return this.genesisMs + slot * this.slotMs;
  }
}
