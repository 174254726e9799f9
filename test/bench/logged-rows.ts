import { DuckDBInstance } from '@duckdb/node-api';

/** How many rows the files of a pipeline's log have, below a directory. */
export async function rowsOf(directory: string, pipeline: string): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const sql = `SELECT COUNT(*) FROM read_parquet('${directory}/served/${pipeline}/*/*.parquet')`;
    const [[rows]] = (await connection.runAndReadAll(sql)).getRows() as [[bigint]];
    return Number(rows);
  } finally {
    connection.disconnectSync();
    instance.closeSync();
  }
}
