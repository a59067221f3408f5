/** What is known of a validator client's dealings, per implementation and version range; unknown is strict (A10). */
interface Profile {
  readonly implementation: string;
  /** Major version from … to, both included. */
  readonly majors: readonly [number, number];
  /** After a `deleted` with protection a second DELETE says `not_found` where others say `not_active`. */
  readonly notFoundIsNotActive: boolean;
}

const PROFILES: readonly Profile[] = [{ implementation: 'nimbus', majors: [22, 26], notFoundIsNotActive: true }];

/** @param version as `/eth/v1/node/version` gives it: `Nimbus/v25.11.0-…`. */
export function notFoundIsNotActive(implementation: string, version: string | undefined): boolean {
  const major = Number(/\/v?(\d+)\./.exec(version ?? '')?.[1] ?? Number.NaN);
  return PROFILES.some(
    (profile) =>
      profile.implementation === implementation &&
      profile.majors[0] <= major &&
      major <= profile.majors[1] &&
      profile.notFoundIsNotActive,
  );
}
