import { didYouMean } from '../../config/did-you-mean.js';
import type { ConfigPath, Mistakes } from '../../config/mistake.js';
import { elementOf } from '../../data/tensor.js';
import { elementBytes, parseType, type ColumnType } from '../../data/types.js';
import type { TensorSpec } from '../../models/bundle.js';
import { aliasOf, leaveOpenAs, needsPort, push, scopeOf, type At } from '../../pipeline/binding.js';
import { writeColumns } from '../../pipeline/compile-state.js';
import type { PlanColumn } from '../../pipeline/plan.js';
import type { PredictSpec } from '../../pipeline/schema.js';

/** A model: its tensors filled from columns, its outputs made columns. */
export function compilePredict(spec: PredictSpec, at: At): void {
  const { state, path } = at;
  const { mistakes, columns } = state;
  const alias = aliasOf(spec.as ?? spec.predict, at);
  const part = needsPort(spec.predict, 'predictor', [...path, 'predict'], at);
  if (spec.cache !== undefined) needsPort(spec.cache.in, 'cache', [...path, 'cache', 'in'], at);
  const by = spec.cache?.by?.map((name, i) =>
    columns.resolve(name, { path: [...path, 'cache', 'by', i], mistakes }),
  );
  if (alias === undefined) return;
  if (part === undefined || by?.includes(undefined) === true) return leaveOpenAs(alias, state);
  const signature = state.catalogue.signature(spec.predict);
  if (signature === undefined) {
    for (const [tensor, names] of Object.entries(spec.inputs)) {
      names.forEach((name, i) => columns.resolve(name, { path: [...path, 'inputs', tensor, i], mistakes }));
    }
    return leaveOpenAs(alias, state);
  }
  for (const tensor of Object.keys(spec.inputs)) {
    const known = signature.inputs.map((input) => input.name);
    if (!known.includes(tensor))
      mistakes.add(
        [...path, 'inputs', tensor],
        `the model has no input "${tensor}"${didYouMean(tensor, known)}`,
      );
  }
  const before = mistakes.list.length;
  const inputs = signature.inputs.map((tensor) => {
    const names = spec.inputs[tensor.name] ?? tensor.columns;
    const place: ConfigPath = [...path, 'inputs', tensor.name];
    if (names === undefined) {
      mistakes.add(
        place,
        `say which columns fill the model's input "${tensor.name}" ${shapeText(tensor)}: its signature does not`,
      );
      return { tensor, columns: [] };
    }
    const bound = names.map((name, i) => columns.resolve(name, { path: [...place, i], mistakes }));
    const filled = bound.filter((column) => column !== undefined);
    if (filled.length === bound.length) checkTensor(tensor, filled, { place, mistakes });
    return { tensor, columns: filled };
  });
  if (spec.cache !== undefined && signature.over === 'request') {
    mistakes.add(
      [...path, 'cache'],
      'the model looks at all rows of a request together, so the answer for one cannot be kept',
    );
  }
  if (mistakes.list.length > before) return leaveOpenAs(alias, state);
  const reads = [...new Set(inputs.flatMap((input) => input.columns).concat((by ?? []) as PlanColumn[]))];
  const scope = scopeOf(reads);
  const outputs = signature.outputs.map((output) => ({ name: output.name, type: outputType(output) }));
  push(at, reads, writeColumns(alias, outputs, { scope, columns }), {
    verb: 'predict',
    alias,
    scope,
    part: spec.predict,
    inputs,
    outputs: signature.outputs,
    over: signature.over,
    ...(spec.cache === undefined
      ? {}
      : {
          cache: {
            in: spec.cache.in,
            ttlMs: spec.cache.ttlMs,
            ...(by === undefined ? {} : { by: by as PlanColumn[] }),
          },
        }),
  });
}

function checkTensor(
  tensor: TensorSpec,
  columns: readonly PlanColumn[],
  { place, mistakes }: { place: ConfigPath; mistakes: Mistakes },
): void {
  for (const column of columns) {
    if (!fits(column.type, tensor)) {
      mistakes.add(
        place,
        `"${column.name}" is a ${column.type.name}, and the model's input "${tensor.name}" is ${tensor.datatype}`,
      );
    }
  }
  const width = columns.reduce((sum, column) => sum + column.type.width, 0);
  const wanted = rowWidth(tensor);
  if (wanted >= 0 && width !== wanted) {
    mistakes.add(
      place,
      `${width} values fill a row of the model's input "${tensor.name}" ${shapeText(tensor)}, which takes ${wanted}`,
    );
  }
}

function fits(type: ColumnType, tensor: TensorSpec): boolean {
  if (type.kind === 'list') return false;
  const isText = type.element === 'string' || type.element === 'bytes';
  if (tensor.datatype === 'BYTES') return isText;
  if (tensor.datatype === 'INT64') return ['int32', 'int64', 'bool'].includes(type.element);
  if (tensor.datatype === 'INT32') return ['int32', 'bool'].includes(type.element);
  if (tensor.datatype === 'BOOL') return type.element === 'bool';
  return elementBytes[type.element] > 0;
}

/** Values of one row; −1 where a dimension may vary. */
function rowWidth({ shape }: TensorSpec): number {
  const inner = shape.slice(1);
  return inner.some((size) => size < 0) ? -1 : inner.reduce((product, size) => product * size, 1);
}

/** A model's output as a column: `[-1]` and `[-1, 1]` a scalar, `[-1, k]` a vector. */
function outputType(output: TensorSpec): ColumnType {
  const width = rowWidth(output);
  const element = elementOf[output.datatype];
  if (width < 0) return parseType(`list<${element}>`);
  return parseType(width === 1 ? element : `${element}[${width}]`);
}

function shapeText(tensor: TensorSpec): string {
  return `[${tensor.shape.map((size) => (size === -1 ? 'N' : size)).join(', ')}]`;
}
