import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Challenge, Guard, Permission } from '../../authz/index.js';
import type { Clock } from '../clock.js';
import { reasonOf } from '../errors.js';
import { guardAnswer } from '../http/errors.js';
import type { Logger } from '../logger.js';
import type { Admission, Admissions, Grant } from './admissions.js';
import { type Answered, type AnswerParts, answerMessage } from './answer-message.js';
import { corsHeaders, type HeaderList, PREFLIGHT } from './cors.js';
import { type Credential, presentedCredential } from './credential.js';
import type { Endpoint } from './endpoint-store.js';
import { scopeOf } from './groups.js';
import { errorAnswer, type RpcId, type Wire } from './json-rpc.js';
import type { Metrics } from './metrics.js';
import { readBody } from './read-body.js';
import { respond, respondAndClose, respondEmpty, responseSink } from './respond.js';

export interface HttpParts extends AnswerParts {
  readonly guard: Pick<Guard, 'confirm' | 'challenge'>;
  readonly admissions: Admissions;
  readonly find: (bindingId: string) => Promise<Endpoint | undefined>;
  /** False: nothing remembered may be believed now. */
  readonly confirmed: () => boolean;
  /** What the ticket of an unknown binding's 401 asks for. */
  readonly unknownBinding: () => readonly Permission[];
  readonly hostAllowed: (host: string | undefined) => boolean;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly log: Logger;
}

