import type { IncomingMessage } from 'node:http';
import type { Subject } from './contract.js';
import type { PlatformAccount } from './deps.js';
import { digestOf, sameSecret } from './secrets.js';

interface StoredAccount {
  readonly username: string;
  readonly usernameDigest: Buffer;
  readonly passwordDigest: Buffer;
  readonly bearerDigest?: Buffer;
}

const ORIGINATING_IDENTITY = /^(\S{1,64}) ([A-Za-z0-9+/=_-]{1,8192})$/;

/** OSB platforms' accounts: digests in memory, compared in constant time against all of them. */
export class Platforms {
  readonly #accounts: readonly StoredAccount[];

  constructor(accounts: readonly PlatformAccount[]) {
    this.#accounts = accounts.map(({ username, password, bearerToken }) => ({
      username,
      usernameDigest: digestOf(username),
      passwordDigest: digestOf(password),
      ...(bearerToken !== undefined && { bearerDigest: digestOf(bearerToken) }),
    }));
  }

  byBasic(credentials: string, request: IncomingMessage): Subject | undefined {
    const [username, password] = splitBasic(credentials);
    if (username === undefined || password === undefined) return undefined;
    let found: StoredAccount | undefined;
    for (const account of this.#accounts) {
      const sameName = sameSecret(username, account.usernameDigest);
      const samePassword = sameSecret(password, account.passwordDigest);
      if (sameName && samePassword) found = account;
    }
    return found === undefined ? undefined : subjectOf(found, request);
  }

  byBearer(token: string, request: IncomingMessage): Subject | undefined {
    let found: StoredAccount | undefined;
    for (const account of this.#accounts) {
      if (account.bearerDigest !== undefined && sameSecret(token, account.bearerDigest)) found = account;
    }
    return found === undefined ? undefined : subjectOf(found, request);
  }
}

function splitBasic(credentials: string): [string?, string?] {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? [] : [text.slice(0, colon), text.slice(colon + 1)];
}

function subjectOf(account: StoredAccount, request: IncomingMessage): Subject {
  const originatingIdentity = readOriginatingIdentity(request);
  return {
    kind: 'platform',
    party: `platform:${account.username}`,
    clientId: `platform:${account.username}`,
    claims: {},
    permissions: [],
    proofOfPossession: false,
    ...(originatingIdentity !== undefined && { originatingIdentity }),
  };
}

/** OSB 2.17, Originating Identity: `<platform> <base64 JSON>`. A malformed one is left to the broker's own refusal. */
function readOriginatingIdentity(request: IncomingMessage): Subject['originatingIdentity'] {
  const header = request.headers['x-broker-api-originating-identity'];
  const match = typeof header === 'string' ? ORIGINATING_IDENTITY.exec(header) : null;
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  try {
    return { platform: match[1], value: JSON.parse(Buffer.from(match[2], 'base64').toString('utf8')) as unknown };
  } catch (fault) {
    if (fault instanceof SyntaxError) return undefined;
    throw fault;
  }
}
