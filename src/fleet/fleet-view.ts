import type { Clock } from '../clock.js';
import { type FleetKey, fleetKeys, type StateDeps } from './fleet-state.js';

export interface FleetView {
  readonly asOf: Date;
  readonly keys: readonly FleetKey[];
}

const SHORTEST_MS = 500;
/** A large fleet takes seconds to read: no more than a twentieth of the time goes into it. */
const COST_FACTOR = 20;

/** The fleet's keys for questions that may be answered with a moment's delay (shares, facts). One reading at a time. */
export class CachedView {
  private latest: FleetView | undefined;
  private staleAtMs = 0;
  private reading: Promise<FleetView> | undefined;

  constructor(
    private readonly deps: StateDeps,
    private readonly clock: Clock,
  ) {}

  async current(): Promise<FleetView> {
    if (this.latest && this.clock.nowMs() < this.staleAtMs) return this.latest;
    this.reading ??= this.read().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  /** The latest reading, however old. */
  last(): FleetView | undefined {
    return this.latest;
  }

  private async read(): Promise<FleetView> {
    const startMs = this.clock.nowMs();
    const keys = await fleetKeys(this.deps);
    this.latest = { asOf: new Date(startMs), keys };
    const nowMs = this.clock.nowMs();
    this.staleAtMs = nowMs + Math.max(SHORTEST_MS, COST_FACTOR * (nowMs - startMs));
    return this.latest;
  }
}
