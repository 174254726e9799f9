import { z } from 'zod';
import { didYouMean } from '../config/did-you-mean.js';
import type { Mistakes } from '../config/mistake.js';
import { parseWith } from '../config/parse.js';
import { parseType, type ColumnType } from '../data/types.js';
import type { Field } from '../data/feature-rows.js';
import { logColumns } from '../pipeline/log-columns.js';
import type { Plan, PlanField } from '../pipeline/plan.js';
import { millisOf, readMoment } from '../kernel/time.js';
import type { Spine, SpineColumn } from '../ports/offline-store.js';
import { groupColumn } from './blocks.js';
import { cellsOf } from './logged-cells.js';
import { typeName } from '../views/schema.js';
import { hasOneSource, oneSource, sourceRowsOf, sourceRowsShape } from '../views/source-rows.js';

const { table, query, ...rows } = sourceRowsShape;

/** A time as a spine writes it. */
export const moment = z.union([z.string(), z.date()]).transform((value, context) => {
  const read = readMoment(value);
  if (typeof read !== 'string') return millisOf(read.first);
  context.addIssue({ code: 'custom', message: read });
  return z.NEVER;
});

const label = z.strictObject({
  of: z.string().optional().describe("column of the source; default: the label's name"),
  type: typeName.describe(
    'default: what the source says or, in a text file, what all values of the column are',
  ),
});

