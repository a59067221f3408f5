import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PolicyFault } from './fault.js';

export const SCHEMA_FILE = 'schema.cedarschema';
const SHARES_FILE = 'shares.yaml';
const MAX_FILE_BYTES = 1_000_000;
const MAX_FILES = 2_000;

/** An operator's file as read. */
export interface PolicyFile {
  /** Below the folder, with `/`: `owners/photo-app/rules.cedar`. */
  readonly path: string;
  /** As people see it: `policies/owners/photo-app/rules.cedar`. */
  readonly name: string;
  readonly text: string;
  /** The second resource owner whose resources alone it rules. */
  readonly owner?: string;
}

export interface PolicyFiles {
  readonly folder: string;
  /** Sorted by path. */
  readonly cedar: readonly PolicyFile[];
  readonly schema?: PolicyFile;
  readonly shares?: PolicyFile;
  /** SHA-256 (hex) over paths and contents. */
  readonly hash: string;
  /** Names of files and folders that group or world may write (security.md C3). */
  readonly writable: readonly string[];
}

/** Which of the folder's files make up the policy set; hidden ones are editors' own. */
function counts(path: string): boolean {
  if (path === SCHEMA_FILE || path === SHARES_FILE) return true;
  return path.endsWith('.cedar') && !basename(path).startsWith('.');
}

/** A policy that stands elsewhere would silently not apply. */
const PLACE = /^(?:owners\/([^/]+)\/)?[^/]+\.cedar$/;

/** Path, size and times of every file of the set; two equal signatures mean that nothing was touched in between. */
export async function signatureOf(folder: string): Promise<string> {
  const lines = await Promise.all(
    (await pathsOf(folder)).map(async (path) => {
      const facts = await stat(join(folder, path));
      return `${path} ${facts.size} ${facts.mtimeMs} ${facts.ctimeMs} ${facts.ino} ${facts.mode}`;
    }),
  );
  return lines.join('\n');
}

/** Reads the whole folder. Throws when it is absent or holds more than fits a policy set. */
export async function readPolicyFiles(folder: string): Promise<PolicyFiles> {
  const paths = await pathsOf(folder);
  if (paths.length > MAX_FILES) throw new Error(`${folder}: more than ${MAX_FILES} policy files`);
  const shown = basename(folder);
  const writable: string[] = [];
  const files: PolicyFile[] = [];
  for (const path of ['.', ...paths]) {
    const facts = await stat(join(folder, path));
    if ((facts.mode & 0o022) !== 0) writable.push(path === '.' ? shown : `${shown}/${path}`);
    if (path === '.') continue;
    if (facts.size > MAX_FILE_BYTES) throw new Error(`${shown}/${path}: larger than ${MAX_FILE_BYTES} bytes`);
    if (path.endsWith('.cedar') && !PLACE.test(path)) {
      const fix = 'move it into the folder itself, or into owners/<client_id>/';
      throw new PolicyFault([
        { file: `${shown}/${path}`, line: 1, column: 1, message: 'policies are not read from here', fix },
      ]);
    }
    const owner = PLACE.exec(path)?.[1];
    const text = await readFile(join(folder, path), 'utf8');
    files.push({ path, name: `${shown}/${path}`, text, ...(owner === undefined ? {} : { owner }) });
  }
  const schema = files.find((file) => file.path === SCHEMA_FILE);
  const shares = files.find((file) => file.path === SHARES_FILE);
  return {
    folder,
    cedar: files.filter((file) => file.path.endsWith('.cedar')),
    ...(schema === undefined ? {} : { schema }),
    ...(shares === undefined ? {} : { shares }),
    hash: hashOf(files),
    writable,
  };
}

async function pathsOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((path) => counts(path)).sort();
}

function hashOf(files: readonly PolicyFile[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file.path}\0${Buffer.byteLength(file.text)}\0${file.text}`);
  return hash.digest('hex');
}
