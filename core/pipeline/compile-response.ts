import { withArticle } from '../config/article.js';
import { didYouMean } from '../config/did-you-mean.js';
import type { ConfigPath, Mistakes } from '../config/mistake.js';
import type { ColumnTable } from './column-table.js';
import type { Plan, PlanColumn, PlanResponse } from './plan.js';
import { parseReference } from './reference.js';
import type { PipelineSpec } from './schema.js';
import type { CompileState } from './step-compiler.js';

/** Compiles what a pipeline answers, once its steps are compiled; `undefined` where nothing of it is right. */
export function compileResponse(
  spec: PipelineSpec,
  state: CompileState,
  path: ConfigPath,
): Plan['response'] | undefined {
  const { columns, mistakes } = state;
  const outputs = Object.entries(spec.response.outputs).flatMap(([name, reference]) => {
    const column = columns.resolve(reference, { path: [...path, 'outputs', name], mistakes });
    return column === undefined ? [] : [{ name, column }];
  });
  const fields = Object.keys(spec.objects?.fields ?? {});
  for (const { name, column } of outputs) {
    if (spec.objects !== undefined && (fields.includes(name) || name === 'index')) {
      mistakes.add(
        [...path, 'outputs', name],
        `an object already has a field "${name}": give the output another name`,
      );
    }
    if (spec.objects === undefined && column.scope === 'object')
      mistakes.add(
        [...path, 'outputs', name],
        'this pipeline has no objects: the output must be one per request',
      );
  }
  if (outputs.length === 0) {
    if (Object.keys(spec.response.outputs).length === 0)
      mistakes.add([...path, 'outputs'], 'name at least one output');
    return undefined;
  }
  const { orderBy, descending, limit } = spec.response;
  if ((orderBy !== undefined || limit !== undefined) && spec.objects === undefined) {
    mistakes.add(path, '`orderBy` and `limit` are for pipelines with objects');
  }
  const sorted =
    orderBy === undefined
      ? undefined
      : sortColumn(orderBy, {
          outputs,
          declared: Object.keys(spec.response.outputs),
          fields,
          columns,
          mistakes,
          path,
        });
  if (
    sorted !== undefined &&
    !columns.isProvisional(sorted) &&
    (sorted.type.kind !== 'scalar' || sorted.type.element === 'bytes')
  ) {
    const one = sorted.type.kind === 'scalar' ? '' : `: name one of its elements, such as ${orderBy}[0]`;
    mistakes.add([...path, 'orderBy'], `objects cannot be sorted by ${withArticle(sorted.type.name)}${one}`);
  }
  return {
    outputs,
    ...(sorted === undefined ? {} : { orderBy: sorted }),
    descending,
    ...(limit === undefined ? {} : { limit }),
  };
}

/** What objects are sorted by: an output, a field of theirs, or any column; each may be followed by the index of an element. */
function sortColumn(
  orderBy: string,
  {
    outputs,
    declared,
    fields,
    columns,
    mistakes,
    path,
  }: {
    outputs: PlanResponse['outputs'];
    /** The names of all outputs, also of those that are wrong. */
    declared: readonly string[];
    fields: readonly string[];
    columns: ColumnTable;
    mistakes: Mistakes;
    path: ConfigPath;
  },
): PlanColumn | undefined {
  const at = { path: [...path, 'orderBy'], mistakes };
  const { column: name, element } = parseReference(orderBy);
  const output = outputs.find((each) => each.name === name);
  if (output !== undefined) return columns.elementOf(output.column, element, at);
  if (fields.includes(name)) return columns.resolve(`object.${orderBy}`, at);
  if (name.includes('.')) return columns.resolve(orderBy, at);
  // An output that is wrong is a mistake of its own.
  if (declared.includes(name)) return undefined;
  mistakes.add(
    at.path,
    `"${orderBy}" is neither an output nor a field${didYouMean(name, [...outputs.map((each) => each.name), ...fields])}`,
  );
  return undefined;
}
