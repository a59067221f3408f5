import type { ValueTransformer } from 'typeorm';

/** PostgreSQL's bigint comes as text; it is a bigint here. */
export const bigintColumn: ValueTransformer = {
  to: (value: bigint | undefined) => value?.toString(),
  from: (value: string | null) => (value === null ? null : BigInt(value)),
};
