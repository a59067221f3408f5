import { resolve } from 'node:path';
import { Option } from 'commander';
import { Decider } from '../../authz/policy/decide.js';
import { type PolicyFiles, readPolicyFiles } from '../../authz/policy/files.js';
import { loadPolicySet } from '../../authz/policy/load.js';
import { DomainError } from '../errors.js';

/** `--policies`, else OVSB_POLICIES, else the folder here. */
export function policiesOption(says: string): Option {
  const folder = process.env.OVSB_POLICIES ?? 'policies';
  return new Option('--policies <folder>', says).default(folder, 'OVSB_POLICIES, else policies');
}

export async function readFolder(folder: string): Promise<PolicyFiles> {
  try {
    return await readPolicyFiles(resolve(folder));
  } catch (thrown) {
    if (thrown instanceof DomainError) throw thrown;
    throw new DomainError('PoliciesUnreadable', `cannot read the policy folder ${folder}`, { cause: thrown });
  }
}

/** @throws PolicyFault when the files are bad, DomainError when the folder cannot be read. */
export async function deciderOf(folder: string): Promise<Decider> {
  return new Decider(loadPolicySet(await readFolder(folder)));
}

/** Runs a command's work; a refusal becomes its text on stderr (or `{error}` with --json) and exit code 1. */
export async function refusable(json: boolean | undefined, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    if (!(thrown instanceof DomainError)) throw thrown;
    if (json === true) {
      const { faults } = thrown.facts;
      const error = { code: thrown.code, description: thrown.message, ...(faults === undefined ? {} : { faults }) };
      process.stdout.write(`${JSON.stringify({ error })}\n`);
    } else process.stderr.write(`${thrown.message}\n`);
    process.exitCode = 1;
  }
}
