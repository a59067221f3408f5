import type { Subject } from '../authz/index.js';

/**
 * Where a platform's request comes from, by that platform's word: facts for policies about the platform, never a party and
 * never a right by themselves (security.md B2). Empty for everybody else, whatever they send.
 */
export interface Origin {
  readonly platform?: string;
  readonly organization?: string;
  readonly space?: string;
  /** The Kubernetes namespace the instance is for; of whoever asks, when the platform does not say. */
  readonly namespace?: string;
}

/** What is kept of the origin of an instance. */
export interface KeptOrigin {
  readonly organizationGuid: string;
  readonly spaceGuid: string;
  readonly platform: string | null;
  readonly namespace: string | null;
}

const KUBERNETES = 'kubernetes';
/** RFC 1123, as Kubernetes names namespaces. */
const NAMESPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):[^:]+$/;
const SERVICE_ACCOUNTS_GROUP = /^system:serviceaccounts:([^:]+)$/;

/**
 * Of a request that makes an instance: OSB's `context` {platform, namespace}, `organization_guid` and `space_guid`, then the
 * originating identity. What is not well formed is left out, and a policy that asks for it fails closed.
 */
export function originOf(
  subject: Subject,
  body: { readonly context?: unknown; readonly organization_guid?: unknown; readonly space_guid?: unknown },
): Origin {
  if (subject.kind !== 'platform') return {};
  const context = objectOf(body.context);
  const platform = textOf(context.platform) ?? subject.originatingIdentity?.platform;
  const named = platform === KUBERNETES ? namespaceIn(context.namespace) : undefined;
  return known({
    platform,
    organization: textOf(body.organization_guid),
    space: textOf(body.space_guid),
    namespace: named ?? requesterNamespace(subject),
  });
}

/** Of a request about an instance that was made: its own origin, then the originating identity. */
export function originOn(subject: Subject, instance: Partial<KeptOrigin>): Origin {
  if (subject.kind !== 'platform') return {};
  return known({
    platform: instance.platform ?? subject.originatingIdentity?.platform,
    organization: instance.organizationGuid,
    space: instance.spaceGuid,
    namespace: instance.namespace ?? requesterNamespace(subject),
  });
}

/** OSB profile, Originating Identity of Kubernetes: `username` and `groups` as the API server knows them. */
function requesterNamespace({ originatingIdentity }: Subject): string | undefined {
  if (originatingIdentity?.platform !== KUBERNETES) return undefined;
  const { username, groups } = objectOf(originatingIdentity.value);
  const [, ofAccount] = SERVICE_ACCOUNT.exec(textOf(username) ?? '') ?? [];
  if (ofAccount !== undefined) return namespaceIn(ofAccount);
  const named = (Array.isArray(groups) ? groups : []).flatMap((group: unknown) => {
    const [, namespace] = SERVICE_ACCOUNTS_GROUP.exec(textOf(group) ?? '') ?? [];
    return namespace === undefined ? [] : [namespace];
  });
  return named.length === 1 ? namespaceIn(named[0]) : undefined;
}

function namespaceIn(value: unknown): string | undefined {
  return typeof value === 'string' && NAMESPACE.test(value) ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 255 ? value : undefined;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function known(origin: { readonly [Name in keyof Origin]: string | undefined }): Origin {
  return Object.fromEntries(Object.entries(origin).filter(([, value]) => value !== undefined));
}
