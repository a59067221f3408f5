import { Fenced, type Store } from './ports.js';

/** A seal that falls while moves are stepped stops them at their next commit, which precedes every import. */
export function unlessSealed(store: Store, sealed: () => string | undefined): Store {
  return {
    ...store,
    claim: async (limit, leaseMs) => (sealed() === undefined ? store.claim(limit, leaseMs) : []),
    async commit(move, change) {
      const reason = sealed();
      if (reason !== undefined) throw new Fenced(`the broker is sealed: ${reason}`);
      return store.commit(move, change);
    },
  };
}
