/** PostgreSQL's bigint comes as text; slots, epochs and counters are bigint here. */
export const bigintColumn = {
  to: (value: bigint | null | undefined) => (value === null || value === undefined ? value : value.toString()),
  from: (value: string | null) => (value === null ? null : BigInt(value)),
};
