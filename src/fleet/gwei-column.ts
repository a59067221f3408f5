import type { ValueTransformer } from 'typeorm';

/** PostgreSQL's bigint comes as text; in TypeScript it is a bigint. */
export const bigintColumn: ValueTransformer = {
  to: (value: bigint | undefined): string | undefined => value?.toString(),
  from: (value: string | null): bigint | null => (value === null ? null : BigInt(value)),
};
