import { didYouMean } from '../config/did-you-mean.js';
import type { ConfigPath, Mistakes } from '../config/mistake.js';
import { parseWith } from '../config/parse.js';
import { fieldsOf, type Field } from '../data/feature-rows.js';
import type { Scope } from '../data/frame.js';
import { elementOf } from '../data/tensor.js';
import { elementBytes, parseType, type ColumnType } from '../data/types.js';
import type { TensorSpec } from '../models/bundle.js';
import { slotPort } from '../parts/definition.js';
import type { FeatureSourceDescription } from '../ports/feature-source.js';
import type { TransformDescription, TransformInput } from '../ports/transform.js';
import { writeColumns, type CataloguePart, type CompileState } from './compile-state.js';
import type { FetchNode, PlanColumn, PlanNode } from './plan.js';
import type { CustomSpec, FetchSpec, PredictSpec, TransformSpec } from './schema.js';

interface At {
  readonly state: CompileState;
  readonly path: ConfigPath;
  readonly index: number;
}

/** A fetch of a view, through its online store, or of a feature-source part. */
export function compileFetch(spec: FetchSpec, at: At): void {
  const { state, path } = at;
  const { mistakes } = state;
  const source = describeSource(spec.fetch, at);
  if (source === undefined) return leaveOpen(spec.as ?? spec.fetch, at);
  const alias = aliasOf(spec.as ?? spec.fetch, at);
  for (const key of Object.keys(spec.key)) {
    if (!source.keys.some((field) => field.name === key)) {
      mistakes.add(
        [...path, 'key', key],
        `"${spec.fetch}" has no key "${key}"${didYouMean(
          key,
          source.keys.map((field) => field.name),
        )}`,
      );
    }
  }
  const reads = source.keys.map((field) =>
    bindColumn(spec.key[field.name] ?? field.name, field, [...path, 'key', field.name], at),
  );
  if (spec.cache !== undefined) needsPort(spec.cache.in, 'cache', [...path, 'cache', 'in'], at);
  if (spec.onMissing === 'skip' || spec.onFailure === 'skip') {
    if (!state.hasObjects)
      mistakes.add(path, '`skip` leaves out objects, and this pipeline has none: use default, null or fail');
  }
  if (alias === undefined) return;
  const bound = reads.filter((column) => column !== undefined);
  const scope = scopeOf(bound);
  if (bound.length < reads.length)
    return void writeColumns(alias, source.features, { scope, columns: state.columns });
  const { part, view, ...rest } = source;
  push(at, bound, writeColumns(alias, source.features, { scope, columns: state.columns }), {
    verb: 'fetch',
    alias,
    scope,
    index: state.fetches++,
    part,
    ...(view === undefined ? {} : { view }),
    ...rest,
    onMissing: spec.onMissing,
    onFailure: spec.onFailure,
    ...(spec.budgetMs === undefined ? {} : { budgetMs: spec.budgetMs }),
    ...(spec.cache === undefined ? {} : { cache: spec.cache }),
  });
}

type Source = Pick<
  FetchNode,
  'part' | 'view' | 'sourceId' | 'offline' | 'keys' | 'features' | 'isStatic' | 'maxAgeMs'
>;

function describeSource(name: string, { state, path }: At): Source | undefined {
  const { catalogue, mistakes } = state;
  const view = catalogue.views.get(name);
  if (view !== undefined) {
    return {
      part: view.store,
      view,
      sourceId: view.hash,
      offline: 'as-of',
      keys: view.entity,
      features: view.features,
      isStatic: view.isStatic,
      ...(view.maxAgeMs === undefined ? {} : { maxAgeMs: view.maxAgeMs }),
    };
  }
  if (catalogue.broken.has(name)) return undefined;
  const part = catalogue.parts.get(name);
  if (part?.ports.includes('feature-source') !== true) {
    const sources = [...catalogue.parts.values()].filter((other) => other.ports.includes('feature-source'));
    const known = [...catalogue.views.keys(), ...sources.map((other) => other.name)];
    mistakes.add(
      [...path, 'fetch'],
      `there is no view or feature source "${name}"${didYouMean(name, known)}`,
    );
    return undefined;
  }
  const description = part.description as FeatureSourceDescription;
  const features = Object.entries(description.features).map(([feature, declared]) => ({
    name: feature,
    type: parseType(typeof declared === 'string' ? declared : declared.type),
    ...(typeof declared === 'string' || declared.default === undefined ? {} : { default: declared.default }),
  }));
  return {
    part: name,
    sourceId: name,
    offline: description.offline,
    keys: fieldsOf(description.keys),
    features,
    isStatic: description.maxAgeMs === undefined,
    ...(description.maxAgeMs === undefined ? {} : { maxAgeMs: description.maxAgeMs }),
  };
}

/** A pure function over columns. */
export function compileTransform(spec: TransformSpec, at: At): void {
  const { state, path } = at;
  const part = needsPort(spec.transform, 'transform', [...path, 'transform'], at);
  if (part === undefined) return leaveOpen(spec.as ?? spec.transform, at);
  const description = part.description as TransformDescription;
  const alias = aliasOf(spec.as ?? spec.transform, at);
  const reads = bindInputs(description.reads, spec.inputs, at);
  if (alias === undefined) return;
  const scope = scopeOf(reads.bound);
  const outputs = fieldsOf(description.writes);
  if (!reads.all) return void writeColumns(alias, outputs, { scope, columns: state.columns });
  push(at, reads.bound, writeColumns(alias, outputs, { scope, columns: state.columns }), {
    verb: 'transform',
    alias,
    scope,
    part: spec.transform,
    inputs: Object.keys(description.reads),
    outputs,
    over: description.over ?? 'row',
  });
}

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

