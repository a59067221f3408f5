import type { Change } from '../change.js';
import type { Answer, Lease, StepContext } from '../ports.js';
import type { MoveRecord } from '../record.js';
import { mergeable } from '../watermark.js';
import { answered } from './apply.js';

type Listed = Answer<{ readonly keys: readonly string[] }>;

export interface Elsewhere {
  /** What each client said that gave the key up in this move and is not now its source or destination. */
  readonly lists: readonly { readonly client: string; readonly keys: Listed }[];
  /** One of them has it again; it was asked to delete it. */
  readonly back?: { readonly client: string } & Pick<Change, 'merge' | 'evidence' | 'page'>;
}

/** The clients of a move that must not have the key beside `here`; one that lists it loses it at once (reconcile.ts leaves open moves alone). */
export async function lookElsewhere(
  move: MoveRecord,
  here: string,
  lease: Lease,
  { outside }: StepContext,
): Promise<Elsewhere> {
  const clients = [...new Set([move.from, move.source])].filter((client) => client !== here);
  const lists = await Promise.all(clients.map(async (client) => ({ client, keys: await outside.listKeys(client) })));
  const found = lists.find(({ keys }) => keys.outcome === 'answered' && keys.keys.includes(move.publicKey));
  if (!found) return { lists };
  const { client } = found;
  const answer = await outside.deleteKey(client, move.publicKey, lease);
  const chain = await outside.chain();
  const text = `resurrected key: ${client} has it again while it is to be at ${here} only`;
  return {
    lists,
    back: {
      client,
      merge: answer.outcome === 'answered' ? mergeable(answer.protection, chain) : undefined,
      evidence: [answered('list', client, found.keys), answered('delete', client, answer)],
      page: { kind: 'resurrected key', text, validatorClient: client },
    },
  };
}
