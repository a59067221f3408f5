/** Fee recipient, gas limit and graffiti per key (keymanager-APIs). They belong to the client and do not move with a key. */
import { compileSchema } from '../../validate.js';
import { OPERATOR_ADDRESS } from '../chain/spec.js';
import { ok, Refusal, type Request, type Route } from '../http.js';
import type { HeldKey, KeySettings, KeyStore } from './key-store.js';

interface Setting {
  readonly path: string;
  readonly key: keyof KeySettings;
  /** The field of the wire. */
  readonly field: string;
  readonly pattern: string;
  readonly fallback: string;
}

export const DEFAULTS = { feeRecipient: OPERATOR_ADDRESS, gasLimit: '60000000', graffiti: 'ovsb sandbox' } as const;

const SETTINGS: readonly Setting[] = [
  {
    path: 'feerecipient',
    key: 'feeRecipient',
    field: 'ethaddress',
    pattern: '^0x(?!0{40}$)[0-9a-fA-F]{40}$',
    fallback: DEFAULTS.feeRecipient,
  },
  { path: 'gas_limit', key: 'gasLimit', field: 'gas_limit', pattern: '^[1-9]\\d{0,15}$', fallback: DEFAULTS.gasLimit },
  { path: 'graffiti', key: 'graffiti', field: 'graffiti', pattern: '^[^\\u0000]{0,32}$', fallback: DEFAULTS.graffiti },
];

export function settingRoutes(keys: KeyStore): Route[] {
  return SETTINGS.flatMap((setting): Route[] => {
    const path = `/eth/v1/validator/{pubkey}/${setting.path}`;
    const isBody = compileSchema<Record<string, string>>({
      type: 'object',
      required: [setting.field],
      properties: { [setting.field]: { type: 'string', pattern: setting.pattern } },
    });
    return [
      [
        'GET',
        path,
        (request) => {
          const key = heldKey(keys, request);
          return ok({
            data: { pubkey: key.publicKey, [setting.field]: key.settings[setting.key] ?? setting.fallback },
          });
        },
      ],
      [
        'POST',
        path,
        (request) => {
          const key = heldKey(keys, request);
          if (!isBody(request.body)) throw new Refusal(400, `${setting.field} is missing or malformed`);
          keys.set(key.publicKey, setting.key, request.body[setting.field]);
          return { status: 202 };
        },
      ],
      [
        'DELETE',
        path,
        (request) => {
          keys.set(heldKey(keys, request).publicKey, setting.key, undefined);
          return { status: 204 };
        },
      ],
    ];
  });
}

export function heldKey(keys: KeyStore, request: Request): HeldKey {
  const publicKey = (request.params.pubkey ?? '').toLowerCase();
  if (!/^0x[0-9a-f]{96}$/.test(publicKey)) throw new Refusal(400, 'malformed public key');
  const key = keys.get(publicKey);
  if (!key) throw new Refusal(404, 'no such key here');
  return key;
}
