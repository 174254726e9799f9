import { withArticle } from '../config/article.js';
import { didYouMean } from '../config/did-you-mean.js';
import type { ConfigPath, Mistakes } from '../config/mistake.js';
import type { ElementPlace, Scope } from '../data/frame.js';
import { parseType, type ColumnType } from '../data/types.js';
import type { PlanColumn } from './plan.js';
import { parseReference, referenceTo } from './reference.js';

/** The columns a pipeline has so far, by full name. */
export class ColumnTable {
  readonly #columns: PlanColumn[] = [];
  // Keys: names of columns.
  readonly #byName = new Map<string, PlanColumn>();
  /** Place → node that writes it; fields of the request have none. */
  readonly #writers = new Map<number, number>();
  /** Aliases whose columns are not known yet, with the scope they would have. */
  // Keys: aliases of steps.
  readonly #open = new Map<string, Scope>();
  readonly #provisional = new Set<PlanColumn>();
  /** Columns that tell rows apart. */
  readonly #keys = new Set<PlanColumn>();
  /** By place. */
  readonly #elements = new Map<number, ElementPlace>();
  /** By the name of the column and the index. */
  // Keys: names of columns.
  readonly #picked = new Map<string, PlanColumn>();
  // Keys: aliases of steps.
  readonly #aliases = new Set<string>();
  #allOpen: { readonly scope: Scope; readonly fields: boolean } | undefined;

  get all(): readonly PlanColumn[] {
    return this.#columns;
  }

  /** Columns that are elements of others. */
  get elements(): readonly ElementPlace[] {
    return [...this.#elements.values()];
  }

  add(name: string, type: ColumnType, scope: Scope): PlanColumn {
    const column = this.#place(name, type, scope);
    this.#byName.set(name, column);
    this.#aliases.add(name.split('.')[0]!);
    return column;
  }

  #place(name: string, type: ColumnType, scope: Scope): PlanColumn {
    const column = { place: this.#columns.length, name, type, scope };
    this.#columns.push(column);
    return column;
  }

  wroteBy(columns: readonly PlanColumn[], node: number): void {
    for (const column of columns) this.#writers.set(column.place, node);
  }

  /** The nodes that write these columns, ascending. */
  writersOf(columns: readonly PlanColumn[]): number[] {
    const nodes = columns
      .map(({ place }) => this.#elements.get(place)?.of ?? place)
      .map((place) => this.#writers.get(place))
      .filter((node) => node !== undefined);
    // Keys: nodes, which are numbers.
    return [...new Set(nodes)].sort((a, b) => a - b);
  }

  hasAlias(alias: string): boolean {
    return this.#open.has(alias) || this.#aliases.has(alias);
  }

  /** Accepts any reference to this alias from now on: its columns become known at start. */
  leaveOpen(alias: string, scope: Scope): void {
    this.#open.set(alias, scope);
  }

  /**
   * Accepts any reference to an alias that no step has, from now on.
   *
   * @param options.fields Whether the fields of the request and of objects are not known either.
   */
  leaveAllOpen(scope: Scope, { fields = false }: { readonly fields?: boolean } = {}): void {
    this.#allOpen = { scope, fields };
  }

  /** A column of an open alias: its type is not known yet. */
  isProvisional(column: PlanColumn): boolean {
    return this.#provisional.has(column);
  }

  /** Notes that a column is a key, or a part of one. */
  useAsKey(column: PlanColumn): void {
    this.#keys.add(column);
    const vectors = this.#elements.get(column.place);
    if (vectors !== undefined) this.#keys.add(this.#columns[vectors.of]!);
  }

  /** Whether the column in a place is a key of any step, or a part of one. */
  isKey(place: number): boolean {
    return this.#keys.has(this.#columns[place]!);
  }

  names(prefix = ''): string[] {
    return [...this.#byName].flatMap(([name, column]) =>
      name.startsWith(prefix) && !this.#provisional.has(column) ? [name] : [],
    );
  }

  /** By full name, or by a field's bare name where only one of request and object has it; elements are not found. */
  find(name: string): PlanColumn | undefined {
    const exact = this.#byName.get(name);
    if (exact !== undefined || name.includes('.')) return exact;
    const request = this.#byName.get(`request.${name}`);
    const object = this.#byName.get(`object.${name}`);
    return request !== undefined && object !== undefined ? undefined : (object ?? request);
  }

  /** Whether a bare name is certainly neither a column nor a field: where something else is wrong it may yet be one. */
  lacks(name: string): boolean {
    const fields = [`request.${name}`, `object.${name}`];
    return (
      this.find(name) === undefined &&
      this.#provisionalOf(name) === undefined &&
      !fields.some((field) => this.#byName.has(field))
    );
  }

  /** The column that a reference names; an unknown name is a mistake. */
  resolve(
    reference: string,
    at: { readonly path: ConfigPath; readonly mistakes: Mistakes },
  ): PlanColumn | undefined {
    const { column: name, element } = parseReference(reference);
    const column = this.find(name) ?? this.#provisionalOf(name);
    if (column !== undefined) return this.elementOf(column, element, at);
    const known = this.names().map(referenceTo);
    at.mistakes.add(at.path, `there is no column "${reference}" at this step${didYouMean(reference, known)}`);
    return undefined;
  }

  /** The column of an element of a vector or list column; the column itself where no element is named. */
  elementOf(
    column: PlanColumn,
    element: number | undefined,
    { path, mistakes }: { readonly path: ConfigPath; readonly mistakes: Mistakes },
  ): PlanColumn | undefined {
    if (element === undefined || this.isProvisional(column)) return column;
    const { type, scope, place } = column;
    if (type.kind === 'scalar' || (type.kind === 'vector' && element >= type.width)) {
      const has =
        type.kind === 'scalar' ? 'it has no elements' : `its elements are [0] to [${type.width - 1}]`;
      mistakes.add(
        path,
        `there is no element [${element}] of "${column.name}", ${withArticle(type.name)}: ${has}`,
      );
      return undefined;
    }
    const name = `${column.name}[${element}]`;
    const known = this.#picked.get(name);
    if (known !== undefined) return known;
    const picked = this.#place(name, parseType(type.element), scope);
    this.#picked.set(name, picked);
    this.#elements.set(picked.place, { place: picked.place, of: place, element, type: picked.type });
    return picked;
  }

  /** A column of an alias whose columns are not known yet. */
  #provisionalOf(name: string): PlanColumn | undefined {
    const alias = name.split('.')[0] as string;
    const openScope = this.#open.get(alias) ?? this.#openFor(alias, name);
    if (openScope === undefined) return undefined;
    // Its alias stays free: it may be that of a later step.
    const provisional = this.#place(name, parseType('float64'), openScope);
    this.#byName.set(name, provisional);
    this.#provisional.add(provisional);
    return provisional;
  }

  #openFor(alias: string, name: string): Scope | undefined {
    if (this.#allOpen === undefined) return undefined;
    const isField = !name.includes('.') || ['request', 'object'].includes(alias);
    const isOpen = isField ? this.#allOpen.fields : !this.hasAlias(alias);
    return isOpen ? this.#allOpen.scope : undefined;
  }
}
