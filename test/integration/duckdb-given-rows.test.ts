import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  cellAt,
  columnOf,
  fieldsOf,
  parseType,
  warehouse,
  type Cell,
  type Column,
  type RowBatch,
  type Warehouse,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { callContext, startPart, type TestPart } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { root } from '../support/repository.js';

describe('Rows that are given to DuckDB', () => {
  let part: TestPart;
  let lake: Warehouse;
  before(async () => {
    part = await startPart(duckdb, { threads: 2 });
    lake = part.face(warehouse);
  });
  after(() => part.stop());

  const batchOf = (name: string, column: Column): RowBatch => ({
    fields: [{ name, type: column.type }],
    rows: column.rows,
    columns: [column],
  });
  const cellsOf = async (batch: RowBatch): Promise<Cell[]> => {
    await using table = await lake.load({ fields: batch.fields, batches: [batch] }, callContext());
    const cells: Cell[] = [];
    for await (const { rows, columns } of lake.query({ sql: `SELECT * FROM ${table.name}` }, callContext()))
      for (let row = 0; row < rows; row++) cells.push(cellAt(columns[0]!, row));
    return cells;
  };

  it('may fail while those before are loaded: nothing else does, and no table is left', async function () {
    this.timeout(60_000);
    const fields = fieldsOf({ x: 'float64' });
    const column = columnOf(fields[0]!.type, new Array<number>(65_536).fill(1));
    for (let ms = 0; ms < 12; ms++) {
      async function* failing(): AsyncGenerator<RowBatch> {
        for (let i = 0; i < 4; i++) yield { fields, rows: column.rows, columns: [column] };
        await pause(ms);
        throw new Error('no more rows');
      }
      expect(await failureOf(lake.load({ fields, batches: failing() }, callContext()))).to.match(
        /no more rows/,
      );
      expect(await cellsOf(batchOf('x', columnOf(fields[0]!.type, [1, null])))).to.deep.equal([1, null]);
    }
  });

  it('keep texts that no enumeration can have, and long ones', async () => {
    const long = 'x'.repeat(20_000);
    const texts = ['a\0b', 'a\0c', '\ud800', '\ud801', long, `${long}y`, '', null, 'a\0b'];
    const cells = await cellsOf(batchOf('t', columnOf(parseType('string'), texts)));
    // A surrogate alone is not a text of UTF-8.
    expect(cells).to.deep.equal(texts.map((text) => (text?.length === 1 ? '\ufffd' : text)));
    const lists = [[long], [`${long}y`], null, ['a\0b'], []];
    expect(await cellsOf(batchOf('l', columnOf(parseType('list<string>'), lists)))).to.deep.equal(lists);
  });

  it('make a null of a timestamp that is not a number', async () => {
    const type = parseType('timestamp');
    const column = { type, rows: 3, values: Float64Array.of(1, NaN, -5) };
    expect(await cellsOf(batchOf('t', column))).to.deep.equal([1, null, -5]);
  });

  it('may be views, and in memory that threads share', async () => {
    const type = parseType('float64');
    const shared = new Float64Array(new SharedArrayBuffer(32)).subarray(1, 3);
    shared.set([1.5, 2.5]);
    expect(await cellsOf(batchOf('x', { type, rows: 2, values: shared }))).to.deep.equal([1.5, 2.5]);
    const view = Float64Array.of(0, 1.5, 2.5).subarray(1);
    expect(await cellsOf(batchOf('x', { type, rows: 2, values: view }))).to.deep.equal([1.5, 2.5]);
  });

  it('are refused where they are not of the types that they say', async () => {
    const int64 = parseType('int64');
    const wrong = [
      { type: int64, rows: 1, values: Int32Array.of(1) },
      { type: parseType('int32'), rows: 1, values: Float64Array.of(1) },
    ];
    for (const column of wrong)
      expect(await failureOf(cellsOf(batchOf('x', column)))).to.match(
        /INVALID_ARGUMENT .*no int\d+ for column "x"/,
      );
    const fields = fieldsOf({ x: 'int64' });
    const columns = [columnOf(parseType('int32'), [1])];
    const rows = { fields, batches: [{ fields, rows: 1, columns }] };
    expect(await failureOf(lake.encode!(rows, 'parquet', callContext()))).to.match(/no int64 for column "x"/);
  });

  for (const how of ['exit', 'throw']) {
    it(`do not keep a process from ending that ends in the middle: ${how}`, async () => {
      const program = join(root, 'dist/test/fixtures/exits-while-encoding.js');
      const child = spawn(process.execPath, [program, how], { stdio: ['ignore', 'pipe', 'pipe'] });
      let told = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (text: Buffer) => (told += text.toString()));
      await once(child, 'close');
      expect(told).to.include('leaves').and.to.include('stop the server before');
      expect(child.signalCode).to.equal('SIGKILL');
    });
  }
});
