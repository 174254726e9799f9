import { parseType } from '../data/types.js';
import type { RunningPart } from '../parts/create-part.js';
import { warehouse } from '../ports/warehouse.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import { callContext as context } from './start-part.js';
import { aggregates } from './warehouse/aggregates.js';
import { asOfJoins } from './warehouse/as-of-joins.js';
import { files } from './warehouse/files.js';
import { warehouseFixture } from './warehouse/fixture.js';
import { keptDays } from './warehouse/kept-days.js';
import { keptTables } from './warehouse/kept-tables.js';
import { queries } from './warehouse/queries.js';
import { createTable, readAll, table } from './warehouse/tables.js';
import { values } from './warehouse/values.js';
import { withFile } from './with-file.js';

/** What every `Warehouse` promises. */
export function warehouseContract(setup: ContractSetup<RunningPart>): void {
  const { runner, make } = setup;
  runner.describe('Warehouse contract', () => {
    const fixture = warehouseFixture(setup);
    queries(fixture);
    values(fixture);
    aggregates(fixture);
    asOfJoins(fixture);
    keptTables(fixture);
    keptDays(fixture);
    files(fixture);

    const one = { sql: 'SELECT 1 AS x' };
    lifecycleContract({
      runner,
      make,
      port: warehouse,
      prepare: (started) => createTable(started, 'vivace_contract', 'SELECT 1 AS x'),
      calls: {
        describe: (started, call) => started.describe(one, call),
        source: (started, call) => started.source('vivace_contract', [{ name: 'x' }], call),
        estimate: (started, call) => started.estimate?.(one, call),
        query: (started, call) => started.query(one, call),
        keep: { open: (started, call) => started.keep(one, call), handle: {} },
        keepDays: (started, call) =>
          started.keepDays?.(
            'lifecycle',
            {
              days: [1],
              statement: { sql: `SELECT ${started.dialect.cast('1', parseType('int64'))} AS kept_day` },
            },
            call,
          ),
        keptDays: (started, call) => started.keptDays?.('lifecycle', {}, call),
        load: { open: (started, call) => started.load(table(['int32'], [[1]]), call), handle: {} },
        encode: (started, call) => started.encode?.(table(['int32'], [[1]]), 'parquet', call),
        decode: async (started, call) =>
          readAll(
            started.decode!(
              await started.encode!(table(['int32'], [[1]]), 'parquet', context()),
              'parquet',
              call,
            ),
          ),
        export: (started, call) => withFile('rows.csv', (path) => started.export(one, path, call)),
      },
    });
  });
}
