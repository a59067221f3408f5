/** Parameters of provision, update and bind: checked against the schemas the catalog publishes, then read. */
import type { ValidateFunction } from 'ajv';
import Ajv04 from 'ajv-draft-04';
import { isEncryptionPublicKey } from '../src/encrypt-to.js';
import { problems, type Schema } from '../src/validate.js';
import { ENCRYPTION_FORMATS } from './encryption.js';
import { badRequest } from './errors.js';
import type { Parameters } from './service-instance.js';

const ajv = new Ajv04.default({ allErrors: true, strict: false });
const compiled = new WeakMap<Schema, ValidateFunction>();

const GRAFFITI_BYTES = 32;

/** @throws OsbError `BadRequest` naming the field: unknown, of the wrong type, or out of range. */
export function checkParameters(schema: Schema, parameters: Parameters): void {
  let validate = compiled.get(schema);
  if (!validate) {
    validate = ajv.compile(schema);
    compiled.set(schema, validate);
  }
  if (!validate(parameters)) {
    const placed = (validate.errors ?? []).map((fault) => ({
      ...fault,
      instancePath: `/parameters${fault.instancePath}`,
    }));
    throw badRequest(problems(placed).join('; '));
  }
  const { graffiti, encryption_public_key: key } = parameters;
  if (typeof graffiti === 'string' && Buffer.byteLength(graffiti, 'utf8') > GRAFFITI_BYTES)
    throw badRequest(`parameters.graffiti must be at most ${GRAFFITI_BYTES} bytes of UTF-8`);
  if (typeof key === 'string' && !isEncryptionPublicKey(key))
    throw badRequest('parameters.encryption_public_key must be a base64 x25519 key of full order');
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
const texts = (value: unknown) =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : undefined;

/** Parameters that passed `checkParameters`, as values. Public keys and addresses are in lower case. */
export function readParameters(parameters: Parameters) {
  const publicKeys = texts(parameters.public_keys)?.map((key) => key.toLowerCase());
  if (publicKeys && new Set(publicKeys).size !== publicKeys.length)
    throw badRequest('parameters.public_keys must not name a key twice');
  const named = publicKeys?.length;
  if (typeof parameters.keys === 'number' && named !== undefined && named !== parameters.keys)
    throw badRequest('parameters.keys must be the number of public_keys, or left out');
  return {
    keys: typeof parameters.keys === 'number' ? parameters.keys : (named ?? 1),
    publicKeys,
    withdrawalAddress: text(parameters.withdrawal_address)?.toLowerCase(),
    feeRecipient: text(parameters.fee_recipient)?.toLowerCase(),
    gasLimit: parameters.gas_limit === undefined ? undefined : String(parameters.gas_limit),
    graffiti: text(parameters.graffiti),
    region: text(parameters.region),
    wish: parameters.wish === 'hard' ? ('hard' as const) : ('soft' as const),
    wishGiven: parameters.wish !== undefined,
    encryptionPublicKey: text(parameters.encryption_public_key),
    encryptionFormat: ENCRYPTION_FORMATS.find((format) => format === parameters.encryption_format),
    validatorInstanceId: text(parameters.validator_instance_id),
    allowedOrigins: texts(parameters.allowed_origins),
  };
}
