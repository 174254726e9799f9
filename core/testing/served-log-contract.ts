import assert from 'node:assert/strict';
import { fieldsOf } from '../data/feature-rows.js';
import { isVivaceError } from '../kernel/errors.js';
import { instantOfUtcText } from '../kernel/time.js';
import type { RunningPart } from '../parts/create-part.js';
import {
  servedLog,
  type LogFile,
  type LogSource,
  type LogStream,
  type ServedLog,
} from '../ports/served-log.js';
import { lifecycleContract } from './lifecycle-contract.js';
import type { ContractSetup } from './runner.js';
import {
  collected,
  bytesOf,
  counted,
  everything,
  numbers,
  numbersIn,
  samples,
  served,
} from './served-log-rows.js';
import { servedLogRemoval } from './served-log-removal.js';
import { batchOf, cellsOf } from './cells-of.js';
import { callContext } from './start-part.js';

const context = callContext;

/** What every `ServedLog` promises. */
export function servedLogContract({ runner, make }: ContractSetup<RunningPart>): void {
  const { describe, it, beforeEach, afterEach } = runner;
  describe('ServedLog contract', () => {
    let part: RunningPart;
    let log: ServedLog;
    beforeEach(async () => {
      part = await make();
      await part.start(context());
      log = part.face(servedLog);
    });
    afterEach(() => part.stop());

    const filesOf = (source: LogSource = served): Promise<readonly LogFile[]> =>
      log.files(source, {}, context());

    it('has no files at first', async () => {
      assert.deepEqual([...(await filesOf())], []);
      await log.flush(context());
      assert.deepEqual([...(await filesOf())], []);
    });

    it('gives back what was kept, once it is flushed: every type, and nulls', async () => {
      const writer = log.open(everything);
      assert.equal(writer.keep({ item: samples, rows: 1, bytes: 100 }), true);
      assert.equal(writer.keep({ item: samples.map(() => null), rows: 1, bytes: 100 }), true);
      assert.deepEqual([...(await filesOf(everything))], []);
      await log.flush(context());
      const [file, ...more] = await filesOf(everything);
      assert.equal(more.length, 0);
      const rows = await cellsOf(log.rows(file!, undefined, context()));
      assert.deepEqual(rows, [samples, samples.map(() => null)]);
    });

    it('makes the rows of an item when it keeps it', async () => {
      const item = [1];
      log.open(counted).keep({ item, rows: 1, bytes: 8 });
      item[0] = 2;
      await log.flush(context());
      assert.deepEqual(await numbersIn(log, await filesOf()), [1]);
    });

    it('drops an item whose rows cannot be made, and keeps the others', async () => {
      const stream: LogStream<readonly number[]> = {
        ...counted,
        begin: () =>
          collected(([numbersOf]) => {
            if (numbersOf!.length === 0) throw new Error('no numbers');
            return batchOf(
              numbers,
              numbersOf!.map((number) => [number]),
            );
          }),
      };
      const writer = log.open(stream);
      const kept = [[], [1], [], [2]].map((item) => writer.keep({ item, rows: item.length, bytes: 8 }));
      assert.deepEqual(kept, [false, true, false, true]);
      await log.flush(context());
      assert.deepEqual(await numbersIn(log, await filesOf()), [1, 2]);
    });

    it('keeps the order of items, also of many, each with several rows', async () => {
      const writer = log.open(counted);
      for (let i = 0; i < 3000; i++) writer.keep({ item: [3 * i, 3 * i + 1, 3 * i + 2], rows: 3, bytes: 24 });
      await log.flush(context());
      const found = await numbersIn(log, await filesOf());
      assert.deepEqual(
        found,
        Array.from({ length: 9000 }, (_, i) => i),
      );
    });

    it('writes what comes after a flush to a file of its own, and changes none', async () => {
      const writer = log.open(counted);
      writer.keep({ item: [1], rows: 1, bytes: 8 });
      await log.flush(context());
      const [first] = await filesOf();
      const before = await bytesOf(log.content(first!, context()));
      writer.keep({ item: [2], rows: 1, bytes: 8 });
      await log.flush(context());
      const files = await filesOf();
      assert.equal(files.length, 2);
      assert.ok(files.some(({ key }) => key === first!.key));
      assert.deepEqual(await bytesOf(log.content(first!, context())), before);
      assert.equal(before.length, first!.sizeBytes);
      assert.deepEqual((await numbersIn(log, files)).sort(), [1, 2]);
    });

    it('keeps sources apart, and has a file under its day', async () => {
      log.open(counted).keep({ item: [1], rows: 1, bytes: 8 });
      log.open({ ...counted, name: 'other' }).keep({ item: [2], rows: 1, bytes: 8 });
      await log.flush(context());
      const [file, ...more] = await filesOf();
      assert.equal(more.length, 0);
      assert.match(file!.key, new RegExp(`served/p/dt=${file!.day}/[^/]+\\.parquet$`));
      assert.notEqual(instantOfUtcText(file!.day), undefined);
      assert.deepEqual(await numbersIn(log, await filesOf({ kind: 'served', name: 'other' })), [2]);
      assert.deepEqual([...(await filesOf({ kind: 'pushed', name: 'p' }))], []);
    });

    it('gives the files of some days', async () => {
      log.open(counted).keep({ item: [1], rows: 1, bytes: 8 });
      await log.flush(context());
      const [{ day }] = (await filesOf()) as [LogFile];
      const between = async (from?: string, to?: string): Promise<number> => {
        const days = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
        return (await log.files(served, days, context())).length;
      };
      assert.deepEqual(
        [await between(day, day), await between(day), await between(undefined, day)],
        [1, 1, 1],
      );
      assert.deepEqual([await between('9999-01-01'), await between(undefined, '1999-01-01')], [0, 0]);
    });

    it('reads some columns, and leaves out those that a file lacks', async () => {
      log.open(everything).keep({ item: samples, rows: 1, bytes: 100 });
      await log.flush(context());
      const [file] = await filesOf(everything);
      const names: string[] = [];
      const wanted = ['c_string', 'no_such_column', 'c_int32'];
      for await (const batch of log.rows(file!, wanted, context()))
        names.push(...batch.fields.map(({ name }) => name));
      assert.deepEqual(names, ['c_string', 'c_int32']);
    });

    it('has stored what was appended when it answers, also to many at once', async () => {
      const source: LogSource = { kind: 'pushed', name: 'v' };
      await log.append(source, batchOf(numbers, []), context());
      assert.deepEqual([...(await filesOf(source))], []);
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => log.append(source, batchOf(numbers, [[i]]), context())),
      );
      const found = await numbersIn(log, await filesOf(source));
      assert.deepEqual(
        found.sort((a, b) => a - b),
        Array.from({ length: 20 }, (_, i) => i),
      );
    });

    it('appends rows of other fields to a file of their own', async () => {
      const source: LogSource = { kind: 'pushed', name: 'v' };
      const texts = fieldsOf({ x: 'string' });
      await Promise.all([
        log.append(source, batchOf(numbers, [[1]]), context()),
        log.append(source, batchOf(texts, [['a']]), context()),
      ]);
      const files = await filesOf(source);
      assert.equal(files.length, 2);
      const cells = await Promise.all(files.map((file) => cellsOf(log.rows(file, undefined, context()))));
      assert.deepEqual(cells.flat(2).map(String).sort(), ['1', 'a']);
    });

    it('keeps nothing before it has started and after it has stopped, and says so', async () => {
      const other = await make();
      await other.start(context());
      const writer = other.face(servedLog).open(counted);
      writer.keep({ item: [1], rows: 1, bytes: 8 });
      await other.stop();
      assert.equal(writer.keep({ item: [2], rows: 1, bytes: 8 }), false);
    });

    it('says which file is not there', async () => {
      const file: LogFile = { key: 'served/p/dt=2026-01-01/none.parquet', day: '2026-01-01', sizeBytes: 1 };
      await assert.rejects(
        cellsOf(log.rows(file, undefined, context())),
        (error) =>
          isVivaceError(error) && error.code === 'NOT_FOUND' && error.message.includes('none.parquet'),
      );
    });

    servedLogRemoval(runner, () => log);

    lifecycleContract({
      runner,
      make,
      port: servedLog,
      calls: {
        open: {
          open: (started) => started.open(counted),
          handle: { keep: (writer) => writer.keep({ item: [1], rows: 1, bytes: 8 }) },
        },
        append: (started, call) => started.append(served, batchOf(numbers, [[1]]), call),
        flush: (started, call) => started.flush(call),
        files: (started, call) => started.files(served, {}, call),
        content: async (started, call) => {
          const [file] = await started.files(served, {}, call);
          return bytesOf(started.content(file!, call));
        },
        removeRows: async (started, call) => {
          const [file] = await started.files(served, {}, call);
          return started.removeRows(
            file!,
            { columns: ['x'], chosen: ({ rows }) => new Uint8Array(rows) },
            call,
          );
        },
        rows: async (started, call) => {
          const [file] = await started.files(served, {}, call);
          return cellsOf(started.rows(file!, undefined, call));
        },
      },
      prepare: (started) => started.append(served, batchOf(numbers, [[7]]), context()),
    });
  });
}
