import {
  columnNames,
  compileExpressions,
  definePlugin,
  didYouMean,
  inferKinds,
  isVivaceError,
  parseExpression,
  transform,
  typesOfKind,
  VivaceError,
  type ColumnWriter,
  type Expression,
  type Kinds,
  type Reads,
  type Vector,
  type Writes,
} from 'vivace';
import { z } from 'zod';

const kindsOfTypes = { float64: 'number', bool: 'bool', string: 'text' } as const;

const options = z
  .strictObject({
    outputs: z
      .record(
        z.string().regex(columnNames.pattern, `cannot be a name: a name has ${columnNames.text}`),
        z.string(),
      )
      .refine((outputs) => Object.keys(outputs).length > 0, 'name at least one output')
      .describe('expression of each output; the names in it are the inputs'),
    types: z
      .record(z.string(), z.enum(['float64', 'bool', 'string']))
      .default({})
      .describe('type of an input where its use leaves it open, as in `a = b`; default: float64'),
  })
  .superRefine(({ outputs, types }, context) => {
    const mistakes = mistakesOf({ outputs, types });
    for (const { path, message } of mistakes) context.addIssue({ code: 'custom', path, message });
  });

interface Options {
  readonly outputs: Readonly<Record<string, string>>;
  readonly types: Readonly<Record<string, keyof typeof kindsOfTypes>>;
}

/** Columns computed by expressions over the columns of a row. */
export const expression = definePlugin({
  provides: transform,
  name: 'expression',
  options,
  describe: (given) => describe(compiled(given).kinds),
  create: (given) => {
    const { expressions, kinds } = compiled(given);
    const evaluate = compileExpressions(expressions, kinds);
    const names = Object.keys(expressions);
    return {
      apply(input, out) {
        const vectors = evaluate({ rows: input.rows, column: (name) => input.column(name) });
        vectors.forEach((vector, i) => write(out.column(names[i]!), vector));
      },
    };
  },
});

function compiled({ outputs, types }: Options): {
  readonly expressions: Readonly<Record<string, Expression>>;
  readonly kinds: Kinds;
} {
  const expressions = Object.fromEntries(
    Object.entries(outputs).map(([name, text]) => [name, parseExpression(text)]),
  );
  const known = Object.fromEntries(Object.entries(types).map(([name, type]) => [name, kindsOfTypes[type]]));
  return { expressions, kinds: inferKinds(expressions, known) };
}

function describe({ columns, values }: Kinds): { readonly reads: Reads; readonly writes: Writes } {
  return {
    reads: Object.fromEntries(
      [...columns].map(([name, kind]) => {
        const [type, ...accepts] = typesOfKind[kind];
        return [name, { type, accepts }];
      }),
    ),
    writes: Object.fromEntries(
      [...values].map(([name, kind]) => [name, kind === 'bool' ? 'bool' : 'float64']),
    ),
  };
}

function write(out: ColumnWriter, { values, nulls }: Vector<Float64Array | Uint8Array>): void {
  out.values = values;
  if (nulls === undefined) return;
  for (let row = 0; row < nulls.length; row++) if (nulls[row] === 1) out.setNull(row);
}

/** Every mistake of the expressions, each at its path. */
function mistakesOf(given: Options): { readonly path: string[]; readonly message: string }[] {
  const found = Object.entries(given.outputs).flatMap(([name, text]) =>
    mistakeIn(() => void parseExpression(text), [name]),
  );
  if (found.length > 0) return found;
  return mistakeIn(() => {
    const { columns } = compiled(given).kinds;
    if (columns.size === 0)
      throw new VivaceError('INVALID_CONFIG', 'the expressions name no column: every row would be the same');
    const unused = Object.keys(given.types).find((name) => !columns.has(name));
    if (unused !== undefined)
      throw new VivaceError(
        'INVALID_CONFIG',
        `\`types\` has "${unused}", which no expression names${didYouMean(unused, columns.keys())}`,
      );
  });
}

function mistakeIn(
  work: () => void,
  at: readonly string[] = [],
): { readonly path: string[]; readonly message: string }[] {
  try {
    work();
    return [];
  } catch (error) {
    if (!isVivaceError(error) || error.code !== 'INVALID_CONFIG') throw error;
    const path = [...at, ...(error.path === undefined ? [] : [error.path])];
    return [{ path: ['outputs', ...path], message: error.message }];
  }
}
