import { type Logger, pino } from 'pino';

export type { Logger };

/** Fields whose values never reach a log, wherever they stand one or two levels deep. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'client_secret',
  'bearer_token',
  'claim_token',
  'ticket',
  'token',
  'access_token',
  'refresh_token',
  'pct',
  'rpt',
  'keystore',
  'mnemonic',
  'secret',
  'dataKey',
];

/** One JSON object a line on stderr; `level` is a pino level name. Secrets in known fields are removed. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '[removed]' },
    },
    pino.destination({ fd: 2, sync: true }),
  );
}
