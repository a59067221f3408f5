import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from '../../../../src/paths.js';

/** A policy folder of a test's own, `<tmp>/policies`, with the product's schema. */
export interface PolicyFolder {
  readonly path: string;
  write(name: string, text: string): void;
  remove(): void;
}

export function policyFolder(files: Readonly<Record<string, string>> = {}): PolicyFolder {
  const top = mkdtempSync(join(tmpdir(), 'ovsb-policy-'));
  const path = join(top, 'policies');
  mkdirSync(path, { mode: 0o755 });
  cpSync(join(ROOT, 'policies/schema.cedarschema'), join(path, 'schema.cedarschema'));
  const write = (name: string, text: string): void => {
    const place = join(path, name);
    mkdirSync(dirname(place), { recursive: true, mode: 0o755 });
    writeFileSync(place, text);
    chmodSync(place, 0o644);
  };
  chmodSync(join(path, 'schema.cedarschema'), 0o644);
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { path, write, remove: () => rmSync(top, { recursive: true, force: true }) };
}
