import { LineCounter, parseDocument } from 'yaml';
import { compileSchema, problems } from '../../src/validate.js';
import { NAMESPACE, type PolicyJson } from './cedar.js';
import type { Fault } from './fault.js';
import type { PolicyFile } from './files.js';
import { entityTypeOf } from './names.js';
import type { Policy } from './policy.js';
import { nearest } from './suggest.js';
import type { Template } from './template.js';

interface Share {
  readonly template: string;
  /** Whose template: a second owner's client_id. */
  readonly owner?: string;
  readonly principal: string;
  readonly resource: { readonly type: string; readonly key: string };
}

const validShares = compileSchema<{ shares: readonly Share[] }>({
  type: 'object',
  required: ['shares'],
  additionalProperties: false,
  properties: {
    shares: {
      type: 'array',
      maxItems: 100_000,
      items: {
        type: 'object',
        required: ['template', 'principal', 'resource'],
        additionalProperties: false,
        properties: {
          template: { type: 'string', minLength: 1 },
          owner: { type: 'string', minLength: 1 },
          principal: { type: 'string', minLength: 1 },
          resource: {
            type: 'object',
            required: ['type', 'key'],
            additionalProperties: false,
            properties: { type: { type: 'string', minLength: 1 }, key: { type: 'string', minLength: 1 } },
          },
        },
      },
    },
  },
});

/** An owner shares one resource with one party: shares.yaml names a template, the party and the resource. */
export function linkShares(
  file: PolicyFile | undefined,
  templates: readonly Template[],
): { readonly policies: readonly Policy[]; readonly faults: readonly Fault[] } {
  if (file === undefined) return { policies: [], faults: [] };
  const lines = new LineCounter();
  const document = parseDocument(file.text, { lineCounter: lines });
  const at = (offset: number) => ({ line: lines.linePos(offset).line, column: lines.linePos(offset).col });
  const broken = document.errors[0];
  if (broken !== undefined) {
    return {
      policies: [],
      faults: [{ file: file.name, ...at(broken.pos[0]), message: broken.message.split('\n')[0] ?? '' }],
    };
  }
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  if (!validShares(value)) {
    const faults = problems(validShares.errors, 'document').map((message) => ({
      file: file.name,
      line: 1,
      column: 1,
      message,
    }));
    return { policies: [], faults };
  }
  const policies: Policy[] = [];
  const faults: Fault[] = [];
  for (const [index, share] of value.shares.entries()) {
    const node = document.getIn(['shares', index], true) as { readonly range?: readonly [number, number, number] };
    const place = { file: file.name, ...at(node.range?.[0] ?? 0) };
    const [template, second] = candidates(share, templates);
    if (second !== undefined) {
      const message = `the templates of two owners have the id "${share.template}"`;
      faults.push({ ...place, message, fix: 'name the `owner` of one, its client_id' });
    } else if (template === undefined) {
      const better = nearest(
        share.template,
        templates.map((one) => one.id),
      );
      const fix = better === undefined ? 'name the @id of a template' : `did you mean \`${better}\`?`;
      faults.push({ ...place, message: `no template has the id "${share.template}"`, fix });
    } else policies.push(linked(template, share, index, place));
  }
  return { policies, faults };
}

/** The template meant: of the owner named; of none named the operator's own, else any owner's. */
function candidates({ template, owner }: Share, templates: readonly Template[]): readonly Template[] {
  const named = templates.filter(({ id }) => id === template);
  const own = named.filter(({ policy }) => policy.owner === owner);
  return own.length > 0 || owner !== undefined ? own : named;
}

function linked(template: Template, share: Share, index: number, place: { file: string; line: number }): Policy {
  const { ast, annotations, effect, owner } = template.policy;
  const id = `${template.id}#${index + 1}`;
  return {
    key: `${place.file}:${place.line} ${id}`,
    id,
    file: place.file,
    line: place.line,
    effect,
    annotations,
    ast: filled(ast, share, owner),
    ...(owner === undefined ? {} : { owner }),
  };
}

function filled(ast: PolicyJson, share: Share, owner: string | undefined): PolicyJson {
  const type = owner === undefined ? entityTypeOf(share.resource.type) : 'Resource';
  const values: Record<string, { type: string; id: string }> = {
    '?principal': { type: `${NAMESPACE}::Party`, id: share.principal },
    '?resource': { type: `${NAMESPACE}::${type}`, id: share.resource.key },
  };
  return { ...ast, principal: fill(ast.principal, values), resource: fill(ast.resource, values) };
}

/** The constraint with its hole filled: a slot may stand directly in it or within `is … in`. */
function fill<C extends object>(constraint: C, values: Readonly<Record<string, { type: string; id: string }>>): C {
  const entries = Object.entries(constraint).map(([name, value]) => {
    if (name === 'slot') return ['entity', values[String(value)]];
    return [name, typeof value === 'object' && value !== null ? fill(value as object, values) : value];
  });
  return Object.fromEntries(entries) as C;
}
