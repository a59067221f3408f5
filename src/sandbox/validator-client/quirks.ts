/** Where real implementations leave the Keymanager API's text; everything else follows it. */
export interface Quirks {
  /** Deleting a key that was here before. */
  readonly secondDelete: 'not_active' | 'not_found';
  /** Deleting a key that was never here. */
  readonly unseenDelete: 'not_found' | 'not_active';
  /** Lists of different length in an import: refused, or 200 with the missing ones as errors. */
  readonly lengthMismatch: 400 | 200;
  /** An interchange of another network. */
  readonly wrongGenesis: 400 | 500;
}

const STANDARD: Quirks = {
  secondDelete: 'not_active',
  unseenDelete: 'not_found',
  lengthMismatch: 400,
  wrongGenesis: 400,
};

const BY_IMPLEMENTATION: Readonly<Record<string, Partial<Quirks>>> = {
  nimbus: { secondDelete: 'not_found' },
  lodestar: { unseenDelete: 'not_active', lengthMismatch: 200, wrongGenesis: 500 },
};

export function quirksOf(implementation: string): Quirks {
  return { ...STANDARD, ...BY_IMPLEMENTATION[implementation] };
}
