/** The fields of a Sign-In with Ethereum message, version 1 (EIP-4361, "ABNF Message Format"). */
export interface SignInMessage {
  /** host[:port], without the optional scheme. */
  readonly domain: string;
  /** As written: 0x and hex digits. */
  readonly account: string;
  readonly statement?: string;
  readonly uri: string;
  readonly chainId: number;
  readonly nonce: string;
  /** Milliseconds since 1970. */
  readonly issuedAtMs: number;
  readonly expirationMs?: number;
  readonly notBeforeMs?: number;
  readonly requestId?: string;
  readonly resources: readonly string[];
}

const MAX_RESOURCES = 20;

/** What differs between messages of this shape: the words of the first line and the account on the second. */
export interface MessageKind {
  /** Captures the domain. */
  readonly head: RegExp;
  readonly account: RegExp;
}

export const ETHEREUM_ACCOUNT: MessageKind = {
  head: /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^\s/]+) wants you to sign in with your Ethereum account:$/i,
  account: /^0x[0-9a-fA-F]{40}$/,
};

/** RFC 3339 date-time; Date.parse alone takes much more. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Reads the message line by line, in the order of the ABNF and nothing else, so that no field can hide in another.
 * Returns what is wrong as text.
 */
export function parseSignInMessage(text: string, kind: MessageKind): SignInMessage | string {
  if (/[^\P{C}\n]/u.test(text)) return 'control characters';
  const lines = new Lines(text.split('\n'));
  const domain = kind.head.exec(lines.next())?.[1];
  if (domain === undefined) return 'the first line does not name a domain';
  const account = lines.next();
  if (!kind.account.test(account)) return 'the second line is not the account';
  const statement = readStatement(lines);
  const uri = lines.field('URI');
  const version = lines.field('Version');
  const chainId = lines.field('Chain ID');
  const nonce = lines.field('Nonce');
  const issuedAt = lines.field('Issued At');
  const expiration = lines.field('Expiration Time');
  const notBefore = lines.field('Not Before');
  const requestId = lines.field('Request ID');
  const resources = readResources(lines);
  if (uri === undefined) return 'no URI line';
  if (version !== '1') return 'Version is not 1';
  if (chainId === undefined || !/^[1-9]\d{0,15}$/.test(chainId)) return 'no Chain ID line';
  if (nonce === undefined || !/^[A-Za-z0-9]{8,128}$/.test(nonce)) return 'no Nonce of 8 letters and digits or more';
  const issuedAtMs = timeOf(issuedAt);
  if (issuedAtMs === undefined) return 'Issued At is not a date-time';
  const expirationMs = timeOf(expiration);
  if (expiration !== undefined && expirationMs === undefined) return 'Expiration Time is not a date-time';
  const notBeforeMs = timeOf(notBefore);
  if (notBefore !== undefined && notBeforeMs === undefined) return 'Not Before is not a date-time';
  if (resources === undefined || !lines.ended) return 'unexpected lines at the end';
  return {
    domain,
    account,
    uri,
    chainId: Number(chainId),
    nonce,
    issuedAtMs,
    resources,
    ...(statement === undefined ? {} : { statement }),
    ...(expirationMs === undefined ? {} : { expirationMs }),
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}

class Lines {
  #at = 0;

  constructor(readonly all: readonly string[]) {}

  get ended(): boolean {
    return this.#at >= this.all.length;
  }

  peek(): string | undefined {
    return this.all[this.#at];
  }

  next(): string {
    return this.all[this.#at++] ?? '';
  }

  /** The value of the line `name: value` if that is the next line. */
  field(name: string): string | undefined {
    return this.peek()?.startsWith(`${name}: `) ? this.next().slice(name.length + 2) : undefined;
  }
}

/** Blank line, then a statement and a blank line; libraries differ in the blanks around an absent statement. */
function readStatement(lines: Lines): string | undefined {
  if (lines.peek() === '') lines.next();
  if (lines.peek() === '') lines.next();
  if (lines.peek()?.startsWith('URI: ') !== false) return undefined;
  const statement = lines.next();
  if (lines.peek() === '') lines.next();
  return statement;
}

function readResources(lines: Lines): string[] | undefined {
  if (lines.peek() !== 'Resources:') return [];
  lines.next();
  const found: string[] = [];
  while (lines.peek()?.startsWith('- ')) found.push(lines.next().slice(2));
  return found.length > MAX_RESOURCES ? undefined : found;
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined || !DATE_TIME.test(text)) return undefined;
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}
