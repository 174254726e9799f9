import { expect } from 'chai';
import {
  blobStore,
  cellAt,
  columnOf,
  fieldsOf,
  servedLog as port,
  VivaceError,
  warehouse,
  type BlobStore,
  type LogSource,
  type RowsToRemove,
  type ServedLog,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { servedLog } from 'vivace/plugins/served-log';
import { callContext, startPart, type TestPart } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { loggedRows, writingBy } from '../support/served-log.js';

const source: LogSource = { kind: 'pushed', name: 'v' };
const fields = fieldsOf({ x: 'int32' });

/** A blob store whose process is killed before its n-th change: nothing of it is answered any more. */
function dyingAfter(changes: number, blobs: BlobStore): BlobStore & { readonly done: () => number } {
  let done = 0;
  const alive = (): void => {
    if (done > changes) throw new VivaceError('INTERNAL', 'killed');
  };
  const change = <T>(work: () => Promise<T>): Promise<T> => {
    if (++done > changes) throw new VivaceError('INTERNAL', 'killed');
    return work();
  };
  return {
    done: () => done,
    head: async (...args) => (alive(), blobs.head(...args)),
    read: (...args) => (alive(), blobs.read(...args)),
    list: async (...args) => (alive(), blobs.list(...args)),
    write: async (...args) => change(() => blobs.write(...args)),
    delete: async (...args) => change(() => blobs.delete(...args)),
  };
}

describe('Rows that are removed from a log', function () {
  this.timeout(60_000);
  let engine: TestPart;
  let store: TestPart;
  const parts: TestPart[] = [];
  before(async () => (engine = await startPart(duckdb, { threads: 1 })));
  after(() => engine.stop());
  beforeEach(async () => (store = await startPart(memory)));
  afterEach(async () => {
    for (const part of parts.splice(0)) await part.stop();
    await store.stop();
  });
  async function logOver(blobs: BlobStore = store.face(blobStore)): Promise<ServedLog> {
    const uses = { blobs, encode: engine.face(warehouse) };
    const part = await startPart(servedLog, { appendMs: 1 }, { uses });
    parts.push(part);
    return part.face(port);
  }
  async function filled(...files: readonly (readonly number[])[]): Promise<void> {
    const log = await logOver();
    for (const numbers of files) {
      const columns = [columnOf(fields[0]!.type, numbers)];
      await log.append(source, { fields, rows: numbers.length, columns }, callContext());
    }
  }
  const those = (gone: readonly number[]): RowsToRemove => ({
    columns: ['x'],
    chosen: ({ columns: [column], rows }) =>
      Uint8Array.from({ length: rows }, (_, row) => (gone.includes(cellAt(column!, row) as number) ? 1 : 0)),
  });
  async function remove(log: ServedLog, gone: readonly number[]): Promise<void> {
    for (const file of await log.files(source, {}, callContext()))
      await log.removeRows(file, those(gone), callContext());
  }
  const found = async (log: ServedLog): Promise<number[]> =>
    (await loggedRows(log, 'v', { kind: 'pushed' })).map(({ x }) => x as number).sort((a, b) => a - b);
  const keys = async (): Promise<string[]> =>
    (await store.face(blobStore).list('', callContext())).blobs.map(({ key }) => key.replace(/.*\//, ''));

  it('are gone after a kill at any change and one more run, and every other row is there once at every time', async () => {
    const [first, second] = [
      [2, 5, 6],
      [1, 8],
    ];
    let changes = 0;
    for (let isDone = false; !isDone; changes++) {
      const blobs = store.face(blobStore);
      for (const { key } of (await blobs.list('', callContext())).blobs)
        await blobs.delete(key, callContext());
      await filled([1, 2, 3], [5, 6], [7, 8]);
      const dying = dyingAfter(changes, blobs);
      const log = await logOver(dying);
      isDone = await remove(log, first)
        .then(() => remove(log, second))
        .then(
          () => true,
          () => false,
        );
      const after = await logOver();
      const left = await found(after);
      const gone = [...first, ...second];
      expect(
        left.filter((each) => !gone.includes(each)),
        `after ${changes} changes`,
      ).to.deep.equal([3, 7]);
      expect(new Set(left).size, `after ${changes} changes`).to.equal(left.length);
      await remove(after, gone);
      expect(await found(after)).to.deep.equal([3, 7]);
      expect(await keys(), 'what is in the way is gone too').to.have.lengthOf(2);
    }
    // Three files, of which one goes and two are written anew, and then one of these and another.
    expect(changes).to.be.above(8);
  });

  it('are removed from a file that goes on losing rows: its names count up', async () => {
    await filled([1, 2, 3, 4]);
    const log = await logOver();
    const names: string[] = [];
    for (const number of [1, 2, 3]) {
      await remove(log, [number]);
      names.push(...(await keys()).map((key) => key.replace(/^.*-000000/, '')));
    }
    expect(names).to.deep.equal(['.r1.parquet', '.r2.parquet', '.r3.parquet']);
    expect(await found(log)).to.deep.equal([4]);
  });

  it('are not removed where another run does it at the same time, and the file stays', async () => {
    await filled([1, 2, 3]);
    const log = await logOver();
    const [file] = await log.files(source, {}, callContext());
    await store
      .face(blobStore)
      .write(file!.key.replace('.parquet', '.r1.parquet'), Buffer.from('other'), callContext());
    expect(await failureOf(log.removeRows(file!, those([1]), callContext()))).to.match(
      /^ABORTED .*\.r1\.parquet was written by another deletion: run this one again$/,
    );
    expect(await keys()).to.have.lengthOf(2);
  });

  it('are removed where the answer of a write was lost', async () => {
    await filled([1, 2, 3]);
    const given = store.face(blobStore);
    const log = await logOver(
      writingBy(given, async (...args) => {
        await given.write(...args);
        return false;
      }),
    );
    await remove(log, [1]);
    expect(await found(log)).to.deep.equal([2, 3]);
  });

  it('stay where the file is broken, which is named', async () => {
    await filled([1, 2]);
    const log = await logOver();
    const [file] = await log.files(source, {}, callContext());
    await store.face(blobStore).write(file!.key, Buffer.from('PAR1'), callContext());
    expect(await failureOf(log.removeRows(file!, those([1]), callContext()))).to.match(
      new RegExp(`^DATA_LOSS .*${file!.key}: `),
    );
    expect(await keys()).to.have.lengthOf(1);
  });
});
