import assert from 'node:assert/strict';
import { cellAt } from '../data/column.js';
import { isVivaceError } from '../kernel/errors.js';
import type { LogFile, RowsToRemove, ServedLog } from '../ports/served-log.js';
import type { Runner } from './runner.js';
import { counted, everything, numbersIn, samples, served } from './served-log-rows.js';
import { cellsOf } from './cells-of.js';
import { callContext } from './start-part.js';

const context = callContext;

/** What every `ServedLog` promises of rows that are to go. */
export function servedLogRemoval(
  { describe, it }: Pick<Runner, 'describe' | 'it'>,
  logOf: () => ServedLog,
): void {
  describe('removes rows', () => {
    const filesOf = (): Promise<readonly LogFile[]> => logOf().files(served, {}, context());
    async function kept(...files: readonly (readonly number[])[]): Promise<readonly LogFile[]> {
      const writer = logOf().open(counted);
      for (const numbers of files) {
        writer.keep({ item: numbers, rows: numbers.length, bytes: 8 });
        await logOf().flush(context());
      }
      return filesOf();
    }
    const those = (wanted: (number: number) => boolean, dryRun = false): RowsToRemove => ({
      columns: ['x'],
      chosen: ({ columns: [column], rows }) =>
        Uint8Array.from({ length: rows }, (_, row) => (wanted(cellAt(column!, row) as number) ? 1 : 0)),
      dryRun,
    });
    const even = (number: number): boolean => number % 2 === 0;

    it('from a file, and keeps the others in their order', async () => {
      const many = Array.from({ length: 5000 }, (_, i) => i);
      const [file] = await kept(many);
      assert.deepEqual(await logOf().removeRows(file!, those(even), context()), {
        removed: 2500,
        left: 2500,
      });
      const files = await filesOf();
      assert.equal(files.length, 1);
      assert.equal(files[0]!.day, file!.day);
      assert.deepEqual(
        await numbersIn(logOf(), files),
        many.filter((number) => !even(number)),
      );
    });

    it('again from what is left, and at last the file with them', async () => {
      await kept([1, 2, 3]);
      for (const [number, left] of [
        [2, [1, 3]],
        [1, [3]],
        [3, []],
      ] as const) {
        const [file] = await filesOf();
        const { removed } = await logOf().removeRows(
          file!,
          those((each) => each === number),
          context(),
        );
        assert.equal(removed, 1);
        assert.deepEqual(await numbersIn(logOf(), await filesOf()), left);
      }
      assert.deepEqual([...(await filesOf())], []);
    });

    it('and leaves a file without such rows as it is', async () => {
      const [file] = await kept([1, 3]);
      assert.deepEqual(await logOf().removeRows(file!, those(even), context()), { removed: 0, left: 2 });
      const absent = {
        ...those(even),
        columns: ['none'],
        chosen: ({ rows }: { rows: number }) => new Uint8Array(rows),
      };
      assert.deepEqual(await logOf().removeRows(file!, absent, context()), { removed: 0, left: 2 });
      assert.deepEqual(await filesOf(), [file]);
    });

    it('or only counts them', async () => {
      const files = await kept([1, 2], [4]);
      assert.deepEqual(await logOf().removeRows(files[0]!, those(even, true), context()), {
        removed: 1,
        left: 1,
      });
      assert.deepEqual(await logOf().removeRows(files[1]!, those(even, true), context()), {
        removed: 1,
        left: 0,
      });
      assert.deepEqual(await filesOf(), files);
    });

    it('of a file with every type, and changes no value of the others', async () => {
      const writer = logOf().open(everything);
      for (const item of [samples, samples.map(() => null), samples])
        writer.keep({ item, rows: 1, bytes: 100 });
      await logOf().flush(context());
      const [file] = await logOf().files(everything, {}, context());
      let row = 0;
      const second: RowsToRemove = {
        columns: ['c_int32'],
        chosen: ({ rows, columns }) => {
          row += rows;
          return Uint8Array.from({ length: rows }, (_, at) => (cellAt(columns[0]!, at) === null ? 1 : 0));
        },
      };
      const nulls = await logOf().removeRows(file!, { ...second, dryRun: true }, context());
      assert.deepEqual([nulls.removed, row], [1, 3]);
      await logOf().removeRows(file!, { ...second, chosen: (batch) => nullsOf(batch) }, context());
      const [left] = await logOf().files(everything, {}, context());
      assert.deepEqual(await cellsOf(logOf().rows(left!, undefined, context())), [samples, samples]);
    });

    it('not of a file that is not there', async () => {
      const file: LogFile = { key: 'served/p/dt=2026-01-01/none.parquet', day: '2026-01-01', sizeBytes: 1 };
      await assert.rejects(
        logOf().removeRows(file, those(even), context()),
        (error) => isVivaceError(error) && error.code === 'NOT_FOUND',
      );
    });

    it('and lets an error of the one who chooses them through', async () => {
      const [file] = await kept([1]);
      const mine = new RangeError('mine');
      const throwing = {
        columns: ['x'],
        chosen: () => {
          throw mine;
        },
      };
      await assert.rejects(logOf().removeRows(file!, throwing, context()), (error) => error === mine);
      assert.deepEqual(await filesOf(), [file]);
    });
  });
}

/** Marks the rows whose int32 is null. */
function nullsOf({ fields, columns, rows }: Parameters<RowsToRemove['chosen']>[0]): Uint8Array {
  const column = columns[fields.findIndex(({ name }) => name === 'c_int32')]!;
  return Uint8Array.from({ length: rows }, (_, row) => (cellAt(column, row) === null ? 1 : 0));
}
