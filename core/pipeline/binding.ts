import { didYouMean } from '../config/did-you-mean.js';
import type { ConfigPath } from '../config/mistake.js';
import type { Field } from '../data/feature-rows.js';
import type { Scope } from '../data/frame.js';
import { parseType } from '../data/types.js';
import type { TransformInput } from '../ports/transform.js';
import type { CataloguePart, CompileState } from './compile-state.js';
import type { PlanColumn, PlanNode } from './plan.js';

/** Where a step stands while it is compiled. */
export interface At {
  readonly state: CompileState;
  readonly path: ConfigPath;
  readonly index: number;
}

type WithoutPlace<N> = N extends PlanNode ? Omit<N, 'id' | 'step' | 'reads' | 'writes' | 'after'> : never;
type NodeBody = WithoutPlace<PlanNode>;

/** Adds a node that reads these columns and writes those. */
export function push(
  { state, index }: At,
  reads: readonly PlanColumn[],
  writes: readonly PlanColumn[],
  body: NodeBody,
): void {
  const id = state.nodes.length;
  state.nodes.push({ ...body, id, step: index, reads, writes, after: state.columns.writersOf(reads) });
  state.columns.wroteBy(writes, id);
}

/** Per object as soon as one of its inputs is. */
export function scopeOf(columns: readonly PlanColumn[]): Scope {
  return columns.some((column) => column.scope === 'object') ? 'object' : 'request';
}

/** For a step with a mistake: later references to its columns are no further mistakes. */
export function leaveOpen(wanted: string, at: At): void {
  const alias = aliasOf(wanted, at);
  if (alias !== undefined) leaveOpenAs(alias, at.state);
}

/** The same, for an alias that is known to be free. */
export function leaveOpenAs(alias: string, state: CompileState): void {
  state.complete = false;
  state.columns.leaveOpen(alias, state.hasObjects ? 'object' : 'request');
}

/** The alias of a step, `-` as `_`; a mistake where it is taken. */
export function aliasOf(wanted: string, { state, path }: At): string | undefined {
  const alias = wanted.replaceAll('-', '_');
  if (alias === 'request' || alias === 'object' || alias === 'time' || state.columns.hasAlias(alias)) {
    state.mistakes.add([...path, 'as'], `the alias "${alias}" is taken: give this step another with \`as\``);
    return undefined;
  }
  return alias;
}

/** The part of a name, which must provide a port. */
export function needsPort(
  name: string,
  port: string,
  path: ConfigPath,
  { state }: At,
): CataloguePart | undefined {
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

/** The column that a reference means, of the type that the field wants. */
export function bindColumn(
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

/** Columns for declared inputs; `all` is false where one could not be bound. */
export function bindInputs(
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
