import { cellAt, type Column } from '../data/column.js';
import type { PipelineAnswer, PipelineDescription } from '../ports/data-plane.js';
import { explainRun } from './explain.js';
import { cellText, jsonValue, valueWriter } from './json-values.js';

/** Makes the two forms of an answer: JSON text for transports, and an object in process. Both hold the same values. */
export function createAnswerWriter(description: PipelineDescription): {
  text(answer: PipelineAnswer, columnar: boolean): string;
  value(answer: PipelineAnswer, columnar: boolean): object;
} {
  const { outputs } = description;
  const hasObjects = description.objects !== undefined;
  const objectNames = [...(description.objects?.fields ?? []), ...outputs].map(({ name }) => name);
  const outputNames = outputs.map(({ name }) => `${JSON.stringify(name)}:`);
  const prefixes = objectNames.map((name) => `,${JSON.stringify(name)}:`);

  function objectsText({ outputs: given, objects }: PipelineAnswer, columnar: boolean): string {
    const { fields, order } = objects!;
    const writers = [...fields, ...given].map(valueWriter);
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

  function objectsValue({ outputs: given, objects }: PipelineAnswer, columnar: boolean): unknown {
    const order = Array.from(objects!.order);
    const columns = [...objects!.fields, ...given];
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

  const outputsValue = ({ outputs: given }: PipelineAnswer): object =>
    Object.fromEntries(outputs.map(({ name }, i) => [name, jsonValue(cellAt(given[i]!, 0), given[i]!)]));

  return {
    text(answer, columnar) {
      const { requestId, models, degraded, explanation } = answer;
      const results = hasObjects
        ? `"objects":${objectsText(answer, columnar)}`
        : `"outputs":{${outputNames.map((name, i) => name + cellText(answer.outputs[i]!, 0)).join(',')}}`;
      const explained =
        explanation === undefined ? '' : `,"explain":${JSON.stringify(explainRun(explanation, hasObjects))}`;
      return `{"requestId":${JSON.stringify(requestId)},"models":${JSON.stringify(models)},${results},"degraded":${JSON.stringify(degraded)}${explained}}`;
    },
    value(answer, columnar) {
      const { requestId, models, degraded, explanation } = answer;
      return {
        requestId,
        models: [...models],
        ...(hasObjects ? { objects: objectsValue(answer, columnar) } : { outputs: outputsValue(answer) }),
        degraded: [...degraded],
        ...(explanation === undefined ? {} : { explain: explainRun(explanation, hasObjects) }),
      };
    },
  };
}
