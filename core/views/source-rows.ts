import { z } from 'zod';

/** What a column is compared with. */
export type WhereValue = number | string | boolean;

/** Which rows to use: those whose value fits all that is said. A row without a value fits nothing. */
export interface RowCondition {
  /** Inclusive bounds. */
  readonly min?: number;
  readonly max?: number;
  readonly equals?: WhereValue;
  /** One of these, all of one kind. */
  readonly in?: readonly WhereValue[];
  /** None of these, all of one kind. */
  readonly not?: WhereValue | readonly WhereValue[];
}

/** Which rows to use, by column. */
export type Where = Readonly<Record<string, RowCondition>>;

const whereValue = z.union([z.number(), z.string(), z.boolean()]);
const whereValues = z
  .array(whereValue)
  .min(1)
  .max(1000)
  .refine(
    (values) => new Set(values.map((value) => typeof value)).size === 1,
    'must be all numbers, all texts or all truth values',
  );

/** Rows of a warehouse: the keys that the source of a view and a spine have in common. Exactly one of `table` and `query` is there. */
export interface SourceRows {
  readonly table?: string;
  readonly query?: string;
  readonly where: Where;
  /** Equal rows are used once. */
  readonly distinct: boolean;
}

/** The keys of `SourceRows` in YAML; to be refined with `oneSource`. */
export const sourceRowsShape = {
  table: z.string().optional().describe('a table of the warehouse or, where it reads files, a file'),
  query: z.string().optional().describe('SQL of one dialect, instead of `table`'),
  where: z
    .record(
      z.string(),
      z.strictObject({
        min: z.number().optional(),
        max: z.number().optional(),
        equals: whereValue.optional(),
        in: whereValues.optional(),
        not: z.union([whereValue, whereValues]).optional(),
      }),
    )
    .default({})
    .describe(
      'rows to use, by column: within inclusive bounds, equal to a value, one of several, or none of them',
    ),
  distinct: z.boolean().default(false).describe('use duplicate rows once'),
} as const;

/** Says what is wrong where `hasOneSource` is false. */
export const oneSource = 'give either `table` or `query`';

/** Whether exactly one of `table` and `query` is there. */
export function hasOneSource({
  table,
  query,
}: {
  readonly table?: string | undefined;
  readonly query?: string | undefined;
}): boolean {
  return (table === undefined) !== (query === undefined);
}

/** The rows that parsed options name, without the keys that are absent. */
export function sourceRowsOf(parsed: z.output<z.ZodObject<typeof sourceRowsShape>>): SourceRows {
  return {
    ...(parsed.table === undefined ? {} : { table: parsed.table }),
    ...(parsed.query === undefined ? {} : { query: parsed.query }),
    // zod's optional keys may be `undefined`; those of parsed YAML are absent instead.
    where: parsed.where as Where,
    distinct: parsed.distinct,
  };
}