/** A step of the team's own. */
export function compileCustom(spec: CustomSpec, at: At): void {
  const { state, path } = at;
  const { mistakes } = state;
  const { step, as, inputs, ...rest } = spec;
  const type = mistakes.attempt([...path, 'step'], () => state.catalogue.stepType(step));
  if (type === undefined) return as === undefined ? undefined : leaveOpen(as, at);
  const alias = aliasOf(as ?? type.name.replaceAll('-', '_'), at);
  const uses: Record<string, string | undefined> = {};
  const options: Record<string, unknown> = { ...rest };
  for (const [slot, declared] of Object.entries(type.uses)) {
    const { port, optional } = slotPort(declared);
    const name = options[slot];
    delete options[slot];
    if (name === undefined && optional) continue;
    if (typeof name !== 'string')
      mistakes.add([...path, slot], `is missing: the name of a ${port.name} part`);
    else if (needsPort(name, port.name, [...path, slot], at) !== undefined) uses[slot] = name;
  }
  const { environment } = state;
  const parsed = parseWith(type.options, options, {
    path,
    mistakes,
    ...(environment === undefined ? {} : { environment }),
  });
  const reads = bindInputs(type.reads, inputs, at);
  if (alias === undefined) return;
  const scope = scopeOf(reads.bound);
  const outputs = fieldsOf(type.writes);
  if (!reads.all || parsed === undefined)
    return void writeColumns(alias, outputs, { scope, columns: state.columns });
  push(at, reads.bound, writeColumns(alias, outputs, { scope, columns: state.columns }), {
    verb: 'step',
    alias,
    scope,
    type,
    options: parsed,
    uses,
    inputs: Object.keys(type.reads),
    outputs,
    over: type.over ?? 'row',
    offline: type.offline,
  });
}

type WithoutPlace<N> = N extends PlanNode ? Omit<N, 'id' | 'step' | 'reads' | 'writes' | 'after'> : never;
type NodeBody = WithoutPlace<PlanNode>;

function push(
  { state, index }: At,
  reads: readonly PlanColumn[],
  writes: readonly PlanColumn[],
  body: NodeBody,
): void {
  const id = state.nodes.length;
  state.nodes.push({ ...body, id, step: index, reads, writes, after: state.columns.writersOf(reads) });
  state.columns.wroteBy(writes, id);
}

function scopeOf(columns: readonly PlanColumn[]): Scope {
  return columns.some((column) => column.scope === 'object') ? 'object' : 'request';
}

/** For a step with a mistake: later references to its columns are no further mistakes. */
function leaveOpen(wanted: string, at: At): void {
  const alias = aliasOf(wanted, at);
  if (alias !== undefined) leaveOpenAs(alias, at.state);
}

function leaveOpenAs(alias: string, state: CompileState): void {
  state.complete = false;
  state.columns.leaveOpen(alias, state.hasObjects ? 'object' : 'request');
}

function aliasOf(wanted: string, { state, path }: At): string | undefined {
  const alias = wanted.replaceAll('-', '_');
  if (alias === 'request' || alias === 'object' || alias === 'time' || state.columns.hasAlias(alias)) {
    state.mistakes.add([...path, 'as'], `the alias "${alias}" is taken: give this step another with \`as\``);
    return undefined;
  }
  return alias;
}

function needsPort(name: string, port: string, path: ConfigPath, { state }: At): CataloguePart | undefined {
  const part = state.catalogue.parts.get(name);
  if (part?.ports.includes(port) === true) return part;
  if (state.catalogue.broken.has(name)) return undefined;
  const fitting = [...state.catalogue.parts.values()]
    .filter((other) => other.ports.includes(port))
    .map((other) => other.name);
  state.mistakes.add(
    path,
    part === undefined
      ? `there is no ${port} part "${name}"${didYouMean(name, fitting)}`
      : `"${name}" is no ${port} but a ${part.ports.join(', ')}${didYouMean(name, fitting)}`,
  );
  return undefined;
}

function bindColumn(
  reference: string,
  field: Field,
  path: ConfigPath,
  { state }: At,
): PlanColumn | undefined {
  const column = state.columns.resolve(reference, { path, mistakes: state.mistakes });
  if (column === undefined || state.columns.isProvisional(column) || column.type.name === field.type.name)
    return column;
  state.mistakes.add(
    path,
    `"${column.name}" is a ${column.type.name}, and "${field.name}" wants a ${field.type.name}`,
  );
  return undefined;
}

function bindInputs(
  declared: Readonly<Record<string, string | TransformInput>>,
  given: Readonly<Record<string, string>>,
  at: At,
): { readonly bound: readonly PlanColumn[]; readonly all: boolean } {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(declared, name)) {
      at.state.mistakes.add(
        [...at.path, 'inputs', name],
        `there is no input "${name}"${didYouMean(name, Object.keys(declared))}`,
      );
    }
  }
  const bound = Object.entries(declared).map(([name, input]) => {
    const { type, from } = typeof input === 'string' ? { type: input, from: undefined } : input;
    return bindColumn(
      given[name] ?? from ?? name,
      { name, type: parseType(type) },
      [...at.path, 'inputs', name],
      at,
    );
  });
  return { bound: bound.filter((column) => column !== undefined), all: !bound.includes(undefined) };
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
