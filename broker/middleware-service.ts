/** Stand-alone middleware (MEV-Boost) as the broker sees it; handed in by app. */

export interface MiddlewareRequest {
  readonly instanceId: string;
  readonly party: string;
  readonly address?: string;
  /** Lower-case 0x, 48 bytes each. */
  readonly publicKeys: readonly string[];
  readonly feeRecipient: string;
  /** Decimal. */
  readonly gasLimit?: string;
}

export interface MiddlewareProgress {
  readonly state: 'in progress' | 'succeeded' | 'failed';
  /** Never empty. */
  readonly description: string;
}

export interface Middleware {
  /**
   * Brings the relay registrations of the named keys to what is asked, and says how far that is. Called again until it
   * is `succeeded` or `failed`; idempotent. Succeeded only when the relay holds a BLS-valid registration of every key.
   */
  configure(request: MiddlewareRequest, signal: AbortSignal): Promise<MiddlewareProgress>;
  /** After it resolves the relay holds no registration of the instance. Idempotent. */
  remove(instanceId: string, signal: AbortSignal): Promise<void>;
}
