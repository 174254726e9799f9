import { withArticle } from '../config/article.js';
import { didYouMean } from '../config/did-you-mean.js';
import type { ConfigPath, Mistakes } from '../config/mistake.js';
import { columnNames } from '../config/names.js';
import { parseWith, type FromEnvironment } from '../config/parse.js';
import type { Field } from '../data/feature-rows.js';
import type { Scope } from '../data/frame.js';
import { isKeyType, notKey, parseType, type TypeName } from '../data/types.js';
import type { Port } from '../ports/port.js';
import type { Reads } from '../ports/transform.js';
import type { z } from 'zod';
import { checkPart, partsOf, type Catalogue, type CataloguePart } from './catalogue.js';
import type { ColumnTable } from './column-table.js';
import type { PlanColumn, PlanNode } from './plan.js';
import type { NodeDraft, StepDefinition } from './step-definition.js';

/** What the steps of one pipeline share while they are compiled. */
export interface CompileState {
  readonly catalogue: Catalogue;
  readonly columns: ColumnTable;
  readonly mistakes: Mistakes;
  readonly environment?: FromEnvironment;
  readonly nodes: PlanNode[];
  readonly hasObjects: boolean;
  /** Nodes that may leave out objects, in the order of the file. */
  readonly skipping: number[];
  /** Places of those nodes, per mask that any node reads. */
  readonly masks: (readonly number[])[];
  fetches: number;
  complete: boolean;
}

/** What columns of a pipeline, of its training sets and of its log begin with, besides aliases. */
const reservedAliases = ['request', 'object', 'time', 'label', 'failed', 'log', 'output'];

/** The tool with which a verb compiles one step: it finds what the step names, and gathers every mistake at its path. */
export class StepCompiler {
  readonly path: ConfigPath;
  readonly #state: CompileState;
  readonly #index: number;

  constructor(state: CompileState, path: ConfigPath, index: number) {
    this.#state = state;
    this.path = path;
    this.#index = index;
  }

  get mistakes(): Mistakes {
    return this.#state.mistakes;
  }

  get catalogue(): Catalogue {
    return this.#state.catalogue;
  }

  get hasObjects(): boolean {
    return this.#state.hasObjects;
  }

  /** Reports a mistake of the step. */
  mistake(at: ConfigPath, message: string): void {
    this.mistakes.add([...this.path, ...at], message);
  }

  /** Parses options that have a schema of their own; `undefined` where they have mistakes. */
  parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> | undefined {
    const { environment, catalogue } = this.#state;
    return parseWith(schema, value, {
      path: this.path,
      mistakes: this.mistakes,
      excused: catalogue.excused,
      ...(environment === undefined ? {} : { environment }),
    });
  }

  /** The alias of a step, `-` as `_`; a mistake where it is taken. */
  alias(wanted: string): string | undefined {
    const alias = wanted.replaceAll('-', '_');
    if (!reservedAliases.includes(alias) && !this.#state.columns.hasAlias(alias)) return alias;
    this.mistake(['as'], `the alias "${alias}" is taken: give this step another with \`as\``);
    // A later reference may mean either of the two.
    this.#state.columns.leaveOpen(alias, this.#state.hasObjects ? 'object' : 'request');
    return undefined;
  }

  /** The part of a name, which must provide a port. */
  part(name: string, port: Port, at: ConfigPath): CataloguePart | undefined {
    const { catalogue, mistakes } = this.#state;
    return checkPart(name, port, { catalogue, mistakes, path: [...this.path, ...at] });
  }

  /** The names of the parts that provide a port. */
  partsOf(port: Port): string[] {
    return partsOf(port, this.#state.catalogue);
  }

  /** Whether a bare name is certainly neither a column nor a field. */
  lacks(name: string): boolean {
    return this.#state.columns.lacks(name);
  }

  /** The column that a reference means; a mistake where there is none, or where it is not of a type that `field` wants or accepts. */
  column(
    reference: string,
    at: ConfigPath,
    field?: Field & { readonly accepts?: readonly TypeName[] },
  ): PlanColumn | undefined {
    const { columns, mistakes } = this.#state;
    const path = [...this.path, ...at];
    const column = columns.resolve(reference, { path, mistakes });
    if (column === undefined || field === undefined) return column;
    if (columns.isProvisional(column) || column.type.name === field.type.name) return column;
    if (field.accepts?.includes(column.type.name) === true) return column;
    mistakes.add(
      path,
      `"${column.name}" is ${withArticle(column.type.name)}, but "${field.name}" wants ${withArticle(field.type.name)}`,
    );
    return undefined;
  }

  /**
   * The column that a reference means, where it tells rows apart; `field` as for `column`. The texts of a request's field that is such a
   * column are short, unless the field says otherwise.
   */
  key(reference: string, at: ConfigPath, field?: Field): PlanColumn | undefined {
    const { columns } = this.#state;
    const column = this.column(reference, at, field);
    if (column !== undefined) columns.useAsKey(column);
    // What a source declares as its key has been checked where it was declared.
    if (
      column === undefined ||
      field !== undefined ||
      columns.isProvisional(column) ||
      isKeyType(column.type)
    )
      return column;
    this.mistake(at, `"${column.name}" cannot tell rows apart: ${notKey(column.type)}`);
    return undefined;
  }

  /** Columns for declared inputs, those of `inputs` first; `all` is false where one could not be bound. */
  inputs(
    declared: Reads,
    given: Readonly<Record<string, string>>,
  ): { readonly bound: readonly PlanColumn[]; readonly all: boolean } {
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(declared, name))
        this.mistake(
          ['inputs', name],
          `there is no input "${name}"${didYouMean(name, Object.keys(declared))}`,
        );
    }
    const bound = Object.entries(declared).map(([name, input]) => {
      const { type, from, accepts = [] } = typeof input === 'string' ? { type: input } : input;
      const wanted = Object.hasOwn(given, name) ? given[name] : undefined;
      return this.column(wanted ?? from ?? name, ['inputs', name], { name, type: parseType(type), accepts });
    });
    return { bound: bound.filter((column) => column !== undefined), all: !bound.includes(undefined) };
  }

