/** What the reconciler compares; names are validator clients'. */
export interface FleetFacts {
  /** What each validator client that answered lists. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** Right holders: a validator client, `pod:…`, or undefined for none; a key without a row is not here. */
  readonly rights: ReadonlyMap<string, { readonly holder: string | undefined; readonly generation: string }>;
  /** Clients in an open move of a key: the move's own matter. */
  readonly inMove: ReadonlyMap<string, readonly string[]>;
  /** `key client` pairs the broker took the key from, or began an import at. */
  readonly tombstones: ReadonlySet<string>;
  readonly vault: ReadonlySet<string>;
}

export interface Finding {
  readonly kind: 'resurrected key' | 'unknown holder' | 'unknown key' | 'missing key' | 'listed twice';
  readonly publicKey: string;
  readonly client: string;
}

/** Pure. Every key that is where no right is, and every one that is not where its right is. */
export function findings(facts: FleetFacts): Finding[] {
  const found: Finding[] = [];
  for (const [client, keys] of facts.lists) {
    for (const publicKey of keys) {
      const right = facts.rights.get(publicKey);
      if (right?.holder === client || facts.inMove.get(publicKey)?.includes(client)) continue;
      if (facts.tombstones.has(`${publicKey} ${client}`)) found.push({ kind: 'resurrected key', publicKey, client });
      else if (right) found.push({ kind: 'unknown holder', publicKey, client });
      else if (!facts.vault.has(publicKey)) found.push({ kind: 'unknown key', publicKey, client });
    }
  }
  for (const [publicKey, { holder }] of facts.rights) {
    const list = holder === undefined ? undefined : facts.lists.get(holder);
    if (!holder || !list || list.includes(publicKey) || facts.inMove.has(publicKey)) continue;
    found.push({ kind: 'missing key', publicKey, client: holder });
  }
  return found;
}
