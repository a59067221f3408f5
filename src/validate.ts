import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
formats.default(ajv);

export type Schema = Record<string, unknown>;

/** Compiles a JSON Schema (2020-12). The result narrows its argument to T; `problems` explains a refusal. */
export function compileSchema<T>(schema: Schema): ValidateFunction<T> {
  return ajv.compile<T>(schema);
}

/** What was wrong, one line per fault, each naming the field: `parameters.keys must be >= 1`. */
export function problems(errors: readonly ErrorObject[] | null | undefined, root = 'body'): string[] {
  return (errors ?? []).map((fault) => {
    const place = fault.instancePath === '' ? root : fault.instancePath.slice(1).replaceAll('/', '.');
    return `${place} ${fault.message ?? fault.keyword}${detail(fault.params)}`;
  });
}

/** What ajv's message leaves out. */
function detail(params: Record<string, unknown>): string {
  if ('additionalProperty' in params) return ` (${String(params.additionalProperty)})`;
  if (Array.isArray(params.allowedValues)) return ` (${params.allowedValues.join(', ')})`;
  return '';
}

/** PostgreSQL stores neither U+0000 nor lone surrogates: such text is refused at the edge rather than failing there. */
export const isStorable = (text: string): boolean => !/[\0\p{Surrogate}]/u.test(text);
