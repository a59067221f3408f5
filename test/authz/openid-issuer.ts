import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** This server's registration at the issuer. */
export const OURS = { clientId: 'ovsb', clientSecret: 'at-the-issuer' };

/** What the issuer says of the person who signs in there. */
const ADA = { email: 'ada@example.org', kyc_level: 2 };

export type OpenIdIssuer = Awaited<ReturnType<typeof startIssuer>>;

/** An OpenID issuer: discovery, JWKS, and a token endpoint that insists on PKCE and on its client's secret. */
export async function startIssuer() {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' };
  const codes = new Map<string, { challenge: string; nonce: string }>();
  const http: Server = createServer();
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  http.on('request', async (request, response) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (request.url === '/.well-known/openid-configuration') {
      return answer(200, {
        issuer,
        jwks_uri: `${issuer}/jwks`,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
      });
    }
    if (request.url === '/jwks') return answer(200, { keys: [jwk] });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const grant = codes.get(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const expected = `Basic ${Buffer.from(`${OURS.clientId}:${OURS.clientSecret}`).toString('base64')}`;
    if (grant === undefined || grant.challenge !== challenge || request.headers.authorization !== expected) {
      return answer(400, { error: 'invalid_grant' });
    }
    const token = await idToken('ada', { nonce: grant.nonce, ...ADA });
    return answer(200, { id_token: token, token_type: 'Bearer', access_token: 'x' });
  });
  const idToken = (subject: string, claims: Readonly<Record<string, unknown>>) =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer(issuer)
      .setSubject(subject)
      .setAudience(OURS.clientId)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
  return {
    issuer,
    idToken,
    /** What the person's sign-in does: a code for this authorization request. */
    sign(url: URL): string {
      const code = `code-${codes.size}`;
      codes.set(code, {
        challenge: url.searchParams.get('code_challenge') ?? '',
        nonce: url.searchParams.get('nonce') ?? '',
      });
      return code;
    },
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