/** Historical requests, as a file or as code: one request with one object per row of a table. */
export const spineSchema = z
  .strictObject({
    table,
    query,
    served: z
      .string()
      .optional()
      .describe(
        'a pipeline whose served log has the requests, instead of `table`; a `query` then reads it as the table `served`',
      ),
    compute: z
      .boolean()
      .default(false)
      .describe('with `served`: compute every feature anew, also where the log has it; default false'),
    time: z
      .string()
      .optional()
      .describe('column of the request time; a time without a zone is UTC; default, with `served`: time'),
    request: z
      .record(z.string(), z.string())
      .default({})
      .describe('column for each request field; default: the column of the same name'),
    objects: z
      .record(z.string(), z.string())
      .default({})
      .describe('column for each object field; default: the column of the same name'),
    labels: z
      .record(z.string(), z.union([z.string(), label]))
      .default({})
      .describe('columns to keep beside the features, by name'),
    group: z
      .string()
      .optional()
      .describe(
        'column whose equal values, at one request time, are the objects of one request; default: each row is a request with one object',
      ),
    from: moment.optional().describe('earliest request time, inclusive'),
    to: moment.optional().describe('latest request time, exclusive'),
    ...rows,
    sample: z
      .strictObject({
        of: z.int().min(1),
        by: z
          .array(z.string())
          .min(1)
          .optional()
          .describe('columns of the table: rows that are equal in these are kept or left out together'),
      })
      .optional()
      .describe('keep one row in this many; the same rows every time'),
  })
  .refine((spec) => spec.served !== undefined || hasOneSource(spec), oneSource)
  .refine(({ served, table }) => served === undefined || table === undefined, {
    path: ['table'],
    message: 'stands instead of `served`: give one of the two',
  })
  .refine(({ served, group }) => served === undefined || group === undefined, {
    path: ['group'],
    message: 'is not for `served`: its rows are grouped by their request',
  })
  .refine(({ served, time }) => served !== undefined || time !== undefined, {
    path: ['time'],
    message: 'is missing: a text',
  })
  .refine(({ served, compute }) => served !== undefined || !compute, {
    path: ['compute'],
    message: 'goes with `served` only',
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from < to, {
    path: ['to'],
    message: 'is not after `from`, so there would be no rows: it is the first time that is left out',
  });

export type SpineInput = z.input<typeof spineSchema>;

/** A spine that fits a pipeline. */
export interface BoundSpine {
  readonly spine: Spine;
  /** Whether several rows may be the objects of one request. */
  readonly isGrouped: boolean;
  /** Name among the spine's columns → field of the plan. */
  readonly fields: ReadonlyMap<string, PlanField>;
  readonly labels: readonly string[];
  /** The types of labels that declare one, by name among the spine's columns. */
  readonly labelTypes: ReadonlyMap<string, ColumnType>;
  /** Where the requests are those of a served log. */
  readonly served?: BoundServed;
}

/** A spine whose requests are those of a served log. */
export interface BoundServed {
  /** The pipeline whose log it is. */
  readonly pipeline: string;
  /** SQL over the table `served`. */
  readonly query?: string;
  /** Whether features are computed anew where the log has them. */
  readonly compute: boolean;
  /** Columns of the log that are read beside the spine's own, by name among the spine's columns: their own names. */
  readonly cells: readonly Field[];
}

function sampleOf({
  of,
  by,
}: {
  of: number;
  by?: readonly string[] | undefined;
}): NonNullable<Spine['sample']> {
  return by === undefined ? { of } : { of, by };
}

/** Checks a spine against a pipeline: every field of its requests and objects needs a column. */
export function bindSpine(input: unknown, plan: Plan, mistakes: Mistakes): BoundSpine | undefined {
  const spec = parseWith(spineSchema, input, { path: ['spine'], mistakes });
  if (spec === undefined) return undefined;
  const { served, sample } = spec;
  const hasObjects = plan.objects !== undefined;
  const group = served !== undefined && hasObjects ? logColumns.requestId : spec.group;
  if (group !== undefined && plan.objects === undefined)
    mistakes.add(['spine', 'group'], 'the pipeline has no objects, so each row is a request of its own');
  // First, so that the rows of a group follow one another.
  const columns: Record<string, SpineColumn> =
    group === undefined ? {} : { [groupColumn]: { column: group, path: ['group'] } };
  const cells = served === undefined ? [] : cellsOf(plan);
  // Before the fields, so that the objects of a request stand as they stood in it.
  for (const { name, type } of cells) columns[name] = { column: name, type, path: ['served'] };
  // Keys: names of columns.
  const fields = new Map<string, PlanField>();
  const bind = (scope: 'request' | 'objects', declared: readonly PlanField[]): void => {
    for (const name of Object.keys(spec[scope])) {
      const names = declared.map((field) => field.name);
      if (!names.includes(name))
        mistakes.add(['spine', scope, name], `the pipeline has no such field${didYouMean(name, names)}`);
    }
    for (const field of declared) {
      const name = `${scope === 'request' ? 'request' : 'object'}.${field.name}`;
      columns[name] = {
        column: spec[scope][field.name] ?? (served === undefined ? field.name : name),
        type: field.type,
        path: [scope, field.name],
      };
      fields.set(name, field);
    }
  };
  bind('request', plan.request);
  bind('objects', plan.objects?.fields ?? []);
  // Keys: names of columns.
  const labelTypes = new Map<string, ColumnType>();
  for (const [name, declared] of Object.entries(spec.labels)) {
    const { of = name, type } = typeof declared === 'string' ? { of: declared } : declared;
    columns[`label.${name}`] = {
      column: of,
      path: ['labels', name],
      ...(type === undefined ? {} : { type: parseType(type) }),
    };
    if (type !== undefined) labelTypes.set(`label.${name}`, parseType(type));
  }
  return {
    spine: {
      ...sourceRowsOf(spec),
      columns,
      time: spec.time ?? 'time',
      ...(spec.from === undefined ? {} : { fromMs: spec.from }),
      ...(spec.to === undefined ? {} : { toMs: spec.to }),
      ...(sample === undefined
        ? {}
        : {
            sample: sampleOf({ of: sample.of, by: sample.by ?? (group === undefined ? undefined : [group]) }),
          }),
    },
    isGrouped: group !== undefined,
    fields,
    labels: Object.keys(spec.labels).map((name) => `label.${name}`),
    labelTypes,
    ...(served === undefined
      ? {}
      : {
          served: {
            pipeline: served,
            compute: spec.compute,
            cells,
            ...(spec.query === undefined ? {} : { query: spec.query }),
          },
        }),
  };
}
