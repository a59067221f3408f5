import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Upstream } from './upstream.js';

/** A filter lives in one node's memory, under an id other bindings could guess: so each has an id of ours. */
export interface Filter {
  readonly upstream: Upstream;
  /** JSON text of the node's id. */
  readonly upstreamId: string;
}

const MOST_PER_BINDING = 100;
/** Nodes forget a filter nobody asked about for five minutes. */
const IDLE_MS = 5 * 60_000;

/** Filters of every endpoint in this process; a filter is known only to the resource it was made through. */
export class Filters {
  readonly #byResource = new LRUCache<string, LRUCache<string, Filter>>({ max: 10_000 });

  /** Returns our id. The oldest goes when a binding has too many. */
  add(resourceId: string, filter: Filter): string {
    const id = `0x${randomBytes(16).toString('hex')}`;
    let filters = this.#byResource.get(resourceId);
    if (filters === undefined) {
      filters = new LRUCache({ max: MOST_PER_BINDING, ttl: IDLE_MS, updateAgeOnGet: true });
      this.#byResource.set(resourceId, filters);
    }
    filters.set(id, filter);
    return id;
  }

  get(resourceId: string, id: unknown): Filter | undefined {
    return typeof id === 'string' ? this.#byResource.get(resourceId)?.get(id) : undefined;
  }

  delete(resourceId: string, id: string): void {
    this.#byResource.get(resourceId)?.delete(id);
  }
}
