import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { METHODS } from './groups.js';

export type CallOutcome = 'answered' | 'failed' | 'unknown' | 'limited' | 'unauthorized';

/** The gateway's figures. INVARIANT: a method label comes from the known set, never from a request (security.md C6). */
export class Metrics {
  readonly #calls: Counter<'method' | 'outcome'>;
  readonly #seconds: Histogram<'method'>;
  readonly #sockets: Gauge;
  readonly #refusals: Counter<'reason'>;
  /** Children by label: looking them up again each call costs more than counting. */
  readonly #children = new Map<string, Counter.Internal>();
  readonly #timers = new Map<string, Histogram.Internal<'method'>>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.#calls = new Counter({
      name: 'ovsb_rpc_calls_total',
      help: 'JSON-RPC calls by method of the known set and outcome',
      labelNames: ['method', 'outcome'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'ovsb_rpc_call_seconds',
      help: 'Time to answer a permitted JSON-RPC call',
      labelNames: ['method'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30],
      registers,
    });
    this.#sockets = new Gauge({ name: 'ovsb_rpc_sockets', help: 'Open WebSockets', registers });
    this.#refusals = new Counter({
      name: 'ovsb_rpc_refusals_total',
      help: 'HTTP requests and upgrades refused before any call was read',
      labelNames: ['reason'],
      registers,
    });
  }

  /** A call that was not carried out. */
  judged(method: string | undefined, outcome: CallOutcome): void {
    const label = method !== undefined && METHODS.has(method) ? method : 'other';
    const key = `${label} ${outcome}`;
    let child = this.#children.get(key);
    if (child === undefined) {
      child = this.#calls.labels(label, outcome);
      this.#children.set(key, child);
    }
    child.inc();
  }

  answered(method: string, outcome: CallOutcome, milliseconds: number): void {
    this.judged(method, outcome);
    let timer = this.#timers.get(method);
    if (timer === undefined) {
      timer = this.#seconds.labels(method);
      this.#timers.set(method, timer);
    }
    timer.observe(milliseconds / 1000);
  }

  refused(reason: 'unauthorized' | 'throttled' | 'unavailable' | 'too-large' | 'host' | 'origin'): void {
    this.#refusals.inc({ reason });
  }

  sockets(open: number): void {
    this.#sockets.set(open);
  }
}
