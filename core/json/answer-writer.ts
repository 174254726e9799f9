import { cellAt, isValid, type Column } from '../data/column.js';
import type { Frame } from '../data/frame.js';
import type { ModelVersion } from '../ports/model-repository.js';
import { columnAt } from '../pipeline/inputs.js';
import { jsonValue, valueWriter } from './json-values.js';
import { explainRun } from '../pipeline/explain.js';
import { explanationValue } from './explain.js';
import type { Plan } from '../pipeline/plan.js';
import type { Degradation } from '../ports/data-plane.js';

/** A finished run of one request. */
export interface FinishedRun {
  readonly requestId: string;
  readonly frame: Frame;
  readonly columnar: boolean;
  readonly explain: boolean;
  readonly models: ReadonlyMap<string, ModelVersion>;
  readonly degraded: readonly Degradation[];
}

/** Makes the two forms of an answer: JSON text for transports, an object in process. Both say the same. */
export function createAnswerWriter(plan: Plan): {
  text(run: FinishedRun): string;
  value(run: FinishedRun): object;
} {
  const { outputs } = plan.response;
  const fields = plan.objects?.fields ?? [];
  const objectNames = [...fields.map((field) => field.name), ...outputs.map((output) => output.name)];
  const prefixes = objectNames.map((name) => `,${JSON.stringify(name)}:`);

  function objectColumns(frame: Frame): Column[] {
    return [
      ...fields.map((field) => frame.column(field.slot)),
      ...outputs.map(({ column }) => columnAt(frame, column, 'object')),
    ];
  }

  function objectsText({ frame, columnar }: FinishedRun): string {
    const order = orderOf(plan, frame);
    const writers = objectColumns(frame).map(valueWriter);
    if (columnar) {
      const columns = writers.map((write, i) => `${prefixes[i]}[${Array.from(order, write).join(',')}]`);
      return `{"index":[${order.join(',')}]${columns.join('')}}`;
    }
    let text = '[';
    for (let i = 0; i < order.length; i++) {
      const row = order[i] as number;
      text += i === 0 ? `{"index":${row}` : `,{"index":${row}`;
      for (let k = 0; k < writers.length; k++) text += (prefixes[k] as string) + writers[k]!(row);
      text += '}';
    }
    return text + ']';
  }

  function objectsValue({ frame, columnar }: FinishedRun): unknown {
    const order = Array.from(orderOf(plan, frame));
    const columns = objectColumns(frame);
    const cell = (column: Column, row: number): unknown => jsonValue(cellAt(column, row), column);
    if (columnar) {
      return Object.fromEntries([
        ['index', order],
        ...objectNames.map((name, i) => [name, order.map((row) => cell(columns[i]!, row))]),
      ]);
    }
    return order.map((row) => {
      const object: Record<string, unknown> = { index: row };
      objectNames.forEach((name, i) => (object[name] = cell(columns[i]!, row)));
      return object;
    });
  }

  const outputsValue = ({ frame }: FinishedRun): object =>
    Object.fromEntries(
      outputs.map(({ name, column }) => [name, jsonValue(cellAt(frame.column(column.slot), 0), column)]),
    );
  const modelsOf = (run: FinishedRun): object[] =>
    [...run.models].map(([step, { name, version }]) => ({ step, name, version }));
  const hasObjects = plan.objects !== undefined;

  return {
    text(run) {
      const results = hasObjects
        ? `"objects":${objectsText(run)}`
        : `"outputs":${JSON.stringify(outputsValue(run))}`;
      const explained = run.explain
        ? `,"explain":${JSON.stringify(explanationValue(explainRun(plan, run.frame), hasObjects))}`
        : '';
      return `{"requestId":${JSON.stringify(run.requestId)},"models":${JSON.stringify(modelsOf(run))},${results},"degraded":${JSON.stringify(run.degraded)}${explained}}`;
    },
    value(run) {
      return {
        requestId: run.requestId,
        models: modelsOf(run),
        ...(hasObjects ? { objects: objectsValue(run) } : { outputs: outputsValue(run) }),
        degraded: [...run.degraded],
        ...(run.explain ? { explain: explanationValue(explainRun(plan, run.frame), hasObjects) } : {}),
      };
    },
  };
}

/** The object rows of an answer, in its order: skipped ones are left out; ties keep the order of the request; nulls come last. */
function orderOf(plan: Plan, frame: Frame): Uint32Array {
  const kept = frame.kept(plan.skips);
  const rows = kept === undefined ? new Uint32Array(frame.objects) : kept.rows.slice();
  if (kept === undefined) for (let row = 0; row < rows.length; row++) rows[row] = row;
  const { orderBy, descending, limit } = plan.response;
  if (orderBy !== undefined) {
    const column = columnAt(frame, orderBy, 'object');
    const values = column.values as readonly (number | string)[] | Float64Array;
    const sign = descending ? -1 : 1;
    const last = (row: number): boolean => !isValid(column, row) || Number.isNaN(values[row]);
    rows.sort((a, b) => {
      const [aLast, bLast] = [last(a), last(b)];
      if (aLast || bLast) return Number(aLast) - Number(bLast) || a - b;
      const [x, y] = [values[a]!, values[b]!];
      return x < y ? -sign : x > y ? sign : a - b;
    });
  }
  return limit === undefined ? rows : rows.subarray(0, limit);
}
