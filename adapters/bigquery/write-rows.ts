import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  cellAt,
  isValid,
  type Cell,
  type Column,
  type ColumnType,
  type Field,
  type RowBatch,
  type ScalarType,
} from 'vivace';
import { AvroBytes } from './avro-bytes.js';
import { scalarNames } from './dialect.js';
import type { LoadBody } from './jobs.js';

/** Rows of one Avro block, and so of one piece of an upload. */
const blockRows = 4096;

/** A table's schema. */
export function tableSchema(fields: readonly Field[]): object {
  return {
    fields: fields.map(({ name, type }) => ({
      name,
      type: scalarNames[type.element],
      mode: type.kind === 'scalar' ? 'NULLABLE' : 'REPEATED',
    })),
  };
}

/** @see https://cloud.google.com/bigquery/docs/reference/api-uploads#multipart */
export const multipart: LoadBody = (job, pieces) => {
  const boundary = randomUUID();
  async function* parts(): AsyncGenerator<string | Buffer> {
    yield `--${boundary}\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(job)}\r\n`;
    yield `--${boundary}\r\nContent-Type: application/octet-stream\r\n\r\n`;
    yield* pieces;
    yield `\r\n--${boundary}--\r\n`;
  }
  return { boundary, content: Readable.from(parts(), { objectMode: false }) };
};

const avroTypes: Readonly<Record<ScalarType, unknown>> = {
  float32: 'double',
  float64: 'double',
  int32: 'long',
  int64: 'long',
  bool: 'boolean',
  string: 'string',
  timestamp: { type: 'long', logicalType: 'timestamp-micros' },
  bytes: 'bytes',
};

/**
 * An Avro file, in pieces: every type as it is, to the bit. JSON knows neither −0 nor integers beyond 2^53.
 *
 * @see https://avro.apache.org/docs/1.11.1/specification/#object-container-files
 */
export async function* avroFile(
  fields: readonly Field[],
  batches: AsyncIterable<RowBatch> | Iterable<RowBatch>,
): AsyncGenerator<Buffer> {
  const sync = randomBytes(16);
  let begun = false;
  for await (const { columns, rows } of batches) {
    for (let from = 0; from < rows; from += blockRows) {
      const to = Math.min(from + blockRows, rows);
      const block = blockOf(columns, { from, to }, sync);
      yield begun ? block : Buffer.concat([head(fields, sync), block]);
      begun = true;
    }
  }
}

function head(fields: readonly Field[], sync: Buffer): Buffer {
  const schema = {
    type: 'record',
    name: 'row',
    fields: fields.map(({ name, type }) => ({ name, type: avroType(type) })),
  };
  const bytes = new AvroBytes();
  bytes.raw(Buffer.from('Obj\u0001'));
  bytes.long(2);
  bytes.text('avro.schema');
  bytes.text(JSON.stringify(schema));
  bytes.text('avro.codec');
  bytes.text('null');
  bytes.long(0);
  bytes.raw(sync);
  return bytes.finish();
}

function avroType({ kind, element }: ColumnType): unknown {
  return kind === 'scalar' ? ['null', avroTypes[element]] : { type: 'array', items: avroTypes[element] };
}

function blockOf(
  columns: readonly Column[],
  { from, to }: { readonly from: number; readonly to: number },
  sync: Buffer,
): Buffer {
  const rows = new AvroBytes();
  const writers = columns.map(cellWriter);
  for (let row = from; row < to; row++) for (const write of writers) write(rows, row);
  const content = rows.finish();
  const block = new AvroBytes();
  block.long(to - from);
  block.long(content.length);
  block.raw(content);
  block.raw(sync);
  return block.finish();
}

function cellWriter(column: Column): (to: AvroBytes, row: number) => void {
  const { type } = column;
  const write = writers[type.element];
  if (type.kind === 'scalar') {
    return (to, row) => {
      const valid = isValid(column, row);
      // The branch of the union: nothing, or the type.
      to.long(valid ? 1 : 0);
      if (valid) write(to, cellAt(column, row));
    };
  }
  return (to, row) => {
    // A null array is an empty one: BigQuery stores no other.
    const items = (cellAt(column, row) ?? []) as readonly Cell[];
    if (items.length > 0) to.long(items.length);
    for (const item of items) write(to, item);
    to.long(0);
  };
}

type Write = (to: AvroBytes, cell: Cell) => void;

const double: Write = (to, cell) => to.double(cell as number);
const long: Write = (to, cell) => to.long(cell as number | bigint);

const writers: Readonly<Record<ScalarType, Write>> = {
  float32: double,
  float64: double,
  int32: long,
  int64: long,
  timestamp: long,
  bool: (to, cell) => to.bool(cell as boolean),
  string: (to, cell) => to.text(cell as string),
  bytes: (to, cell) => to.bytes(cell as Uint8Array),
};
