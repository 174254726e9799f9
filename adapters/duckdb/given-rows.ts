import type {
  DuckDBConnection,
  DuckDBTableFunctionBindInfo,
  DuckDBTableFunctionInfo,
  DuckDBDataChunk,
  DuckDBInstance,
  DuckDBType,
  DuckDBValue,
} from '@duckdb/node-api';
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { isValuesOf, messageOf, VivaceError, type Field, type RowBatch } from 'vivace';
import { duckdbDialect } from './dialect.js';
import { VectorMemory } from './vector-memory.js';
import type { ColumnWriter, Sdk } from './column-writer.js';
import { columnWriter } from './write-columns.js';

/** Rows of one chunk: the engine's own vector size. */
const chunkRows = 2048;

/** Rows that a query reads. */
interface Given {
  readonly writers: readonly ColumnWriter[];
  readonly batches: readonly RowBatch[];
  readonly rows: number;
}

/** Where the next chunk begins. */
interface Place {
  batch: number;
  row: number;
}

// Keys: instances of the engine.
const known = new WeakMap<DuckDBInstance, GivenRows>();

/**
 * Rows of this process as a table function: the engine asks for them chunk by chunk while its query runs, so that no table has to be filled first. The event loop
 * stands for one chunk at a time.
 */
export class GivenRows {
  readonly #sdk: Sdk;
  readonly #memory = new VectorMemory();
  readonly #function = `vivace_rows_${randomUUID().replaceAll('-', '')}`;
  /** Keys: numbers of queries that run. */
  readonly #given = new Map<number, Given>();
  #queries = 0;

  private constructor(sdk: Sdk) {
    this.#sdk = sdk;
  }

  /** The one of an instance of the engine, which cannot forget it. */
  static of(
    instance: DuckDBInstance,
    { sdk, connection }: { readonly sdk: Sdk; readonly connection: DuckDBConnection },
  ): GivenRows {
    let rows = known.get(instance);
    if (rows === undefined) {
      known.set(instance, (rows = new GivenRows(sdk)));
      rows.#register(connection);
    }
    return rows;
  }

  #register(connection: DuckDBConnection): void {
    connection.registerTableFunction(
      this.#sdk.DuckDBTableFunction.create({
        name: this.#function,
        parameterTypes: [this.#sdk.INTEGER],
        bindFunction: (info) => this.#bind(info),
        initFunction: (info) => info.setInitData({ batch: 0, row: 0 } satisfies Place),
        mainFunction: (info, chunk) => this.#next(info, chunk),
      }),
    );
  }

  /**
   * Runs a query over rows, in their order.
   *
   * @param query The query, of the SELECT that gives the rows with the types of their fields.
   */
  async run(
    connection: DuckDBConnection,
    { fields, batches }: { readonly fields: readonly Field[]; readonly batches: readonly RowBatch[] },
    query: (select: string) => string,
  ): Promise<void> {
    const id = ++this.#queries;
    for (const batch of batches) checkColumns(fields, batch);
    const writers = fields.map(({ type }) => columnWriter({ sdk: this.#sdk, memory: this.#memory }, type));
    const looking = writers.flatMap((writer, i) => (writer.look === undefined ? [] : [i]));
    for (const { columns } of looking.length === 0 ? [] : batches) {
      for (const i of looking) writers[i]!.look!(columns[i]!);
      await turn();
    }
    const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
    const parameters: Record<string, DuckDBValue> = {};
    const types: Record<string, DuckDBType> = {};
    const selected = fields.map(({ name }, i) => {
      const { dictionary, as } = writers[i]!;
      if (dictionary !== undefined) {
        parameters[`d${i}`] = dictionary.value;
        types[`d${i}`] = dictionary.type;
      }
      return `${as(`c${i}`, `$d${i}`)} AS ${duckdbDialect.identifier(name)}`;
    });
    if (this.#given.size === 0) process.on('exit', endWithoutRows);
    this.#given.set(id, { writers, batches, rows });
    try {
      await connection.run(
        query(`SELECT ${selected.join(', ')} FROM ${this.#function}(${id})`),
        parameters,
        types,
      );
    } finally {
      this.#given.delete(id);
      if (this.#given.size === 0) process.off('exit', endWithoutRows);
    }
  }

  #of(info: DuckDBTableFunctionInfo): Given {
    return info.bindData as Given;
  }

  #bind(info: DuckDBTableFunctionBindInfo): void {
    const given = this.#given.get(info.getParameter(0) as number);
    if (given === undefined) return info.setError('there are no such rows');
    given.writers.forEach(({ type }, i) => info.addResultColumn(`c${i}`, type));
    info.setBindData(given);
    info.setCardinality(given.rows, true);
  }

  #next(info: DuckDBTableFunctionInfo, chunk: DuckDBDataChunk): void {
    try {
      const { writers, batches } = this.#of(info);
      const place = info.initData as Place;
      while (place.batch < batches.length && place.row === batches[place.batch]!.rows) {
        place.batch++;
        place.row = 0;
      }
      const batch = batches[place.batch];
      const from = place.row;
      const rows = batch === undefined ? 0 : Math.min(chunkRows, batch.rows - from);
      chunk.rowCount = rows;
      if (rows === 0) return;
      writers.forEach((writer, i) => writer.write(chunk, i, { column: batch!.columns[i]!, from, rows }));
      place.row += rows;
    } catch (error) {
      info.setError(messageOf(error));
    }
  }
}

/**
 * Ends the process at once. It exits though nobody has stopped the part; the engine's thread waits for rows, which do not come any more, and the exit would wait
 * for that thread for ever.
 */
function endWithoutRows(): void {
  process.stderr.write('the process exits while rows are handed to DuckDB: stop the server before\n');
  process.kill(process.pid, 'SIGKILL');
}

/** Bytes are copied as they are: they must be those of the type. */
function checkColumns(fields: readonly Field[], { columns }: RowBatch): void {
  fields.forEach(({ name, type }, i) => {
    const column = columns[i];
    if (column?.type.name === type.name && isValuesOf(type.element, column.values)) return;
    throw new VivaceError('INVALID_ARGUMENT', `the rows have no ${type.name} for column "${name}"`);
  });
}
