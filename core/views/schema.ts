import { z } from 'zod';
import { columnNames } from '../config/names.js';
import { isTypeName, keyTypes, type TypeName } from '../data/types.js';
import { hasOneSource, oneSource, sourceRowsShape } from './source-rows.js';
import { longMilliseconds } from '../config/duration.js';
import { refreshSchema } from './refresh.js';

/** The name of a type; in code the compiler knows them. */
export const typeName: z.ZodType<TypeName, TypeName> = z
  .string()
  .refine(
    isTypeName,
    'not a type: use float32, float64, int32, int64, bool, string, timestamp, bytes, float32[64], list<int64>',
  )
  .meta({ examples: ['float32', 'string', 'float32[64]'] }) as unknown as z.ZodType<TypeName, TypeName>;

/** The name of the type of a key: of the types that there are, mistakes propose only those that a key may have. */
export const keyTypeName: z.ZodType<TypeName, TypeName> = z
  .string()
  .refine(isTypeName, `not a type: ${keyTypes}`)
  .meta({ examples: ['string', 'int64'] }) as unknown as z.ZodType<TypeName, TypeName>;

/** Names of columns, features, fields and steps: they become part of `alias.feature`. */
export const columnName = z
  .string()
  .regex(columnNames.pattern, `cannot be a name: a name has ${columnNames.text}`)
  .refine(
    (name) => !(name in Object.prototype),
    'cannot be a name, since every JavaScript object has a property of this name: choose another',
  );

const defaultValue = z.union([z.number(), z.string(), z.boolean()]);

export const plainFeature = z.strictObject({
  type: typeName,
  of: z.string().optional().describe("column of the source; default: the feature's name"),
  unit: z.string().optional(),
  default: defaultValue.optional().describe('value to use where a fetch says `default` and there is none'),
  description: z.string().optional(),
});

const maxDays = 3650;
const lengths = (most: number) => {
  const length = z.int().min(1).max(most);
  return z.union([length, z.array(length).min(1)]).optional();
};

export const aggregateFeature = z.strictObject({
  aggregate: z.enum([
    'count',
    'sum',
    'mean',
    'stddev',
    'share',
    'min',
    'max',
    'first',
    'last',
    'count_distinct',
  ]),
  of: z
    .string()
    .optional()
    .describe(
      'column of the source, not for `count`; numeric except for `first`, `last` and `count_distinct`',
    ),
  above: z.number().optional().describe('`share`: the part of the events whose value is greater than this'),
  upTo: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe('`count_distinct`: counts no further than this; default 1000'),
  windowDays: lengths(maxDays).describe(
    'whole days before the row; a list makes one feature for each, `<name>_<n>d`',
  ),
  windowHours: lengths(maxDays * 24).describe(
    'whole hours before the row, instead of days; a list makes one feature for each, `<name>_<n>h`',
  ),
  type: typeName
    .optional()
    .describe(
      'required for `first` and `last`, where it is that of the column; default: int32 for `count` and `count_distinct`, float32 otherwise',
    ),
  unit: z.string().optional(),
  default: defaultValue.optional(),
  description: z.string().optional(),
});

const { table, query, ...rows } = sourceRowsShape;

export const viewSource = z
  .strictObject({
    table,
    query,
    key: z
      .record(z.string(), z.string())
      .default({})
      .describe('column of the source for each key; default: the column of the same name'),
    eventTime: z
      .string()
      .optional()
      .describe('column of the event time (a time without a zone is UTC); without it the view is static'),
    availableTime: z
      .string()
      .optional()
      .describe(
        'column of the time the row became known (a time without a zone is UTC); default: the event time',
      ),
    overlapMs: longMilliseconds({ min: 0 })
      .optional()
      .describe(
        'how much later than its available time a row may be in the source, milliseconds: `materialize` reads that much again; not with aggregates; default 0',
      ),
    columns: z
      .record(columnName, z.string())
      .optional()
      .describe('derived columns: an expression of columns of the source each, such as `quantity * price`'),
    push: z
      .literal(true, 'must be true, or be left out')
      .optional()
      .describe('rows are pushed, and `log` keeps them as the history of the view; instead of `table`'),
    log: z.string().optional().describe('with `push`: the served-log part that keeps what is pushed'),
    ...rows,
  })
  .superRefine((source, context) => {
    for (const { key, message } of sourceMistakes(source))
      context.addIssue({ code: 'custom', path: key === undefined ? [] : [key], message });
  });

/** What is wrong with the keys of a source together. */
function sourceMistakes(
  source: Readonly<Record<string, unknown>> & {
    readonly table?: string | undefined;
    readonly query?: string | undefined;
    readonly push?: true | undefined;
    readonly log?: string | undefined;
  },
): readonly { readonly key?: string; readonly message: string }[] {
  if (source.push === undefined) {
    if (source.log !== undefined)
      return [{ message: '`log` goes with `push: true`: it keeps what is pushed' }];
    return hasOneSource(source) ? [] : [{ message: oneSource }];
  }
  const { push: _, log, ...others } = source;
  const needless = Object.entries(others).flatMap(([key, value]) => {
    const isLeftOut =
      value === undefined ||
      value === false ||
      (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
    return isLeftOut
      ? []
      : [{ key, message: 'does not go with `push`: rows are pushed with the names of keys and features' }];
  });
  return log === undefined
    ? [
        ...needless,
        {
          message:
            '`push` needs `log`, the served-log part that keeps what is pushed; where nothing is to be kept, leave `source` out',
        },
      ]
    : needless;
}

/** A feature: a column of the source, or an aggregate of one. */
export const featureSpec = z.union(
  [plainFeature, aggregateFeature],
  'must be a block such as { type: float32 }',
);

export const viewSchema = z.strictObject({
  store: z.string().describe('the online-store part that serves it'),
  entity: z
    .record(columnName, keyTypeName)
    .refine((entity) => Object.keys(entity).length > 0, 'name at least one key'),
  source: viewSource.optional().describe('without it, rows are only pushed'),
  maxAgeMs: longMilliseconds().optional().describe('older rows are STALE, milliseconds'),
  refresh: refreshSchema
    .optional()
    .describe(
      'how its store is kept up, so that training sets know what it could know; default: it holds each row at once',
    ),
  owner: z.string().optional(),
  description: z.string().optional(),
  features: z
    .record(columnName, featureSpec)
    .refine((features) => Object.keys(features).length > 0, 'name at least one feature'),
});

export type ViewInput = z.input<typeof viewSchema>;
export type ViewSpec = z.output<typeof viewSchema>;
