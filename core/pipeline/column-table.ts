import { didYouMean } from '../config/did-you-mean.js';
import type { ConfigPath, Mistakes } from '../config/mistake.js';
import type { Scope } from '../data/frame.js';
import { parseType, type ColumnType } from '../data/types.js';
import type { PlanColumn } from './plan.js';

/** The columns a pipeline has so far, by full name. */
export class ColumnTable {
  readonly #columns: PlanColumn[] = [];
  readonly #byName = new Map<string, PlanColumn>();
  /** Place → node that writes it; fields of the request have none. */
  readonly #writers = new Map<number, number>();
  /** Aliases whose columns are not known yet, with the scope they would have. */
  readonly #open = new Map<string, Scope>();
  readonly #provisional = new Set<PlanColumn>();
  /** Columns that tell rows apart. */
  readonly #keys = new Set<PlanColumn>();

  get all(): readonly PlanColumn[] {
    return this.#columns;
  }

  add(name: string, type: ColumnType, scope: Scope): PlanColumn {
    const column = { place: this.#columns.length, name, type, scope };
    this.#columns.push(column);
    this.#byName.set(name, column);
    return column;
  }

  wroteBy(columns: readonly PlanColumn[], node: number): void {
    for (const column of columns) this.#writers.set(column.place, node);
  }

  /** The nodes that write these columns, ascending. */
  writersOf(columns: readonly PlanColumn[]): number[] {
    const nodes = columns
      .map((column) => this.#writers.get(column.place))
      .filter((node) => node !== undefined);
    return [...new Set(nodes)].sort((a, b) => a - b);
  }

  hasAlias(alias: string): boolean {
    return this.#open.has(alias) || this.#columns.some((column) => column.name.startsWith(`${alias}.`));
  }

  /** Accepts any reference to this alias from now on: its columns become known at start. */
  leaveOpen(alias: string, scope: Scope): void {
    this.#open.set(alias, scope);
  }

  /** A column of an open alias: its type is not known yet. */
  isProvisional(column: PlanColumn): boolean {
    return this.#provisional.has(column);
  }

  /** Notes that a column is a key, or a part of one. */
  useAsKey(column: PlanColumn): void {
    this.#keys.add(column);
  }

  /** Whether the column in a place is a key of any step, or a part of one. */
  isKey(place: number): boolean {
    return this.#keys.has(this.#columns[place]!);
  }

  names(prefix = ''): string[] {
    return this.#columns.map((column) => column.name).filter((name) => name.startsWith(prefix));
  }

  /** By full name, or by a field's bare name where only one of request and object has it. */
  find(name: string): PlanColumn | undefined {
    const exact = this.#byName.get(name);
    if (exact !== undefined || name.includes('.')) return exact;
    const request = this.#byName.get(`request.${name}`);
    const object = this.#byName.get(`object.${name}`);
    return request !== undefined && object !== undefined ? undefined : (object ?? request);
  }

  /** As `find`; an unknown name is a mistake. */
  resolve(
    name: string,
    { path, mistakes }: { path: ConfigPath; mistakes: Mistakes },
  ): PlanColumn | undefined {
    const column = this.find(name);
    if (column !== undefined) return column;
    const alias = name.split('.')[0] as string;
    const openScope = this.#open.get(alias);
    if (openScope !== undefined) {
      const provisional = this.add(name, parseType('float64'), openScope);
      this.#provisional.add(provisional);
      return provisional;
    }
    mistakes.add(path, `there is no column "${name}" at this step${didYouMean(name, this.names())}`);
    return undefined;
  }
}
