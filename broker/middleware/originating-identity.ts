import type { IncomingMessage } from 'node:http';
import type { Subject } from '../../authz/index.js';
import { badRequest } from '../errors.js';

const HEADER = 'x-broker-api-originating-identity';

/**
 * OSB 2.17, Originating Identity: `<platform> <base64 JSON>`, an attribute of an authenticated platform and of nobody
 * else (security.md B2). It never widens rights.
 * @throws OsbError `BadRequest` when a platform sends one that cannot be read.
 */
export function withOriginatingIdentity(subject: Subject, request: IncomingMessage): Subject {
  const header = request.headers[HEADER];
  if (subject.kind !== 'platform' || typeof header !== 'string' || subject.originatingIdentity) return subject;
  const [, platform, encoded] = /^(\S{1,255}) ([A-Za-z0-9+/_-]+={0,2})$/.exec(header) ?? [];
  const value = encoded === undefined ? undefined : parsed(Buffer.from(encoded, 'base64').toString('utf8'));
  if (platform === undefined || value === undefined)
    throw badRequest('X-Broker-API-Originating-Identity must be a platform and base64 JSON');
  return { ...subject, originatingIdentity: { platform, value } };
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
