import { z } from 'zod';

/** Which rows to use, by column: those with a value within inclusive bounds, or equal to one. */
export type Where = Readonly<
  Record<
    string,
    { readonly min?: number; readonly max?: number; readonly equals?: number | string | boolean }
  >
>;

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
        equals: z.union([z.number(), z.string(), z.boolean()]).optional(),
      }),
    )
    .default({})
    .describe('rows to use, by column; bounds are inclusive'),
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
