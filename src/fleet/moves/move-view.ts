import { type DataSource, In, Not } from 'typeorm';
import type { MoveEvidence, MoveState, Moves, MoveView } from './contract.js';
import { Evidence } from './entities/evidence.js';
import { Move } from './entities/move.js';
import { decodeProgress } from './record.js';

const FINAL: MoveState[] = ['placed', 'aborted'];

/** Newest first. */
export async function listMoves(dataSource: DataSource, filter: Parameters<Moves['list']>[0]): Promise<MoveView[]> {
  const { state, planId, instanceId, unfinished } = filter;
  const rows = await dataSource.getRepository(Move).find({
    where: {
      ...(state !== undefined && { state }),
      ...(state === undefined && unfinished === true && { state: Not(In(FINAL)) }),
      ...(planId !== undefined && { planId }),
      ...(instanceId !== undefined && { instanceId }),
    },
    order: { createdAt: 'DESC', id: 'ASC' },
  });
  return unfinished === undefined
    ? rows.map(viewOf)
    : rows.filter((row) => FINAL.includes(row.state) !== unfinished).map(viewOf);
}

export async function getMove(
  dataSource: DataSource,
  id: string,
): Promise<(MoveView & { readonly evidence: readonly MoveEvidence[] }) | undefined> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return undefined;
  const row = await dataSource.getRepository(Move).findOneBy({ id });
  if (!row) return undefined;
  const evidence = await dataSource.getRepository(Evidence).find({ where: { moveId: id }, order: { id: 'ASC' } });
  return {
    ...viewOf(row),
    evidence: evidence.map(({ at, state, kind, detail }) => ({
      at,
      state: (state ?? row.state) as MoveState,
      kind,
      detail,
    })),
  };
}

function viewOf(row: Move): MoveView {
  const { waiting } = decodeProgress(row.progress);
  return {
    id: row.id,
    publicKey: row.publicKey,
    from: row.fromClient,
    to: row.toClient,
    state: row.state,
    reason: row.reason,
    ...(row.holdReason !== null && { holdReason: row.holdReason }),
    ...(waiting !== undefined && !FINAL.includes(row.state) && { waiting }),
    ...(row.destination === row.fromClient && { turnedBack: true as const }),
    ...(row.planId !== null && { planId: row.planId }),
    ...(row.instanceId !== null && { instanceId: row.instanceId }),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
