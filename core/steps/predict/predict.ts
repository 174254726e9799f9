import { withArticle } from '../../config/article.js';
import { didYouMean } from '../../config/did-you-mean.js';
import type { ConfigPath } from '../../config/mistake.js';
import { elementOf } from '../../data/tensor.js';
import { elementBytes, parseType, type ColumnType } from '../../data/types.js';
import type { TensorSpec } from '../../models/bundle.js';
import { rowWidth, shapeText } from '../../models/shape.js';
import type { PlanColumn } from '../../pipeline/plan.js';
import { scopeOf, type StepCompiler } from '../../pipeline/step-compiler.js';
import { defineVerb, type NodeDraft, type StepDefinition } from '../../pipeline/step-definition.js';
import { cache } from '../../ports/cache.js';
import { predictor } from '../../ports/predictor.js';
import { cacheSummary } from '../cache/schema.js';
import type { PredictNode } from './node.js';
import { PredictRows } from './predict-rows.js';
import { predictSchema, type PredictSpec } from './schema.js';

/** `predict`: a model, its tensors filled from columns, its outputs made columns. */
export const predict: StepDefinition = defineVerb<typeof predictSchema, PredictNode>({
  verb: 'predict',
  schema: predictSchema,
  compile,
  parts: ({ part, cache: cached }) => ({
    predictor: { port: predictor, part },
    cache: cached === undefined ? undefined : { port: cache, part: cached.in },
  }),
  offline: () => ({ how: 'model' }),
  summary: ({ part, cache: cached }) => ({
    what: part,
    facts: { part, ...cacheSummary(cached).facts },
    notes: cacheSummary(cached).notes,
    identity: { source: part },
  }),
  runs: PredictRows,
});

function compile(spec: PredictSpec, compiler: StepCompiler): NodeDraft<PredictNode> | undefined {
  const alias = compiler.alias(spec.as ?? spec.predict);
  const part = compiler.part(spec.predict, predictor, ['predict']);
  if (spec.cache !== undefined) compiler.part(spec.cache.in, cache, ['cache', 'in']);
  const by = spec.cache?.by?.map((name, i) => compiler.key(name, ['cache', 'by', i]));
  if (alias === undefined) return undefined;
  if (part === undefined || by?.includes(undefined) === true) return void compiler.leaveOpenAs(alias);
  const signature = compiler.catalogue.signature(spec.predict);
  if (signature === undefined) {
    for (const [tensor, names] of Object.entries(spec.inputs))
      names.forEach((name, i) => compiler.column(name, ['inputs', tensor, i]));
    return void compiler.leaveOpenAs(alias);
  }
  const known = signature.inputs.map((input) => input.name);
  for (const tensor of Object.keys(spec.inputs)) {
    if (!known.includes(tensor))
      compiler.mistake(['inputs', tensor], `the model has no input "${tensor}"${didYouMean(tensor, known)}`);
  }
  const before = compiler.mistakes.list.length;
  const inputs = signature.inputs.map((tensor) => {
    const given = Object.hasOwn(spec.inputs, tensor.name) ? spec.inputs[tensor.name] : undefined;
    const names = given ?? tensor.columns;
    const place: ConfigPath = ['inputs', tensor.name];
    if (names === undefined) {
      compiler.mistake(
        place,
        `say which columns fill the model's input "${tensor.name}" ${shapeText(tensor)}, here or with \`vivace models push --columns\`: its signature does not`,
      );
      return { tensor, columns: [] };
    }
    const bound = names.map((name, i) => compiler.column(name, [...place, i]));
    const filled = bound.filter((column) => column !== undefined);
    if (filled.length === bound.length) checkTensor(tensor, filled, { place, compiler });
    return { tensor, columns: filled };
  });
  if (spec.cache !== undefined && signature.over === 'request') {
    compiler.mistake(
      ['cache'],
      'the model looks at all rows of a request together, so the answer for one row cannot be cached',
    );
  }
  if (compiler.mistakes.list.length > before) return void compiler.leaveOpenAs(alias);
  // Keys: columns of a plan.
  const reads = [...new Set(inputs.flatMap((input) => input.columns).concat((by ?? []) as PlanColumn[]))];
  const scope = scopeOf(reads);
  const outputs = signature.outputs.map((output) => ({ name: output.name, type: outputType(output) }));
  return {
    alias,
    scope,
    reads,
    writes: compiler.writes(alias, outputs, scope),
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
    effects: { afterSkips: true },
  };
}

function checkTensor(
  tensor: TensorSpec,
  columns: readonly PlanColumn[],
  { place, compiler }: { place: ConfigPath; compiler: StepCompiler },
): void {
  for (const column of columns) {
    if (!fits(column.type, tensor)) {
      compiler.mistake(
        place,
        `"${column.name}" is ${withArticle(column.type.name)}, but the model's input "${tensor.name}" is ${tensor.datatype}`,
      );
    }
  }
  const width = columns.reduce((sum, column) => sum + column.type.width, 0);
  const wanted = rowWidth(tensor);
  if (wanted >= 0 && width !== wanted) {
    compiler.mistake(
      place,
      `the columns give ${width} values for each row of the model's input "${tensor.name}" ${shapeText(tensor)}, which takes ${wanted}`,
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

/** A model's output as a column: `[-1]` and `[-1, 1]` a scalar, `[-1, k]` a vector. */
function outputType(output: TensorSpec): ColumnType {
  const width = rowWidth(output);
  const element = elementOf[output.datatype];
  if (width < 0) return parseType(`list<${element}>`);
  return parseType(width === 1 ? element : `${element}[${width}]`);
}
