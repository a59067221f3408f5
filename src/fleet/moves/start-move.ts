import type { EntityManager } from 'typeorm';
import { DomainError } from '../../errors.js';
import type { NewMove } from './contract.js';
import { decodeProgress, encodeProgress, freshProgress, type Post } from './record.js';

/**
 * Inserts a move in preflight. Imports of earlier moves whose end is unknown come along: the key may not rest on a client
 * where one may still arrive.
 * @throws DomainError `NotHolder`, `MoveUnfinished`
 */
export async function startMove(move: NewMove, manager: EntityManager): Promise<string> {
  if (move.from === move.to) throw new DomainError('NotHolder', 'a move goes elsewhere', { validator_client: move.to });
  const [right] = await manager.query<unknown[]>(
    `SELECT holder_name FROM signing_right
     WHERE public_key = $1 AND holder_kind = 'validator_client' AND holder_name = $2 AND via = 'local' FOR SHARE`,
    [move.publicKey, move.from],
  );
  if (!right) {
    throw new DomainError('NotHolder', `${move.from} has not the signing right`, {
      publicKey: move.publicKey,
      from: move.from,
    });
  }
  const wanted = {
    ...(move.feeRecipient !== undefined && { feeRecipient: move.feeRecipient }),
    ...(move.gasLimit !== undefined && { gasLimit: move.gasLimit }),
    ...(move.graffiti !== undefined && { graffiti: move.graffiti }),
  };
  const progress = encodeProgress(freshProgress(wanted, await openPosts(move.publicKey, manager)));
  const [row] = await manager.query<{ id: string }[]>(
    `INSERT INTO move (id, public_key, from_client, to_client, source, destination, state, reason, plan_id, instance_id, progress)
     VALUES (gen_random_uuid(), $1, $2, $3, $2, $3, 'preflight', $4, $5, $6, $7)
     ON CONFLICT (public_key) WHERE state NOT IN ('placed', 'aborted') DO NOTHING RETURNING id`,
    [move.publicKey, move.from, move.to, move.reason, move.planId ?? null, move.instanceId ?? null, progress],
  );
  if (!row) throw new DomainError('MoveUnfinished', 'the key has an unfinished move', { publicKey: move.publicKey });
  return row.id;
}

async function openPosts(publicKey: string, manager: EntityManager): Promise<Post[]> {
  const [last] = await manager.query<{ progress: object }[]>(
    'SELECT progress FROM move WHERE public_key = $1 ORDER BY created_at DESC LIMIT 1',
    [publicKey],
  );
  return last ? [...decodeProgress(last.progress).posts] : [];
}
