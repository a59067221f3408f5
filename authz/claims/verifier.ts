import type { ClaimToken, ClaimVerifier, VerifiedClaims } from '../policy/types.js';
import { bad } from './bad.js';
import { BLS_WITHDRAWAL_FORMAT, verifyBlsWithdrawal } from './bls-withdrawal.js';
import { ContractSignatures } from './eip1271.js';
import { EIP4361_FORMAT, verifyEip4361 } from './eip4361.js';
import { ID_TOKEN_FORMAT, IdTokens, type TrustedIssuer } from './id-token.js';

export interface ClaimVerifierOptions {
  /** `<public_url>/authz`. */
  readonly issuer: string;
  /** EIP-155 id of the network whose wallets sign. */
  readonly chainId: number;
  /** JSON-RPC of execution nodes, best first, for contract wallets; absent: plain accounts only. */
  readonly executionNodeUris?: () => readonly string[];
  /** OpenID Connect issuers whose ID tokens are believed; none by default. */
  readonly idTokenIssuers?: readonly TrustedIssuer[];
}

/** Every claim token format of this server behind one door. `verify` never throws for bad input. */
export function createClaimVerifier(options: ClaimVerifierOptions): ClaimVerifier {
  const { executionNodeUris, idTokenIssuers = [] } = options;
  const contracts = executionNodeUris === undefined ? undefined : new ContractSignatures({ executionNodeUris });
  const eip4361 = { ...options, ...(contracts === undefined ? {} : { contracts }) };
  const formats = new Map<string, (token: ClaimToken) => Promise<VerifiedClaims>>([
    [EIP4361_FORMAT, (token) => verifyEip4361(token, eip4361)],
    [BLS_WITHDRAWAL_FORMAT, async (token) => verifyBlsWithdrawal(token, options)],
  ]);
  if (idTokenIssuers.length > 0) {
    const idTokens = new IdTokens(idTokenIssuers, options.issuer);
    formats.set(ID_TOKEN_FORMAT, (token) => idTokens.verify(token));
  }
  return {
    formats: [...formats.keys()],
    async verify(token) {
      const verify = formats.get(token.format);
      return verify === undefined ? bad('format', 'unknown claim_token_format') : verify(token);
    },
  };
}
