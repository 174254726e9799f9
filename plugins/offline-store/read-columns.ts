import {
  parseType,
  type ColumnType,
  type DescribedColumn,
  type Dialect,
  type FeatureView,
  type ViewFeature,
} from 'vivace';
import { fromColumn, isStorable, momentOf } from './conversions.js';
import { columnOf, isOfOneEvent, numberType, roleType, type FoundSource } from './source.js';

const float64 = parseType('float64');
const itself = (values: string): readonly string[] => [values];

/** A column that aggregates read, converted to what they need. */
export interface ReadColumn {
  /** What it is called among the events. */
  readonly name: string;
  readonly expression: string;
  /** The engine's name of the type that the source has it in. */
  readonly nativeType: string;
  /** Its values are integers, which are summed without rounding. */
  readonly exact: boolean;
  /** What puts values in an order, the same on every engine: expressions over a column of them. */
  readonly order: (values: string) => readonly string[];
}

/** The columns that the aggregates of a view read, each once for each thing that it is converted to. */
export class ReadColumns {
  readonly #source: FoundSource;
  readonly #sql: Dialect;
  // Keys: names of columns, and what they are read as.
  readonly #columns = new Map<string, ReadColumn>();

  constructor(view: FeatureView, source: FoundSource, sql: Dialect) {
    this.#source = source;
    this.#sql = sql;
    for (const feature of view.features) this.of(feature);
  }

  /** What the events have. */
  get all(): readonly ReadColumn[] {
    return [...this.#columns.values()];
  }

  /** What a feature reads; nothing where it counts events. */
  of({ type, origin }: ViewFeature): ReadColumn | undefined {
    if (origin.kind !== 'aggregate' || origin.of === undefined) return undefined;
    const as = isOfOneEvent(origin) ? type.name : origin.aggregate === 'count_distinct' ? 'itself' : 'number';
    const key = `${as} ${origin.of}`;
    const known = this.#columns.get(key);
    if (known !== undefined) return known;
    const name = `o${this.#columns.size}`;
    const column = columnOf(this.#source, origin.of) as DescribedColumn;
    const converted =
      as === 'number'
        ? this.#number(column, origin.of, name)
        : as === 'itself'
          ? { name, expression: this.#itself(column, origin.of), exact: true, order: itself }
          : this.#value(column, type, name);
    const read = { ...converted, nativeType: column.nativeType };
    this.#columns.set(key, read);
    return read;
  }

  #number(column: DescribedColumn, of: string, name: string): Omit<ReadColumn, 'nativeType'> {
    const sql = this.#sql;
    const { element } = numberType(this.#source, of) as ColumnType;
    const exact = element === 'int32' || element === 'int64' || element === 'bool';
    const found = sql.identifier(column.name);
    const number = column.type?.name === 'string' ? sql.fromText(found, parseType(element)) : found;
    return { name, exact, expression: exact ? sql.exact(number) : sql.cast(number, float64), order: itself };
  }

  /** As a feature that is the column: its value, of which -0 is 0, since nothing says which of the two comes first. */
  #value(column: DescribedColumn, type: ColumnType, name: string): Omit<ReadColumn, 'nativeType'> {
    const sql = this.#sql;
    const value = fromColumn(column, type, { sql });
    if (!type.element.startsWith('float')) return { name, expression: value, exact: true, order: itself };
    // Engines differ in where NaN belongs, and in whether it equals itself.
    const isNaN = (number: string): string => `NOT (${number} <= ${sql.literal(Infinity)})`;
    const as = (number: number): string => sql.cast(sql.literal(number), type);
    const expression = `CASE WHEN ${value} = 0 THEN ${as(0)} WHEN ${isNaN(value)} THEN ${as(NaN)} ELSE ${value} END`;
    return {
      name,
      expression,
      exact: true,
      order: (values) => [`CASE WHEN ${isNaN(values)} THEN 1 ELSE 0 END`, values],
    };
  }

  /** A column whose values are told apart: times by their microsecond, and texts of keys and times as what these are. */
  #itself(column: DescribedColumn, of: string): string {
    const sql = this.#sql;
    const found = column.type as ColumnType;
    const type = found.name === 'string' ? (roleType(this.#source, of) ?? found) : found;
    if (type.name === 'timestamp') {
      const moment = momentOf(column, { sql });
      return `CASE WHEN ${isStorable(moment, sql)} THEN ${sql.micros(moment)} END`;
    }
    // Numbers stay what they are: a DECIMAL has more digits than a float64.
    return type.name === found.name && type.name !== 'string'
      ? sql.identifier(column.name)
      : fromColumn(column, type, { sql });
  }
}
