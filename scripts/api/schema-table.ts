import type { Schema } from '../../src/validate.js';

/** A Markdown table; `|` inside cells is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** One row per field of a JSON Schema, nested ones as `a.b`, elements of lists as `a[].b`. */
export function schemaTable(schema: Schema): string {
  const rows = fieldRows(schema, '');
  const notes = [
    ...(rows.some(([place = '']) => place.endsWith('*')) ? ['\\* required.'] : []),
    schema.additionalProperties === false ? 'Other fields are refused.' : 'Other fields are ignored.',
  ];
  if (rows.length === 0) return `${typeOf(schema)}.`;
  return `${table(['field', 'value', ''], rows)}\n\n${notes.join(' ')}`;
}

function fieldRows(schema: Schema, prefix: string): string[][] {
  const required = (schema.required ?? []) as readonly string[];
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Schema>);
  return properties.flatMap(([name, field]) => {
    const place = `${prefix}${name}`;
    const row = [
      `\`${place}\`${required.includes(name) ? ' \\*' : ''}`,
      typeOf(field),
      String(field.description ?? ''),
    ];
    const items = field.items as Schema | undefined;
    return [row, ...fieldRows(field, `${place}.`), ...(items ? fieldRows(items, `${place}[].`) : [])];
  });
}

/** What a schema accepts, in a few words. */
function typeOf(schema: Schema): string {
  const { enum: values, anyOf, type } = schema as { enum?: unknown[]; anyOf?: Schema[]; type?: string };
  if (values) return values.map((value) => `\`${String(value)}\``).join(', ');
  if (anyOf) return anyOf.map((each) => typeOf({ ...(type ? { type } : {}), ...each })).join(', or ');
  switch (type) {
    case 'string':
      return [`text${range(schema.minLength, schema.maxLength, ' characters')}`, ...shapeOf(schema)].join(', ');
    case 'integer':
      return `whole number${range(schema.minimum, schema.maximum, '')}`;
    case 'number':
      return `number${range(schema.minimum, schema.maximum, '')}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return listOf(schema);
    case 'object':
      return objectOf(schema);
    default:
      return 'anything';
  }
}

function shapeOf({ pattern, format }: Schema): string[] {
  return [...(pattern ? [`\`${String(pattern)}\``] : []), ...(format ? [String(format)] : [])];
}

function listOf(schema: Schema): string {
  const items = schema.items as Schema | undefined;
  const each = items ? `: ${typeOf(items)}` : '';
  const unique = schema.uniqueItems ? ', each once' : '';
  return `list${range(schema.minItems, schema.maxItems, '')}${unique}${each}`;
}

function objectOf(schema: Schema): string {
  const size = range(schema.minProperties, schema.maxProperties, ' fields');
  const values = schema.additionalProperties;
  return typeof values === 'object' ? `object${size}, values: ${typeOf(values as Schema)}` : `object${size}`;
}

function range(least: unknown, most: unknown, unit: string): string {
  if (least === undefined && most === undefined) return '';
  if (least === 1 && most === undefined) return unit === '' ? ', at least 1' : ', not empty';
  if (most === Number.MAX_SAFE_INTEGER) return `, at least ${String(least)}${unit}`;
  if (least !== undefined && least === most)
    return `, exactly ${String(least)}${least === 1 ? unit.replace(/s$/, '') : unit}`;
  if (least === undefined) return `, at most ${String(most)}${unit}`;
  return most === undefined ? `, at least ${String(least)}${unit}` : `, ${String(least)} to ${String(most)}${unit}`;
}
