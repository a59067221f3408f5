import type { IncomingMessage } from 'node:http';
import type { Challenge, Guard, Permission, Revocation, Subject } from '../../../authz/index.js';

/** A small authorization server in memory: RPTs by name, tickets that say what they ask for. */
export class TestGuard implements Pick<Guard, 'identify' | 'challenge' | 'confirm'> {
  readonly #subjects = new Map<string, Subject>();
  readonly #listeners = new Set<(revocation: Revocation) => void>();
  readonly tickets: (readonly Permission[])[] = [];
  identified = 0;
  /** Answers to DPoP proofs, by the request's `dpop` header. */
  proofs = new Set<string>();
  /** Runs inside identify, to hold a verification up. */
  during: () => Promise<void> = async () => undefined;

  issue(rpt: string, permissions: readonly Permission[], more: Partial<Subject> = {}): void {
    this.#subjects.set(rpt, {
      kind: 'party',
      party: 'eip155:31337:0xabc',
      clientId: 'ovsb-cli',
      claims: {},
      permissions,
      tokenId: `jti-${rpt}`,
      expiresAt: Math.floor(Date.now() / 1000) + 300,
      proofOfPossession: false,
      ...more,
    });
  }

  revoke(rpt: string): void {
    this.#subjects.delete(rpt);
    this.tell({ kind: 'token', id: `jti-${rpt}` });
  }

  tell(revocation: Revocation): void {
    for (const listener of this.#listeners) listener(revocation);
  }

  onRevocation = (listener: (revocation: Revocation) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async identify(request: IncomingMessage): Promise<Subject | undefined> {
    this.identified += 1;
    const token = request.headers.authorization?.split(' ')[1] ?? '';
    const subject = this.#subjects.get(token);
    await this.during();
    return subject;
  }

  async challenge(wanted: readonly Permission[]): Promise<Challenge> {
    this.tickets.push(wanted);
    const ticket = `ticket-${this.tickets.length}`;
    const asUri = 'http://127.0.0.1/authz';
    return {
      ticket,
      asUri,
      headers: { 'WWW-Authenticate': `UMA realm="ovsb", as_uri="${asUri}", ticket="${ticket}"` },
    };
  }

  async confirm(request: IncomingMessage, subject: Subject): Promise<boolean> {
    return !subject.proofOfPossession || this.proofs.delete(String(request.headers.dpop));
  }
}