  /** Declares the columns `<alias>.<name>` that the step writes. */
  writes(alias: string, fields: readonly Field[], scope: Scope): PlanColumn[] {
    return fields.map((field) => this.#state.columns.add(`${alias}.${field.name}`, field.type, scope));
  }

  /** A place for a status per row, which the frame keeps for `explain`. */
  statusPlace(): number {
    return this.#state.fetches++;
  }

  /** For a step whose columns are not known, or not yet: later references to them are not further mistakes. */
  leaveOpen(wanted: string): void {
    const alias = this.alias(wanted);
    if (alias !== undefined) this.leaveOpenAs(alias);
  }

  /** The same, for an alias that is known to be free. */
  leaveOpenAs(alias: string): void {
    this.#state.complete = false;
    this.#state.columns.leaveOpen(alias, this.#state.hasObjects ? 'object' : 'request');
  }

  /**
   * For a step with mistakes: its columns stay open under the name that it has or seems to have, so that later references to them are not
   * further mistakes. Where it has none, any alias that no step has may be its own.
   *
   * @param wanted Its alias, or what stands after its verb.
   */
  leaveOpenAfter(wanted: unknown): void {
    const { columns, hasObjects } = this.#state;
    this.#state.complete = false;
    const alias = typeof wanted === 'string' ? wanted.replaceAll('-', '_') : '';
    if (!columnNames.pattern.test(alias)) columns.leaveAllOpen(hasObjects ? 'object' : 'request');
    else if (!columns.hasAlias(alias)) this.leaveOpenAs(alias);
  }

  /** Gives a node its place in the graph: after the nodes that write what it reads, and after those whose left-out objects it must know. */
  add(definition: StepDefinition, { effects = {}, ...draft }: NodeDraft<PlanNode>): void {
    const { nodes, columns, skipping } = this.#state;
    const id = nodes.length;
    const writers = columns.writersOf(draft.reads);
    const places =
      draft.scope === 'request'
        ? []
        : effects.afterSkips === true
          ? skipping.map((_, place) => place)
          : this.#leftOutIn(writers);
    // Keys: nodes, which are numbers.
    const after = new Set([...writers, ...places.map((place) => skipping[place]!)]);
    const node: PlanNode = {
      ...draft,
      id,
      verb: definition.verb,
      definition,
      step: this.#index,
      after: [...after].sort((a, b) => a - b),
      ...(places.length === 0 ? {} : { mask: maskOf(this.#state.masks, places) }),
      ...(effects.skips === true ? { skips: skipping.length } : {}),
    };
    nodes.push(node);
    this.#checkServices(node);
    if (effects.skips === true) skipping.push(id);
    columns.wroteBy(draft.writes, id);
  }

  /**
   * The places of the nodes that have left objects out of what the given nodes have written: for such an object there is nothing to read. A
   * reader waits for no more nodes than it waits for anyway.
   */
  #leftOutIn(writers: readonly number[]): number[] {
    const { nodes, masks } = this.#state;
    const places = writers.flatMap((writer) => {
      const { mask, skips } = nodes[writer]!;
      return [...(mask === undefined ? [] : masks[mask]!), ...(skips === undefined ? [] : [skips])];
    });
    // Keys: places, which are numbers.
    return [...new Set(places)].sort((a, b) => a - b);
  }

  /** Reports, before anything starts, a service that is not bound. */
  #checkServices(node: PlanNode): void {
    const wrong = this.catalogue.wrongStep(node);
    if (wrong === undefined) return;
    const who =
      wrong.neededBy === undefined
        ? `${node.verb} ${node.definition.summary(node).what}`
        : `the class ${wrong.neededBy}`;
    this.mistake([node.verb], `${who} ${wrong.what}`);
  }
}

/** The index of a mask, one for equal masks. */
export function maskOf(masks: (readonly number[])[], places: readonly number[]): number {
  const known = masks.findIndex((mask) => mask.join() === places.join());
  return known >= 0 ? known : masks.push(places) - 1;
}

/** Per object as soon as any of its inputs is. */
export function scopeOf(columns: readonly PlanColumn[]): Scope {
  return columns.some((column) => column.scope === 'object') ? 'object' : 'request';
}
