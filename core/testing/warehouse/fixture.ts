import type { Cell } from '../../data/column.js';
import type { RunningPart } from '../../parts/create-part.js';
import { warehouse, type Dialect, type Warehouse } from '../../ports/warehouse.js';
import type { ContractSetup, Runner } from '../runner.js';
import { callContext as context } from '../start-part.js';
import { readAll } from './tables.js';

/** What each subject of the contract works with. */
export interface WarehouseFixture {
  readonly runner: Runner;
  /** The part of the test, started. */
  readonly part: () => RunningPart;
  readonly lake: () => Warehouse;
  readonly sql: () => Dialect;
  /** The rows that a query gives. */
  readonly answer: (text: string) => Promise<Cell[][]>;
  /** The value of an expression, of the one row of `from` (its name is `s`) where it is given. */
  readonly value: (expression: string, from?: string) => Promise<Cell>;
}

/** The fixture of a suite that is being described: it starts a part before each test, and stops it after. */
export function warehouseFixture({ runner, make }: ContractSetup<RunningPart>): WarehouseFixture {
  let part: RunningPart;
  let lake: Warehouse;
  runner.beforeEach(async () => {
    part = await make();
    await part.start(context());
    lake = part.face(warehouse);
  });
  runner.afterEach(() => part.stop());

  const answer = async (text: string): Promise<Cell[][]> =>
    (await readAll(lake.query({ sql: text }, context()))).rows;
  return {
    runner,
    part: () => part,
    lake: () => lake,
    sql: () => lake.dialect,
    answer,
    value: async (expression, from) =>
      (
        await answer(`SELECT ${expression} AS x${from === undefined ? '' : ` FROM ${from} AS s`}`)
      )[0]![0] as Cell,
  };
}
