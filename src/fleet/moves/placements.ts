import type { EntityManager } from 'typeorm';
import type { Placement } from './contract.js';

/** Every key with a right, in order of public key. */
export async function placements(manager: EntityManager): Promise<Placement[]> {
  const rows = await manager.query<
    { public_key: string; kind: string; name: string | null; since: Date; move: string | null }[]
  >(
    `SELECT held.public_key, holder_kind AS kind, holder_name AS name, since, move.id AS move
     FROM signing_right AS held
     LEFT JOIN move ON move.public_key = held.public_key AND move.state NOT IN ('placed', 'aborted')
     ORDER BY held.public_key`,
  );
  return rows.map(({ public_key, kind, name, since, move }) => ({
    publicKey: public_key,
    ...(name !== null && { holder: kind === 'pod' ? `pod:${name}` : name }),
    since,
    ...(move !== null && { moveId: move }),
  }));
}
