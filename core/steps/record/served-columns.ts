import { type ColumnAppender } from '../../data/column-appender.js';
import { columnOf, type Values } from '../../data/column.js';
import type { Field } from '../../data/feature-rows.js';
import type { Frame } from '../../data/frame.js';
import { status, statusNames } from '../../data/status.js';
import { parseType, type ColumnType } from '../../data/types.js';
import { canonicalJson } from '../../kernel/canonical-json.js';
import { instantOfMillis } from '../../kernel/time.js';
import { logColumns, rowFields } from '../../pipeline/log-columns.js';
import { describePlan, type Plan, type PlanColumn, type PlanNode } from '../../pipeline/plan.js';
import type { NodeRun } from '../../pipeline/run.js';
import { contentId } from '../../wire/base32.js';
import type { KeptObjects } from './sampling.js';

/** A request that was answered. */
export interface ServedRequest {
  readonly requestId: string;
  readonly frame: Frame;
  readonly models: NodeRun['models'];
  /** When it was answered, epoch milliseconds. */
  readonly answeredMs: number;
}

/** The rows that one request has in the log. */
export interface RequestRows extends ServedRequest, KeptObjects {
  /** Place of each object in the answer; −1 for one that it leaves out. */
  readonly position: Int32Array;
  /** For columns of the request: their only row, as often as there are rows. */
  readonly first: Uint32Array;
}

/** Columns of the log that are written together: their fields, and how the rows of one request are appended to them. */
export interface ServedColumns {
  readonly fields: readonly Field[];
  readonly append: (request: RequestRows, to: readonly ColumnAppender[]) => void;
}

/** The columns that the log of a pipeline has. */
export function servedColumns(plan: Plan): readonly ServedColumns[] {
  const { record: _, ...described } = describePlan(plan);
  const id = contentId(canonicalJson(described));
  const hasObjects = plan.objects !== undefined;
  return [
    picked('time', plan.timeColumn),
    repeated(logColumns.requestId, text, ({ requestId }) => requestId),
    perRow(logColumns.index, int32, ({ rows }) => Int32Array.from(rows)),
    repeated(logColumns.objects, int32, ({ frame }) => (hasObjects ? frame.objects : 1)),
    {
      fields: [{ name: logColumns.position, type: int32 }],
      append({ rows, position }, [to]) {
        for (const row of rows) {
          const place = position[row]!;
          to!.repeat(place < 0 ? undefined : place, 1);
        }
      },
    },
    perRow(logColumns.weight, float64, ({ weights }) => weights),
    repeated(logColumns.answered, timestamp, ({ answeredMs }) => instantOfMillis(answeredMs)),
    repeated(logColumns.plan, text, () => id),
    ...[...plan.request, ...(plan.objects?.fields ?? [])].map(({ place }) => {
      const column = plan.columns[place]!;
      return picked(column.name, column);
    }),
    ...plan.nodes.flatMap(nodeColumns),
    ...plan.response.outputs.map(({ name, column }) => picked(`output.${name}`, column)),
  ];
}

/** What a node has written, and what it says of its rows. */
function nodeColumns(node: PlanNode): readonly ServedColumns[] {
  const { alias, definition, writes } = node;
  const offline = definition.offline(node);
  const contract =
    offline.how === 'as-of' ? offline.contract : offline.how === 'refuse' ? offline.logged : undefined;
  const cachedMs = offline.how === 'as-of' ? offline.cachedMs : undefined;
  return [
    ...writes.map((column) => picked(column.name, column)),
    ...(definition.explain === undefined
      ? []
      : [explained(node, definition.explain.bind(definition)), defaulted(node)]),
    ...(contract === undefined ? [] : [repeated(logColumns.contract(alias), text, () => contract)]),
    // How long a cache might keep a row.
    ...(cachedMs === undefined ? [] : [repeated(logColumns.cachedMs(alias), float64, () => cachedMs)]),
    ...(offline.how === 'model'
      ? [
          repeated(logColumns.model(alias), text, ({ models }) => models.get(alias)?.name),
          repeated(logColumns.version(alias), text, ({ models }) => models.get(alias)?.version),
        ]
      : []),
  ];
}

/** Status and times of the rows of a fetch. */
function explained(node: PlanNode, explain: NonNullable<PlanNode['definition']['explain']>): ServedColumns {
  return {
    fields: rowFields(node.alias),
    append({ frame, rows, first }, [statuses, eventTimes, availableTimes]) {
      const of = node.scope === 'object' ? rows : first;
      const { status: codes, eventTime, availableTime } = explain(node, frame);
      let known = 0;
      for (const row of of) {
        const code = codes[row]!;
        statuses!.repeat(statusNames[code], 1);
        if (isKnown(code)) known++;
      }
      for (const [to, times] of [
        [eventTimes!, eventTime],
        [availableTimes!, availableTime],
      ] as const) {
        if (times === undefined) to.repeat(undefined, of.length);
        else if (known === of.length) to.append({ type: timestamp, rows: times.length, values: times }, of);
        else for (const row of of) to.repeat(isKnown(codes[row]!) ? times[row]! : undefined, 1);
      }
    },
  };
}

/** Whether a row with this status has the times of its row in the store. */
function isKnown(code: number): boolean {
  return code === status.PRESENT || code === status.STALE;
}

/** The features of a row for which a default stands in; null where there are none, as in most rows. */
function defaulted(node: PlanNode): ServedColumns {
  const names = node.writes.map(({ name }) => name.slice(node.alias.length + 1));
  return {
    fields: [{ name: logColumns.defaulted(node.alias), type: texts }],
    append({ frame, rows, first }, [to]) {
      const statuses = node.writes.map(({ place }) => frame.column(place).status);
      if (statuses.every((each) => each === undefined)) return to!.append(noTexts, first);
      const cells = Array.from(node.scope === 'object' ? rows : first, (row) => {
        const found = names.filter((_, i) => statuses[i]?.[row] === status.DEFAULTED);
        return found.length === 0 ? null : found;
      });
      to!.append(columnOf(texts, cells));
    },
  };
}

/** A column of the frame. */
function picked(name: string, column: PlanColumn): ServedColumns {
  return {
    fields: [{ name, type: column.type }],
    append({ frame, rows, first }, [to]) {
      to!.append(frame.column(column.place), column.scope === 'object' ? rows : first);
    },
  };
}

/** Numbers of the rows that are kept. */
function perRow(name: string, type: ColumnType, of: (request: RequestRows) => Values): ServedColumns {
  return {
    fields: [{ name, type }],
    append(request, [to]) {
      to!.append({ type, rows: request.rows.length, values: of(request) });
    },
  };
}

/** What all rows of a request share. */
function repeated(
  name: string,
  type: ColumnType,
  of: (request: ServedRequest) => string | number | undefined,
): ServedColumns {
  return {
    fields: [{ name, type }],
    append(request, [to]) {
      to!.repeat(of(request), request.rows.length);
    },
  };
}

const text = parseType('string');
const texts = parseType('list<string>');
const int32 = parseType('int32');
const float64 = parseType('float64');
const timestamp = parseType('timestamp');
/** One null. */
const noTexts = columnOf(texts, [null]);
