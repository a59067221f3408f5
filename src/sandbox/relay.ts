import { join } from 'node:path';
import { compileSchema, problems } from '../validate.js';
import { verifies } from './bls.js';
import { type Registration, registrationSigningRoot } from './chain/signing.js';
import { readJson, writeDurably } from './files.js';
import { ok, Refusal, type Route } from './http.js';

export interface SignedRegistration {
  readonly message: Registration;
  readonly signature: string;
}

const isRegistrations = compileSchema<SignedRegistration[]>({
  type: 'array',
  maxItems: 10_000,
  items: {
    type: 'object',
    required: ['message', 'signature'],
    properties: {
      message: {
        type: 'object',
        required: ['fee_recipient', 'gas_limit', 'timestamp', 'pubkey'],
        properties: {
          fee_recipient: { type: 'string', pattern: '^0x[0-9a-fA-F]{40}$' },
          gas_limit: { type: 'string', pattern: '^\\d{1,15}$' },
          timestamp: { type: 'string', pattern: '^\\d{1,15}$' },
          pubkey: { type: 'string', pattern: '^0x[0-9a-fA-F]{96}$' },
        },
      },
      signature: { type: 'string', pattern: '^0x[0-9a-fA-F]{192}$' },
    },
  },
});

/** A builder relay (builder-specs): holds the newest valid registration of each key, on disk. */
export class Relay {
  private readonly held: Map<string, SignedRegistration>;
  private readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, 'relay.json');
    this.held = new Map(Object.entries(readJson<Record<string, SignedRegistration>>(this.path) ?? {}));
  }

  /** All or none. An older registration than the one held is ignored, as builder-specs says. */
  register(body: unknown): void {
    if (!isRegistrations(body)) throw new Refusal(400, problems(isRegistrations.errors)[0] ?? 'malformed');
    for (const { message, signature } of body) {
      if (!verifies(message.pubkey.toLowerCase(), registrationSigningRoot(message), signature)) {
        throw new Refusal(400, `invalid signature for ${message.pubkey}`);
      }
    }
    for (const registration of body) {
      const key = registration.message.pubkey.toLowerCase();
      const known = this.held.get(key);
      if (known && BigInt(known.message.timestamp) > BigInt(registration.message.timestamp)) continue;
      this.held.set(key, registration);
    }
    this.save();
  }

  routes(): Route[] {
    return [
      ['GET', '/eth/v1/builder/status', () => ({ status: 200 })],
      [
        'POST',
        '/eth/v1/builder/validators',
        (request) => {
          this.register(request.body);
          return { status: 200 };
        },
      ],
      ['GET', '/eth/v1/builder/validators', () => ok([...this.held.values()])],
      [
        'DELETE',
        '/eth/v1/builder/validators/{pubkey}',
        (request) => {
          if (this.held.delete((request.params.pubkey ?? '').toLowerCase())) this.save();
          return { status: 204 };
        },
      ],
      [
        'GET',
        '/relay/v1/data/validator_registration',
        (request) => {
          const registration = this.held.get((request.query.get('pubkey') ?? '').toLowerCase());
          if (!registration) throw new Refusal(404, 'no registration found for validator');
          return ok(registration);
        },
      ],
    ];
  }

  private save(): void {
    writeDurably(this.path, JSON.stringify(Object.fromEntries(this.held)));
  }
}
