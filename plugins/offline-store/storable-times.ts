import { isStorable } from './conversions.js';
import { columnOf, sourceRows, type FoundSource, type Looking } from './source.js';

/**
 * A source with the time columns whose every value a timestamp holds, as their least and greatest value say: files of columns and tables know these
 * without reading their rows, whereas a look at each time costs a view a tenth of its materialization. Of queries, of distinct rows and of texts
 * nothing is known, nor where reading is billed.
 */
export async function withStorableTimes(
  source: FoundSource,
  { warehouse, context }: Looking,
): Promise<FoundSource> {
  const { dialect } = warehouse;
  // Keys: names of columns.
  const names = new Set(
    source.uses.flatMap(({ column, role }) => {
      const found = role === 'time' ? columnOf(source, column) : undefined;
      return found?.type?.name === 'timestamp' ? [found.name] : [];
    }),
  );
  const isCheap = source.rows.query === undefined && source.rows.distinct !== true && dialect.remote !== true;
  if (names.size === 0 || !isCheap) return source;
  const asked = [...names].map((name, i) => {
    const column = dialect.identifier(name);
    const bounds = ['MIN', 'MAX'].map((bound) => isStorable(`${bound}(${column})`, dialect));
    return `CASE WHEN ${bounds.join(' AND ')} OR COUNT(${column}) = 0 THEN 1 ELSE 0 END AS s${i}`;
  });
  const sql = `SELECT ${asked.join(', ')} FROM ${sourceRows(source, dialect, true)}`;
  for await (const { columns } of warehouse.query({ sql }, context)) {
    const storable = [...names].filter((_, i) => Number(columns[i]!.values[0]) === 1);
    // Keys: names of columns.
    return { ...source, storable: new Set(storable) };
  }
  return source;
}
