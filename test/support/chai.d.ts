/** chai 6 ships no types: what these tests use of it, typed. */
declare module 'chai' {
  export interface Assertion {
    readonly to: Assertion;
    readonly be: Assertion;
    readonly been: Assertion;
    readonly is: Assertion;
    readonly that: Assertion;
    readonly which: Assertion;
    readonly and: Assertion;
    readonly has: Assertion;
    readonly have: Assertion;
    readonly with: Assertion;
    readonly at: Assertion;
    readonly of: Assertion;
    readonly same: Assertion;
    readonly but: Assertion;
    readonly does: Assertion;
    readonly not: Assertion;
    readonly deep: Assertion;
    readonly nested: Assertion;
    readonly own: Assertion;
    readonly ordered: Assertion;
    readonly any: Assertion;
    readonly all: Assertion;
    readonly length: Assertion & ((expected: number, message?: string) => Assertion);
    readonly ok: Assertion;
    readonly true: Assertion;
    readonly false: Assertion;
    readonly null: Assertion;
    readonly undefined: Assertion;
    readonly exist: Assertion;
    readonly empty: Assertion;
    readonly NaN: Assertion;
    readonly finite: Assertion;
    readonly a: Assertion & ((type: string, message?: string) => Assertion);
    readonly an: Assertion & ((type: string, message?: string) => Assertion);
    readonly include: Assertion & ((expected: unknown, message?: string) => Assertion);
    readonly contain: Assertion & ((expected: unknown, message?: string) => Assertion);
    readonly includes: Assertion & ((expected: unknown, message?: string) => Assertion);
    readonly contains: Assertion & ((expected: unknown, message?: string) => Assertion);
    equal(expected: unknown, message?: string): Assertion;
    eq(expected: unknown, message?: string): Assertion;
    eql(expected: unknown, message?: string): Assertion;
    above(limit: number | bigint | Date, message?: string): Assertion;
    greaterThan(limit: number | bigint | Date, message?: string): Assertion;
    least(limit: number | bigint | Date, message?: string): Assertion;
    below(limit: number | bigint | Date, message?: string): Assertion;
    lessThan(limit: number | bigint | Date, message?: string): Assertion;
    most(limit: number | bigint | Date, message?: string): Assertion;
    within(start: number | bigint, finish: number | bigint, message?: string): Assertion;
    closeTo(expected: number, delta: number, message?: string): Assertion;
    lengthOf(expected: number, message?: string): Assertion;
    match(pattern: RegExp, message?: string): Assertion;
    string(part: string, message?: string): Assertion;
    keys(...expected: readonly (string | readonly string[])[]): Assertion;
    property(name: string | symbol, value?: unknown, message?: string): Assertion;
    members(expected: readonly unknown[], message?: string): Assertion;
    oneOf(allowed: readonly unknown[], message?: string): Assertion;
    satisfy(predicate: (actual: never) => boolean, message?: string): Assertion;
    instanceof(constructor: unknown, message?: string): Assertion;
    instanceOf(constructor: unknown, message?: string): Assertion;
    throw(expected?: unknown, pattern?: RegExp | string, message?: string): Assertion;
    throws(expected?: unknown, pattern?: RegExp | string, message?: string): Assertion;
  }
  export const expect: ((actual: unknown, message?: string) => Assertion) & {
    fail(message?: string): never;
  };
  export const assert: {
    (condition: unknown, message?: string): asserts condition;
    fail(message?: string): never;
  };
}
