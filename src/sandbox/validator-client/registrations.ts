/**
 * Not of the Keymanager API: real validator clients register with builders by a flag of their own. Here it is asked for
 * per key, and the registration goes through the beacon node to the relay, signed by the key with its own settings.
 */
import { sign } from '../bls.js';
import { registrationSigningRoot } from '../chain/signing.js';
import { ok, type Route } from '../http.js';
import type { BeaconApi } from './beacon-api.js';
import type { KeyStore } from './key-store.js';
import { DEFAULTS, heldKey } from './settings.js';

/** `POST /ovsb/sandbox/validator/{pubkey}/register` → the signed registration the relay now holds. */
export function registrationRoutes(keys: KeyStore, api: BeaconApi): Route[] {
  return [
    [
      'POST',
      '/ovsb/sandbox/validator/{pubkey}/register',
      async (request) => {
        const key = heldKey(keys, request);
        const message = {
          fee_recipient: (key.settings.feeRecipient ?? DEFAULTS.feeRecipient).toLowerCase(),
          gas_limit: key.settings.gasLimit ?? DEFAULTS.gasLimit,
          timestamp: String(Math.floor(Date.now() / 1000)),
          pubkey: key.publicKey,
        };
        const registration = { message, signature: sign(key.secret, registrationSigningRoot(message)) };
        await api.post('/eth/v1/validator/register_validator', [registration]);
        return ok({ data: registration });
      },
    ],
  ];
}