/** The binding id of `/rpc/{binding_id}`; undefined for any other path. */
export function bindingOf(url: string | undefined): string | undefined {
  const escaped = /^\/rpc\/([^/?#]+)(?:\?|$)/.exec(url ?? '')?.[1];
  if (escaped === undefined || !escaped.includes('%')) return escaped;
  try {
    return decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}

/** A refusal before any call was read: status, JSON-RPC body and headers, the same for HTTP and for an upgrade. */
export interface Refusal {
  readonly status: number;
  readonly body: Wire;
  readonly headers: HeaderList;
}

/** Whose request it is: a grant now or soon, or a refusal. Without a wait when the credential is remembered. */
export function admitRequest(
  parts: HttpParts,
  request: IncomingMessage,
  bindingId: string,
): Grant | Promise<Grant | Refusal> {
  const credential = presentedCredential(request);
  if (!parts.confirmed()) {
    parts.admissions.dropAll();
    return Promise.resolve(unavailable(parts, request, new Error('no word from the database')));
  }
  const grant = credential === undefined ? undefined : parts.admissions.cached(bindingId, credential);
  if (grant !== undefined && grant.subject?.proofOfPossession !== true) return grant;
  return verify(parts, request, bindingId, credential).catch((thrown) => unavailable(parts, request, thrown));
}

async function verify(
  parts: HttpParts,
  request: IncomingMessage,
  bindingId: string,
  credential: Credential | undefined,
): Promise<Grant | Refusal> {
  const admission: Admission =
    credential === undefined
      ? { kind: 'refused', endpoint: await parts.find(bindingId) }
      : await admitOnce(parts, request, bindingId, credential);
  if (admission.kind === 'granted') return admission.grant;
  const cors = corsHeaders(admission.endpoint, request.headers.origin);
  if (admission.kind === 'throttled') {
    parts.metrics.refused('throttled');
    const body = errorAnswer(null, 'limited', 'too many failed credentials from this address');
    return { status: 429, body, headers: [...cors, 'retry-after', String(admission.retryAfterSeconds)] };
  }
  parts.metrics.refused('unauthorized');
  return challengeRefusal(await parts.guard.challenge(wantedOf(parts, admission.endpoint), request), null, cors);
}

async function admitOnce(
  parts: HttpParts,
  request: IncomingMessage,
  bindingId: string,
  credential: Credential,
): Promise<Admission> {
  const grant = parts.admissions.cached(bindingId, credential);
  const admission: Admission =
    grant === undefined ? await parts.admissions.admit(request, bindingId, credential) : { kind: 'granted', grant };
  if (admission.kind !== 'granted' || admission.grant.subject === undefined) return admission;
  const { subject, endpoint } = admission.grant;
  return (await parts.guard.confirm(request, subject)) ? admission : { kind: 'refused', endpoint };
}

/** Everything the endpoint offers, so that one ticket serves whatever is called next. */
function wantedOf(parts: HttpParts, endpoint: Endpoint | undefined): readonly Permission[] {
  if (endpoint === undefined) return parts.unknownBinding();
  return [{ resourceId: endpoint.resourceId, scopes: [...endpoint.groups].map(scopeOf) }];
}

function challengeRefusal(challenge: Challenge, id: RpcId, cors: HeaderList): Refusal {
  const { asUri, ticket } = challenge;
  const body = errorAnswer(id, 'unauthorized', 'no credential for this call', { as_uri: asUri, ticket });
  const headers = Object.entries(challenge.headers).flat();
  return { status: 401, body, headers: [...cors, ...headers] };
}

/** 503; where only the guard could not ask, UMA's 403 and Warning (UMA Grant 3.2.2); 429 where its tickets were asked for too often. */
function unavailable(parts: HttpParts, request: IncomingMessage, thrown: unknown): Refusal {
  const cors = corsHeaders(undefined, request.headers.origin);
  const guarded = guardAnswer(thrown) ?? { status: 503, headers: {} };
  const headers: HeaderList = [...cors, ...Object.entries(guarded.headers).flat()];
  if (guarded.status === 429) {
    parts.metrics.refused('throttled');
    return { status: 429, body: errorAnswer(null, 'limited', reasonOf(thrown)), headers };
  }
  const correlationId = randomUUID();
  const reason = reasonOf(thrown);
  parts.log.error({ correlation_id: correlationId, reason }, 'an RPC request could not be judged');
  parts.metrics.refused('unavailable');
  const body = errorAnswer(null, 'internal', 'temporarily unavailable', { correlation_id: correlationId });
  return { status: guarded.status, body, headers: [...headers, 'retry-after', '1'] };
}

/** Serves `/rpc/{binding_id}` over HTTP; answers everything it is given. */
export function createHttpHandler(parts: HttpParts): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const bindingId = bindingOf(request.url);
    if (!parts.hostAllowed(request.headers.host)) {
      parts.metrics.refused('host');
      return respond(response, 421, errorAnswer(null, 'server', 'not a host name of this broker'), []);
    }
    if (bindingId === undefined) return respond(response, 404, errorAnswer(null, 'server', 'no such endpoint'), []);
    if (request.method === 'OPTIONS') {
      void preflight(parts, request, response, bindingId);
      return;
    }
    const admitted = admitRequest(parts, request, bindingId);
    if ('endpoint' in admitted) return serve(parts, request, response, admitted);
    void admitted.then((each) => {
      if ('endpoint' in each) serve(parts, request, response, each);
      else respond(response, each.status, each.body, each.headers);
    });
  };
}

async function preflight(
  parts: HttpParts,
  request: IncomingMessage,
  response: ServerResponse,
  bindingId: string,
): Promise<void> {
  try {
    const endpoint = await parts.find(bindingId);
    respondEmpty(response, 204, [...corsHeaders(endpoint, request.headers.origin), ...PREFLIGHT]);
  } catch (thrown) {
    const { status, body, headers } = unavailable(parts, request, thrown);
    respond(response, status, body, headers);
  }
}

function serve(parts: HttpParts, request: IncomingMessage, response: ServerResponse, grant: Grant): void {
  const { endpoint } = grant;
  const cors = corsHeaders(endpoint, request.headers.origin);
  if (request.method !== 'POST') {
    const body = errorAnswer(null, 'invalidRequest', 'JSON-RPC is called by POST');
    respond(response, 405, body, [...cors, 'allow', 'POST, OPTIONS']);
    return;
  }
  readBody(request, endpoint.limits.body_bytes, (bytes) => {
    if (bytes === 'gone') return;
    if (bytes === 'too-large') {
      parts.metrics.refused('too-large');
      const body = errorAnswer(null, 'invalidRequest', `a body may have ${endpoint.limits.body_bytes} bytes`);
      return respondAndClose(request, response, 413, body, cors);
    }
    const sinkFor = (id: RpcId) => responseSink(response, id, cors);
    answerMessage(parts, bytes, { grant, transport: 'http', timeoutMs: parts.timeoutMs, sinkFor })
      .then((answered) => render(parts, response, answered, cors))
      .catch((thrown) => {
        const { status, body, headers } = unavailable(parts, request, thrown);
        respond(response, status, body, headers);
      });
  });
}

async function render(parts: HttpParts, response: ServerResponse, answered: Answered, cors: HeaderList): Promise<void> {
  switch (answered.kind) {
    case 'streamed':
      return;
    case 'empty':
      return respondEmpty(response, 204, cors);
    case 'challenge': {
      const challenge = await parts.guard.challenge(answered.wanted);
      const { status, body, headers } = challengeRefusal(challenge, answered.id, cors);
      return respond(response, status, body, headers);
    }
    case 'json': {
      const { retryAfterSeconds } = answered;
      const retry = retryAfterSeconds === undefined ? [] : ['retry-after', String(retryAfterSeconds)];
      return respond(response, answered.status, answered.body, [...cors, ...retry]);
    }
  }
}
