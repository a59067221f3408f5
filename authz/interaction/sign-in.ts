import { createHash } from 'node:crypto';
import type { Logger } from '../../src/logger.js';
import { compileSchema } from '../../src/validate.js';
import { ticketNonce } from '../claims/ticket-binding.js';
import type { SealingKey, SignInIssuer } from '../deps.js';
import { randomSecret } from '../secrets.js';

const PURPOSE = 'authz sign-in';
const TIMEOUT_MS = 5_000;
const STATE_LIFETIME_MS = 300_000;
const DISCOVERY_LIFETIME_MS = 3_600_000;

/** What must come back unchanged from the issuer; sealed, since it passes through the browser and the issuer. */
export interface SignInState {
  readonly index: number;
  /** The ticket the sign-in is for: its nonce ties the ID token to it. */
  readonly ticket: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly state?: string;
  readonly persist: boolean;
  /** The form's CSRF token: the callback must come from the browser that was shown the form. */
  readonly csrf: string;
}

interface SealedState extends SignInState {
  readonly verifier: string;
  readonly expiresMs: number;
}

interface Discovered {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
}

const isDiscovered = compileSchema<Discovered>({
  type: 'object',
  required: ['issuer', 'authorization_endpoint', 'token_endpoint'],
  properties: {
    issuer: { type: 'string' },
    authorization_endpoint: { type: 'string', format: 'uri' },
    token_endpoint: { type: 'string', format: 'uri' },
  },
});

const isTokens = compileSchema<{ id_token: string }>({
  type: 'object',
  required: ['id_token'],
  properties: { id_token: { type: 'string', maxLength: 16_384 } },
});

/** Sign-in at OpenID providers: authorization code with PKCE, this server as their client. */
export class SignIn {
  readonly #known = new Map<string, { readonly found: Discovered; readonly untilMs: number }>();

  constructor(
    private readonly ownIssuer: string,
    private readonly issuers: readonly SignInIssuer[],
    private readonly sealingKey: SealingKey,
    private readonly nowMs: () => number,
    private readonly logger: Logger,
  ) {}

  /** Those that can be reached now, with the origin their form goes to. */
  async offered(): Promise<{ readonly name: string; readonly index: number; readonly origin: string }[]> {
    const all = await Promise.all(
      this.issuers.map(async (issuer, index) => {
        const found = await this.#discover(issuer);
        return found && { name: issuer.name, index, origin: new URL(found.authorization_endpoint).origin };
      }),
    );
    return all.filter((one) => one !== undefined);
  }

  /** Where to send the party; undefined when there is no such issuer, or it cannot be reached. */
  async authorizationUrl(state: SignInState): Promise<string | undefined> {
    const issuer = this.issuers[state.index];
    const found = issuer && (await this.#discover(issuer));
    if (issuer === undefined || found === undefined) return undefined;
    const verifier = randomSecret();
    const sealed: SealedState = { ...state, verifier, expiresMs: this.nowMs() + STATE_LIFETIME_MS };
    const url = new URL(found.authorization_endpoint);
    const parameters = {
      response_type: 'code',
      client_id: issuer.clientId,
      redirect_uri: this.#callback,
      scope: issuer.scope ?? 'openid email',
      nonce: ticketNonce(state.ticket),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      state: this.sealingKey.seal(Buffer.from(JSON.stringify(sealed)), PURPOSE, '').toString('base64url'),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  }

  /** The state we sent, unless it is not ours or too old. */
  open(state: string): SealedState | undefined {
    try {
      const opened = this.sealingKey.open(Buffer.from(state, 'base64url'), PURPOSE, '');
      const sealed = JSON.parse(opened.toString()) as SealedState;
      return sealed.expiresMs > this.nowMs() ? sealed : undefined;
    } catch (fault) {
      this.logger.debug({ err: fault }, 'a sign-in state was not ours');
      return undefined;
    }
  }

  /** The ID token for a code; undefined when the issuer does not give one. */
  async idToken(state: SealedState, code: string): Promise<string | undefined> {
    const issuer = this.issuers[state.index];
    const found = issuer && (await this.#discover(issuer));
    if (issuer === undefined || found === undefined) return undefined;
    try {
      const credentials = `${encodeURIComponent(issuer.clientId)}:${encodeURIComponent(issuer.clientSecret)}`;
      const response = await fetch(found.token_endpoint, {
        method: 'POST',
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}`, accept: 'application/json' },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code,
          redirect_uri: this.#callback,
          code_verifier: state.verifier,
        }),
      });
      const tokens: unknown = await response.json();
      return response.ok && isTokens(tokens) ? tokens.id_token : undefined;
    } catch (fault) {
      this.logger.warn({ err: fault, issuer: issuer.issuer }, 'sign-in: the code could not be exchanged');
      return undefined;
    }
  }

  get #callback(): string {
    return `${this.ownIssuer}/claims/callback`;
  }

  async #discover({ issuer }: SignInIssuer): Promise<Discovered | undefined> {
    const known = this.#known.get(issuer);
    if (known !== undefined && known.untilMs > this.nowMs()) return known.found;
    try {
      const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const found: unknown = await response.json();
      // OpenID Connect Discovery 4.3: the document names the issuer it was asked of.
      if (!isDiscovered(found) || found.issuer !== issuer) return undefined;
      this.#known.set(issuer, { found, untilMs: this.nowMs() + DISCOVERY_LIFETIME_MS });
      return found;
    } catch (fault) {
      this.logger.warn({ err: fault, issuer }, 'sign-in: the issuer cannot be reached');
      return undefined;
    }
  }
}
