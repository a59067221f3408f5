import { performance } from 'node:perf_hooks';
import type { DataSource } from 'typeorm';
import type { Ledger } from '../../keys/slashing-protection/ledger.js';
import type { Vault } from '../../keys/vault/vault.js';
import type { InventorySource } from '../inventory.js';
import { type Finding, findings } from './findings.js';
import { gatherFacts, readRows } from './fleet-facts.js';
import { raisePage } from './pages.js';
import type { Outside } from './ports.js';
import { answered } from './steps/apply.js';
import { tell } from './tell.js';
import { fromTheFuture, mergeable } from './watermark.js';

export interface ReconcileDeps {
  readonly dataSource: DataSource;
  readonly vault: Vault;
  readonly ledger: Ledger;
  readonly outside: Outside;
  readonly inventory: InventorySource;
  readonly nowMs: () => number;
  /** Findings of the last run: an absence is believed when seen twice. */
  readonly missing: Set<string>;
  readonly sealed: () => string | undefined;
}

const DELETE_MS = 10_000;

/**
 * Compares lists with rights. A key that came back where the broker had taken it away is deleted there at once; whatever
 * else is where no right is, is told to people and left alone (security.md, A11: no mass deletion by a wrong inventory).
 */
export async function reconcileFleet(deps: ReconcileDeps, signal: AbortSignal): Promise<void> {
  const facts = await gatherFacts(deps);
  const found = findings(facts);
  await Promise.all(
    found
      .filter(({ kind }) => kind === 'resurrected key')
      .map((finding) => (signal.aborted ? undefined : deleteAgain(deps, finding))),
  );
  const stillMissing = new Set(found.filter(({ kind }) => kind === 'missing key').map(idOf));
  for (const finding of found) {
    if (finding.kind === 'resurrected key') continue;
    if (finding.kind === 'missing key' && !deps.missing.has(idOf(finding))) continue;
    await tell(deps.dataSource, finding);
  }
  deps.missing.clear();
  for (const id of stillMissing) deps.missing.add(id);
}

async function deleteAgain(deps: ReconcileDeps, finding: Finding): Promise<void> {
  const { publicKey, client } = finding;
  // The deadline counts from before the rows are read: a slow DELETE must not meet a key that has come back by right.
  const lease = { untilMonotonicMs: performance.now() + DELETE_MS, untilMs: deps.nowMs() + DELETE_MS };
  const now = await readRows(deps.dataSource);
  if (now.rights.get(publicKey)?.holder === client || now.inMove.get(publicKey)?.includes(client)) return;
  await tell(deps.dataSource, finding);
  if (deps.sealed() !== undefined) return;
  const answer = await deps.outside.deleteKey(client, publicKey, lease);
  const chain = await deps.outside.chain();
  await deps.dataSource.transaction(async (manager) => {
    const { kind, detail } = answered('delete', client, answer);
    await manager.query('INSERT INTO evidence (public_key, kind, detail) VALUES ($1, $2, $3)', [
      publicKey,
      kind,
      JSON.stringify(detail),
    ]);
    if (answer.outcome !== 'answered' || !answer.protection) return;
    if (fromTheFuture(answer.protection, chain)) {
      const text = `${client} returned slashing protection from the future`;
      await raisePage({ kind: 'protection from the future', text, validatorClient: client }, publicKey, manager);
      return;
    }
    const mark = mergeable(answer.protection, chain);
    if (mark) await deps.ledger.merge(publicKey, mark, manager);
  });
}

function idOf({ publicKey, client }: Finding): string {
  return `${publicKey} ${client}`;
}
