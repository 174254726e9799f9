import {
  cellAt,
  formatMicros,
  isValid,
  VivaceError,
  type Cell,
  type Column,
  type Field,
  type RowBatch,
} from 'vivace';

/**
 * Lines of CSV with a header, as DuckDB and pandas read them: a null is nothing, an empty text is `""`, times are UTC, arrays are
 * `[1, 2]`, bytes are base64.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4180
 */
export async function* csvLines(
  batches: AsyncIterable<RowBatch> | Iterable<RowBatch>,
  fields?: readonly Field[],
): AsyncGenerator<string> {
  let begun = fields !== undefined;
  if (fields !== undefined) yield header(fields);
  for await (const batch of batches) {
    if (!begun) yield header(batch.fields);
    begun = true;
    const lines: string[] = [];
    for (let row = 0; row < batch.rows; row++)
      lines.push(batch.columns.map((column) => cellText(column, row)).join(','));
    if (lines.length > 0) yield `${lines.join('\n')}\n`;
  }
}

function header(fields: readonly Field[]): string {
  return `${fields.map(({ name }) => quotedIfNeeded(name)).join(',')}\n`;
}

function cellText(column: Column, row: number): string {
  if (!isValid(column, row)) return '';
  const { element, kind } = column.type;
  const cell = cellAt(column, row);
  const one = (value: Cell): string => valueText(value, element);
  return quotedIfNeeded(kind === 'scalar' ? one(cell) : `[${(cell as readonly Cell[]).map(one).join(', ')}]`);
}

function valueText(value: Cell, element: string): string {
  switch (element) {
    case 'timestamp':
      return timestampText(value as number);
    case 'bytes':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'float32':
      return numberText(shortest(value as number));
    case 'float64':
      return numberText(value as number);
    case 'string':
      return value as string;
    default:
      return String(value);
  }
}

/** A whole number keeps its point, so that a reader does not take the column for integers. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value).toLowerCase();
  if (Object.is(value, -0)) return '-0.0';
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? value.toFixed(1) : String(value);
}

/** The shortest decimal that is this float32: 0.1, not 0.10000000149011612. */
function shortest(value: number): number {
  if (value === 0) return value;
  for (let digits = 6; digits < 10; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return value;
}

function quotedIfNeeded(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** `2001-02-03 04:05:06.789012` */
function timestampText(micros: number): string {
  const text = formatMicros(micros);
  if (text === null)
    throw new VivaceError('INVALID_ARGUMENT', `${micros} µs is not a time that BigQuery can hold`);
  return text.slice(0, -1).replace('T', ' ');
}
