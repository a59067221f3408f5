import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify } from 'jose';
import type { DataSource } from 'typeorm';
import type { Clock } from '../src/clock.js';
import { nowSeconds } from '../src/clock.js';
import { digestOf } from './secrets.js';

export const DPOP_ALGORITHMS = ['ES256', 'Ed25519', 'EdDSA'];
/** A proof serves within this many seconds of its `iat`, before and after. */
const WINDOW_SECONDS = 60;
const MAX_PROOF_CHARACTERS = 4096;

/** What the proof must be for (RFC 9449, 4.3). */
export interface ProvedRequest {
  readonly method: string;
  /** Absolute, without query and fragment. */
  readonly url: string;
  /** The token presented with it, for `ath`. */
  readonly token?: string;
}

/** Verifies DPoP proofs (RFC 9449); each serves once, at every replica. */
export class DpopProofs {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** The thumbprint of the proof's key, or undefined when the proof is bad, old, for something else, or used. */
  async verify(proof: string, request: ProvedRequest): Promise<string | undefined> {
    const verified = await this.#read(proof, request);
    if (verified === undefined) return undefined;
    const fresh = (await this.dataSource.query(
      'INSERT INTO dpop_proof (digest, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1',
      [digestOf(`${verified.thumbprint} ${verified.jti}`), new Date(this.clock.nowMs() + 2 * WINDOW_SECONDS * 1000)],
    )) as unknown[];
    return fresh.length > 0 ? verified.thumbprint : undefined;
  }

  async #read(proof: string, request: ProvedRequest): Promise<{ thumbprint: string; jti: string } | undefined> {
    if (proof.length > MAX_PROOF_CHARACTERS) return undefined;
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        algorithms: DPOP_ALGORITHMS,
        typ: 'dpop+jwt',
        currentDate: new Date(this.clock.nowMs()),
      });
      const { jti, iat, htm, htu, ath } = payload;
      if (typeof jti !== 'string' || jti === '' || typeof iat !== 'number' || typeof htu !== 'string') return undefined;
      if (Math.abs(nowSeconds(this.clock) - iat) > WINDOW_SECONDS) return undefined;
      if (htm !== request.method || withoutQuery(htu) !== request.url) return undefined;
      if (request.token !== undefined && ath !== createHash('sha256').update(request.token).digest('base64url'))
        return undefined;
      if (protectedHeader.jwk === undefined) return undefined;
      return { thumbprint: await calculateJwkThumbprint(protectedHeader.jwk), jti };
    } catch (fault) {
      if (fault instanceof errors.JOSEError || fault instanceof TypeError || fault instanceof DOMException)
        return undefined;
      throw fault;
    }
  }
}

function withoutQuery(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname}`;
}
