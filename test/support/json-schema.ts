type Schema = Readonly<Record<string, unknown>> | boolean;

/** Checks a value against the part of JSON Schema 2020-12 that Vivace writes; an unknown keyword is an error, not a success. */
export function schemaMistakes(schema: Schema, value: unknown, path = ''): string[] {
  if (typeof schema === 'boolean') return schema ? [] : [`${path}: is not allowed`];
  return Object.entries(schema).flatMap(([keyword, given]) => check(keyword, given, { schema, value, path }));
}

const annotations = ['$schema', 'title', 'description', 'default', 'examples', 'then', 'secret', 'format'];

function check(
  keyword: string,
  given: unknown,
  { schema, value, path }: { schema: Readonly<Record<string, unknown>>; value: unknown; path: string },
): string[] {
  const object =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  const wrong = (fine: boolean): string[] => (fine ? [] : [`${path}: ${keyword} ${JSON.stringify(given)}`]);
  if (annotations.includes(keyword)) return [];
  switch (keyword) {
    case 'type':
      return wrong([given].flat().some((type) => isOfType(value, type as string)));
    case 'const':
      return wrong(value === given);
    case 'enum':
      return wrong((given as unknown[]).includes(value));
    case 'pattern':
      return wrong(typeof value !== 'string' || new RegExp(given as string, 'u').test(value));
    case 'minLength':
      return wrong(typeof value !== 'string' || value.length >= (given as number));
    case 'maxLength':
      return wrong(typeof value !== 'string' || value.length <= (given as number));
    case 'minimum':
      return wrong(typeof value !== 'number' || value >= (given as number));
    case 'maximum':
      return wrong(typeof value !== 'number' || value <= (given as number));
    case 'exclusiveMinimum':
      return wrong(typeof value !== 'number' || value > (given as number));
    case 'minItems':
      return wrong(!Array.isArray(value) || value.length >= (given as number));
    case 'required':
      return object === undefined
        ? []
        : (given as string[])
            .filter((name) => !(name in object))
            .map((name) => `${path}.${name}: is missing`);
    case 'properties':
      return Object.entries(given as Record<string, Schema>).flatMap(([name, inner]) =>
        object !== undefined && name in object ? schemaMistakes(inner, object[name], `${path}.${name}`) : [],
      );
    case 'additionalProperties': {
      const known = Object.keys(schema['properties'] ?? {});
      const others = Object.entries(object ?? {}).filter(([name]) => !known.includes(name));
      return others.flatMap(([name, inner]) => schemaMistakes(given as Schema, inner, `${path}.${name}`));
    }
    case 'propertyNames':
      return Object.keys(object ?? {}).flatMap((name) =>
        schemaMistakes(given as Schema, name, `${path}.${name}`),
      );
    case 'items':
      return Array.isArray(value)
        ? value.flatMap((item, i) => schemaMistakes(given as Schema, item, `${path}[${i}]`))
        : [];
    case 'prefixItems':
      return (given as Schema[]).flatMap((inner, i) =>
        Array.isArray(value) && i < value.length ? schemaMistakes(inner, value[i], `${path}[${i}]`) : [],
      );
    case 'allOf':
      return (given as Schema[]).flatMap((inner) => schemaMistakes(inner, value, path));
    case 'anyOf': {
      const branches = (given as Schema[]).map((inner) => schemaMistakes(inner, value, path));
      return branches.some((found) => found.length === 0)
        ? []
        : [...branches].sort((a, b) => a.length - b.length)[0]!;
    }
    case 'if':
      return schemaMistakes(given as Schema, value, path).length === 0
        ? schemaMistakes(schema['then'] as Schema, value, path)
        : [];
    default:
      throw new Error(`the check does not know the keyword ${keyword} at ${path}`);
  }
}

function isOfType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'null') return value === null;
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}
