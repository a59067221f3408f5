import type { ValueTransformer } from 'typeorm';

/** PostgreSQL bigint as bigint: `pg` hands it over as a decimal string. */
export const bigintColumn: ValueTransformer = {
  to: (value: bigint | null | undefined): string | null | undefined => value?.toString() ?? (value as null | undefined),
  from: (value: string | null): bigint | null => (value === null ? null : BigInt(value)),
};
