import type { PolicyJson } from './cedar.js';

/** One policy of the set in force: as Cedar sees it and where the operator finds it. */
export interface Policy {
  /** Cedar's id within the set: unique, `policies/wallets.cedar:12 wallet-minority`. */
  readonly key: string;
  /** The `@id`, or `policy<line>`. */
  readonly id: string;
  readonly file: string;
  readonly line: number;
  readonly effect: 'permit' | 'forbid';
  readonly annotations: Readonly<Record<string, string>>;
  readonly ast: PolicyJson;
  /** A second resource owner's client_id; absent: the operator's. */
  readonly owner?: string;
}

/** Permits only once an operator has approved the request. */
export function needsOwnerApproval(policy: Policy): boolean {
  return policy.annotations.obligation === 'owner_approval';
}

/** `policies/wallets.cedar:12 wallet-minority: Any wallet may …`. */
export function described(policy: Policy): string {
  const words = policy.annotations.friendly ?? policy.annotations.description;
  return words === undefined ? policy.key : `${policy.key}: ${words}`;
}
