import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { cellAt, type Cell, type ColumnType, type ScalarType } from 'vivace';
import { same, writeValid, type ColumnWriter, type Engine, type Sdk } from './column-writer.js';
import { ListsOfTexts, Texts } from './write-texts.js';

export function columnWriter(engine: Engine, type: ColumnType): ColumnWriter {
  const { kind, element } = type;
  if (element === 'string' && kind === 'scalar') return new Texts(engine);
  if (element === 'string' && kind === 'list') return new ListsOfTexts(engine, cellWriter(engine, type));
  if (kind !== 'scalar' || element === 'bytes' || element === 'string') return cellWriter(engine, type);
  const { memory } = engine;
  return {
    ...numberTypes(engine.sdk)[element],
    write(chunk, index, { column, from, rows }) {
      memory.numbers(chunk, index, (column.values as Float64Array).subarray(from, from + rows));
      writeValid(memory, chunk, index, { column, from, rows });
    },
  };
}

/** Numbers that the engine takes as the arrays of columns hold them. */
function numberTypes(
  sdk: Sdk,
): Record<Exclude<ScalarType, 'string' | 'bytes'>, { type: DuckDBType; as: (given: string) => string }> {
  return {
    float32: { type: sdk.FLOAT, as: same },
    float64: { type: sdk.DOUBLE, as: same },
    int32: { type: sdk.INTEGER, as: same },
    int64: { type: sdk.BIGINT, as: same },
    bool: { type: sdk.UTINYINT, as: (given) => `CAST(${given} AS BOOLEAN)` },
    timestamp: {
      type: sdk.DOUBLE,
      as: (given) => `CASE WHEN isfinite(${given}) THEN make_timestamp(CAST(${given} AS BIGINT)) END`,
    },
  };
}

/** Cell by cell: lists, vectors and bytes. */
function cellWriter({ sdk }: Engine, type: ColumnType): ColumnWriter {
  return {
    type: duckdbType(sdk, type),
    as: same,
    write(chunk, index, { column, from, rows }) {
      const cells = Array.from({ length: rows }, (_, row) => valueOf(sdk, type, cellAt(column, from + row)));
      chunk.setColumnValues(index, cells);
    },
  };
}

function duckdbType(sdk: Sdk, { kind, element, width }: ColumnType): DuckDBType {
  const scalars: Record<ScalarType, DuckDBType> = {
    float32: sdk.FLOAT,
    float64: sdk.DOUBLE,
    int32: sdk.INTEGER,
    int64: sdk.BIGINT,
    bool: sdk.BOOLEAN,
    string: sdk.VARCHAR,
    timestamp: sdk.TIMESTAMP,
    bytes: sdk.BLOB,
  };
  if (kind === 'list') return sdk.LIST(scalars[element]);
  return kind === 'vector' ? sdk.ARRAY(scalars[element], width) : scalars[element];
}

function valueOf(sdk: Sdk, type: ColumnType, cell: Cell): DuckDBValue {
  if (cell === null) return null;
  if (type.kind !== 'scalar') {
    const items = (cell as readonly Cell[]).map((item) => valueOf(sdk, { ...type, kind: 'scalar' }, item));
    return type.kind === 'list' ? sdk.listValue(items) : sdk.arrayValue(items);
  }
  if (type.element === 'timestamp') return new sdk.DuckDBTimestampValue(BigInt(cell as number));
  if (type.element === 'bytes') return new sdk.DuckDBBlobValue(cell as Uint8Array);
  return cell as DuckDBValue;
}
