import { DomainError } from '../../src/errors.js';
import type { DetailedError } from './cedar.js';
import { type Position, positionAtByte } from './position.js';
import { nearest } from './suggest.js';

/** One mistake in an operator's file, with its place and what to do about it. */
export interface Fault extends Position {
  /** `policies/wallets.cedar`. */
  readonly file: string;
  readonly message: string;
  readonly fix?: string;
}

/** `policies/wallets.cedar:12:34: unrecognized action … (did you mean `read`?)`. */
function faultLine(fault: Fault): string {
  const fix = fault.fix === undefined ? '' : ` — ${fault.fix}`;
  return `${fault.file}:${fault.line}:${fault.column}: ${fault.message}${fix}`;
}

/** The policy files were refused; `message` has one line per fault. */
export class PolicyFault extends DomainError<'policy_invalid'> {
  constructor(faults: readonly Fault[]) {
    super('policy_invalid', faults.map(faultLine).join('\n'), { faults });
    this.name = 'PolicyFault';
  }

  get faults(): readonly Fault[] {
    return this.facts.faults as readonly Fault[];
  }
}

/** Cedar's error about part of a file as a fault of that file. `byteOffset`: where the part begins in it. */
export function faultOf(
  error: DetailedError,
  file: { readonly name: string; readonly text: string },
  byteOffset: number,
  names: readonly string[],
): Fault {
  const label = error.sourceLocations?.[0];
  const message = plain(error.message);
  const mistyped = error.help?.startsWith('did you mean') ? suggestion(message, names) : undefined;
  const fix = mistyped ?? error.help ?? label?.label ?? suggestion(message, names);
  return {
    file: file.name,
    ...positionAtByte(file.text, byteOffset + (label?.start ?? 0)),
    message,
    ...(fix === undefined ? {} : { fix }),
  };
}

/** Cedar repeats the id we handed in and how it was reading; neither helps the operator. */
function plain(message: string): string {
  return message
    .replace(/^failed to parse (policy|template)(?: with id `[^`]*`)? from (string|JSON): /, '')
    .replace(/^for (policy|template) `[^`]*`, /, '')
    .replace(/^failed to parse schema from string: (error parsing schema: )?/, '');
}

/** Cedar's own "did you mean" changes from run to run when several names are close; this one does not. */
function suggestion(message: string, names: readonly string[]): string | undefined {
  const wrong = /`([^`]+)`/.exec(message)?.[1];
  const name = wrong === undefined ? undefined : (/"([^"]+)"$/.exec(wrong)?.[1] ?? /\w+$/.exec(wrong)?.[0]);
  const better = name === undefined ? undefined : nearest(name, names);
  if (wrong === undefined || name === undefined || better === undefined) return undefined;
  const at = wrong.lastIndexOf(name);
  return `did you mean \`${wrong.slice(0, at)}${better}${wrong.slice(at + name.length)}\`?`;
}
