import { columnOf, type Cell } from '../../data/column.js';
import { fieldsOf, type Field } from '../../data/feature-rows.js';
import { parseType } from '../../data/types.js';
import { microsPerDay as day } from '../../kernel/time.js';
import type { RowBatch } from '../../ports/warehouse.js';
import type { HistoryEvent } from './histories.js';

/** Tables that the contract asks for, by name. */
export type ContractTables = Readonly<
  Record<string, { readonly fields: readonly Field[]; readonly batches: readonly RowBatch[] }>
>;

/** A row of a table, with its times in days. */
type PlainRow = readonly [key: Cell, event: number | null, available: number | null, value: Cell];

/** A table whose values are float64. */
export const plain = (rows: readonly PlainRow[]): ContractTables[string] => tableOf('float64', rows);
/** A table whose values are int64. */
export const integers = (rows: readonly PlainRow[]): ContractTables[string] => tableOf('int64', rows);

/** A table of the events of a history. */
export function eventsOf(history: readonly HistoryEvent[]): ContractTables[string] {
  const fields = fieldsOf({
    key: 'string',
    event: 'timestamp',
    available: 'timestamp',
    value: 'int64',
    text: 'string',
    double: 'float64',
    flag: 'bool',
    moment: 'timestamp',
  });
  const columns = fields.map(({ name, type }) =>
    columnOf(
      type,
      history.map((each) => {
        if (name === 'event' || name === 'available') return Math.round(each[name] * day);
        if (name === 'value') return each.value === null ? null : BigInt(each.value);
        return each[name as keyof HistoryEvent];
      }),
    ),
  );
  return { fields, batches: [{ fields, columns, rows: history.length }] };
}

function tableOf(type: string, rows: readonly PlainRow[]): ContractTables[string] {
  const micros = (days: number | null): number | null => (days === null ? null : Math.round(days * day));
  const types = {
    key: 'string',
    event: 'timestamp',
    available: 'timestamp',
    value: type,
  };
  const fields = Object.entries(types).map(([name, declared]) => ({ name, type: parseType(declared) }));
  const cells = rows.map(([key, event, available, value]) => [key, micros(event), micros(available), value]);
  const columns = fields.map((field, i) =>
    columnOf(
      field.type,
      cells.map((row) => row[i] as Cell),
    ),
  );
  return { fields, batches: [{ fields, columns, rows: rows.length }] };
}
