import type { EntityManager } from 'typeorm';

/**
 * Moves a key's signing right between validator clients and nobody, with its assignment, in the caller's transaction.
 * Undefined: nobody. @returns false, and nothing changed, when the holder is not `from`.
 */
export async function moveRight(
  publicKey: string,
  from: string | undefined,
  to: string | undefined,
  manager: EntityManager,
): Promise<boolean> {
  const [, changed] = await manager.query<[unknown[], number]>(
    `UPDATE signing_right SET
       holder_kind = CASE WHEN $3::text IS NULL THEN 'none' ELSE 'validator_client' END,
       holder_name = $3, via = 'local', generation = generation + 1, since = now()
     WHERE public_key = $1 AND holder_name IS NOT DISTINCT FROM $2::text AND holder_kind <> 'pod' AND via = 'local'`,
    [publicKey, from ?? null, to ?? null],
  );
  if (changed !== 1) return false;
  await manager.query('UPDATE assignment SET ended_at = now() WHERE public_key = $1 AND ended_at IS NULL', [publicKey]);
  if (to !== undefined) {
    await manager.query(
      'INSERT INTO assignment (id, public_key, validator_client) VALUES (gen_random_uuid(), $1, $2)',
      [publicKey, to],
    );
  }
  return true;
}

/** The first right of a key nobody had one for. @returns false when it has a row already. */
export async function firstRight(publicKey: string, holder: string, manager: EntityManager): Promise<boolean> {
  const rows = await manager.query<unknown[]>(
    `INSERT INTO signing_right (public_key, holder_kind, holder_name) VALUES ($1, 'validator_client', $2)
     ON CONFLICT (public_key) DO NOTHING RETURNING public_key`,
    [publicKey, holder],
  );
  if (rows.length === 0) return false;
  await manager.query('INSERT INTO assignment (id, public_key, validator_client) VALUES (gen_random_uuid(), $1, $2)', [
    publicKey,
    holder,
  ]);
  return true;
}
