import type { MoveEvidence, MoveView } from './moves/index.js';

/** In state `hold` (and `aborted`) `reason` says why it stands; `serves` is always what the move is for. */
export function presentMove(move: MoveView) {
  return {
    id: move.id,
    public_key: move.publicKey,
    from: move.from,
    to: move.to,
    state: move.state,
    reason: move.state === 'hold' ? (move.holdReason ?? move.reason) : move.reason,
    serves: move.reason,
    ...(move.waiting !== undefined && { waiting: move.waiting }),
    ...(move.holdReason !== undefined && { hold_reason: move.holdReason }),
    ...(move.planId !== undefined && { plan_id: move.planId }),
    ...(move.instanceId !== undefined && { instance_id: move.instanceId }),
    created_at: move.createdAt.toISOString(),
    updated_at: move.updatedAt.toISOString(),
  };
}

export function presentEvidence({ at, state, kind, detail }: MoveEvidence) {
  return { at: at.toISOString(), state, kind, detail };
}
