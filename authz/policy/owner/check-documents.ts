import { type Fault, PolicyFault } from '../fault.js';
import type { PolicyFile } from '../files.js';
import { type Parsed, parsePolicies, parseSchema, schemaFaults } from '../load.js';
import type { Policy } from '../policy.js';
import { positionAtByte } from '../position.js';
import type { PolicySchema } from '../schema.js';
import { statementsOf } from '../statements.js';
import { tooDeep } from './nesting.js';

/** One owner's document: Cedar text that rules this owner's resources alone. */
export interface OwnerText {
  /** Its client_id. */
  readonly owner: string;
  readonly text: string;
}

/** All in one document. */
const MAX_POLICIES = 32;
const MAX_ID_CHARACTERS = 128;

/** The document as a file of that owner's. No file has such a name, so no policy of it shares a key with one of a file. */
function fileOf({ owner, text }: OwnerText): PolicyFile {
  const name = `client:${owner}`;
  return { path: name, name, text, owner };
}

/** @throws PolicyFault. Not the check against the schema: for documents that have passed it. */
export function policiesOf(document: OwnerText, schema: PolicySchema): readonly Policy[] {
  const { parsed, faults } = parse(document, schema);
  if (faults.length > 0) throw new PolicyFault(faults);
  return parsed.map(({ policy }) => policy);
}

/** What is wrong with which document (its owner is the fault's `file`, after `client:`). Half a second for a thousand policies. */
export function documentFaults(documents: readonly OwnerText[], schemaText: string): readonly Fault[] {
  const schema = parseSchema({ folder: '', schema: { path: '', name: 'schema', text: schemaText } });
  const all = documents.map((document) => parse(document, schema));
  const sound = all.filter(({ faults }) => faults.length === 0).flatMap(({ parsed }) => parsed);
  return [...all.flatMap(({ faults }) => faults), ...schemaFaults(sound, schema)];
}

interface ParsedDocument {
  readonly parsed: readonly Parsed[];
  readonly faults: readonly Fault[];
}

/** Bounds first: what exceeds them is not shown to Cedar. */
function parse(document: OwnerText, schema: PolicySchema): ParsedDocument {
  const file = fileOf(document);
  const unfit = exceeding(file);
  if (unfit.length > 0) return { parsed: [], faults: unfit };
  const { parsed, faults } = parsePolicies([file], schema);
  return { parsed, faults: [...faults, ...notForOwners(file, parsed)] };
}

function exceeding(file: PolicyFile): readonly Fault[] {
  const statements = statementsOf(file.text);
  if (statements.length > MAX_POLICIES) {
    const place = positionAtByte(file.text, statements[MAX_POLICIES]?.byteOffset ?? 0);
    return [{ file: file.name, ...place, message: `more than ${MAX_POLICIES} policies`, fix: 'write fewer policies' }];
  }
  return statements.flatMap(({ text, byteOffset }) => {
    const message = tooDeep(text);
    const place = positionAtByte(file.text, byteOffset);
    return message === undefined ? [] : [{ file: file.name, ...place, message, fix: 'split it into several policies' }];
  });
}

function notForOwners(file: PolicyFile, parsed: readonly Parsed[]): readonly Fault[] {
  return parsed.flatMap(({ policy, template, statement }) => {
    const place = { file: file.name, ...positionAtByte(file.text, statement.byteOffset) };
    if (template)
      return [
        { ...place, message: 'a template has nobody to link it', fix: 'name the principal and the resource in it' },
      ];
    if (policy.id.length > MAX_ID_CHARACTERS)
      return [{ ...place, message: `an @id of more than ${MAX_ID_CHARACTERS} characters`, fix: 'shorten it' }];
    return [];
  });
}
