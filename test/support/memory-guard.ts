/**
 * An authorization server in memory, for tests of resource servers: real tickets, permissions and withdrawals, and
 * policies as a function. Credentials: `Basic platform:secret`; `Bearer <name>` of a subject made by `grant`.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { EntityManager } from 'typeorm';
import type {
  Challenge,
  Decision,
  Facts,
  Guard,
  Permission,
  ProtectionApi,
  ResourceDescription,
  Subject,
} from '../../authz/index.js';

export interface Question {
  readonly subject: Subject;
  readonly resource: ResourceDescription;
  readonly scope: string;
  readonly context: Facts;
  readonly digest?: string;
}

export interface MemoryGuard {
  readonly guard: Guard;
  readonly protection: ProtectionApi;
  readonly resources: Map<string, ResourceDescription>;
  /** Tickets handed out, with what they are for. */
  readonly tickets: Map<string, readonly Permission[]>;
  readonly questions: Question[];
  /** Replaces the default policy: owners and the operator may do everything, anybody may create and read the catalog. */
  decide: (question: Question) => Decision['outcome'];
  /** A bearer token of a party that holds these permissions. */
  bearer(subject: Partial<Subject> & { party: string }, permissions?: readonly Permission[]): string;
  /** Adds a permission to a bearer's token, as an upgrade would. */
  grant(token: string, permission: Permission): void;
  resourceId(type: string, key: string): string | undefined;
}

export const PLATFORM = `Basic ${Buffer.from('platform:secret').toString('base64')}`;

export function memoryGuard(): MemoryGuard {
  const resources = new Map<string, ResourceDescription>();
  const tickets = new Map<string, readonly Permission[]>();
  const tokens = new Map<string, Subject>();
  const questions: Question[] = [];

  const identify = async (request: IncomingMessage) => tokens.get(request.headers.authorization ?? '');
  const challenge = async (wanted: readonly Permission[]): Promise<Challenge> => {
    const ticket = randomUUID();
    tickets.set(ticket, wanted);
    const asUri = 'http://127.0.0.1/authz';
    return {
      ticket,
      asUri,
      headers: { 'WWW-Authenticate': `UMA realm="ovsb", as_uri="${asUri}", ticket="${ticket}"` },
    };
  };
  const decide = async (
    subject: Subject,
    wanted: { resourceId: string; scope: string; context?: Facts; digest?: string },
  ): Promise<Decision> => {
    const resource = resources.get(wanted.resourceId);
    if (!resource?.scopes.includes(wanted.scope)) return { outcome: 'deny', reason: 'no such resource', policies: [] };
    const question: Question = {
      subject,
      resource,
      scope: wanted.scope,
      context: wanted.context ?? {},
      ...(wanted.digest === undefined ? {} : { digest: wanted.digest }),
    };
    questions.push(question);
    const outcome = memory.decide(question);
    return { outcome, reason: `test policy says ${outcome}`, policies: ['test.cedar:1 test'] };
  };
  const holds = (subject: Subject, wanted: readonly Permission[]) =>
    wanted.every(({ resourceId, scopes }) =>
      scopes.every((scope) =>
        subject.permissions.some(
          (held) => resources.has(resourceId) && held.resourceId === resourceId && held.scopes.includes(scope),
        ),
      ),
    );

  const memory: MemoryGuard = {
    resources,
    tickets,
    questions,
    guard: {
      identify,
      challenge,
      decide,
      confirm: async () => true,
      async check(request, wanted, context) {
        const subject = await identify(request);
        if (!subject) return { kind: 'challenge', challenge: await challenge(wanted) };
        if (subject.kind !== 'platform')
          return holds(subject, wanted)
            ? { kind: 'granted', subject }
            : { kind: 'challenge', challenge: await challenge(wanted) };
        for (const { resourceId, scopes } of wanted)
          for (const scope of scopes) {
            const decision = await decide(subject, {
              resourceId,
              scope,
              ...(context === undefined ? {} : { context }),
            });
            if (decision.outcome !== 'permit') return { kind: 'denied', decision };
          }
        return { kind: 'granted', subject };
      },
    },
    protection: {
      async register(description) {
        const id = randomUUID();
        resources.set(id, description);
        return id;
      },
      async ensure(description) {
        const id = memory.resourceId(description.type, description.key) ?? randomUUID();
        resources.set(id, description);
        return id;
      },
      async withdraw(resourceId, manager) {
        void transactionOver(manager).then(() => resources.delete(resourceId));
      },
    },
    decide: ({ subject, resource, scope }) => {
      if (subject.kind === 'operator' || scope === 'instance:create' || resource.type === 'catalog') return 'permit';
      return resource.attributes.owner === subject.party ? 'permit' : 'deny';
    },
    bearer(subject, permissions = []) {
      const token = `Bearer ${randomUUID()}`;
      tokens.set(token, {
        kind: 'party',
        clientId: 'ovsb-cli',
        claims: {},
        proofOfPossession: false,
        ...subject,
        permissions: [...permissions],
      });
      return token;
    },
    grant(token, permission) {
      const subject = tokens.get(token);
      if (subject) tokens.set(token, { ...subject, permissions: [...subject.permissions, permission] });
    },
    resourceId(type, key) {
      return [...resources].find(([, resource]) => resource.type === type && resource.key === key)?.[0];
    },
  };
  const platform = { kind: 'platform', party: 'platform:platform', clientId: 'platform', claims: {} } as const;
  tokens.set(PLATFORM, { ...platform, permissions: [], proofOfPossession: false });
  const other = { kind: 'platform', party: 'platform:other', clientId: 'other', claims: {} } as const;
  tokens.set(OTHER_PLATFORM, { ...other, permissions: [], proofOfPossession: false });
  return memory;
}

/** Nobody sees a withdrawal before its commit, here as in the database. */
async function transactionOver(manager: EntityManager | undefined): Promise<void> {
  while (manager?.queryRunner?.isTransactionActive) await new Promise((resolve) => setImmediate(resolve));
}

export const OTHER_PLATFORM = `Basic ${Buffer.from('other:secret').toString('base64')}`;
