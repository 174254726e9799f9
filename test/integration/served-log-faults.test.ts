import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  blobStore,
  columnOf,
  fieldsOf,
  servedLog as port,
  VivaceError,
  warehouse,
  type BlobStore,
  type LogRecord,
  type LogStream,
  type LogWriter,
  type RowBatch,
  type ServedLog,
  type Warehouse,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { servedLog } from 'vivace/plugins/served-log';
import { callContext, faulty, makePart, startPart, type TestPart } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { loggedRows } from '../support/served-log.js';
import { until } from '../support/until.js';

const fields = fieldsOf({ x: 'int32' });
const rowsOf = (items: readonly number[]): RowBatch => ({
  fields,
  rows: items.length,
  columns: [columnOf(fields[0]!.type, items)],
});
const stream: LogStream<number> = {
  kind: 'served',
  name: 'p',
  fields,
  begin() {
    const items: number[] = [];
    return { add: (item) => void items.push(item), batches: () => [rowsOf(items)] };
  },
};
const kept = (writer: LogWriter<number>, from: number, to: number): boolean[] =>
  Array.from({ length: to - from }, (_, i) => writer.keep({ item: from + i, rows: 1, bytes: 1000 }));

describe('A log whose surroundings fail', () => {
  let engine: TestPart;
  let store: TestPart;
  let part: TestPart | undefined;
  const records: LogRecord[] = [];
  before(async () => (engine = await startPart(duckdb, { threads: 1 })));
  after(() => engine.stop());
  beforeEach(async () => {
    records.length = 0;
    store = await startPart(memory);
  });
  afterEach(async () => {
    await part?.stop();
    await store.stop();
  });

  async function started(
    options: object,
    {
      blobs = store.face(blobStore),
      encode = engine.face(warehouse),
    }: { blobs?: BlobStore; encode?: Warehouse } = {},
  ): Promise<{ log: ServedLog; writer: LogWriter<number> }> {
    part = makePart(
      servedLog,
      { retryMs: 10, ...options },
      {
        uses: { blobs, encode },
        onLog: (record) => void records.push(record),
      },
    );
    await part.start(callContext());
    const log = part.face(port);
    return { log, writer: log.open(stream) };
  }
  const found = async (log: ServedLog): Promise<number[]> =>
    (await loggedRows(log, 'p')).map(({ x }) => x as number).sort((a, b) => a - b);
  const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const messages = (level: string): string[] =>
    records.filter((record) => record.level === level).map(({ message }) => message);

  it('drops what there is no room for, one by one, and keeps the rest', async () => {
    const { log, writer } = await started({ maxBytes: 10_000 });
    expect(kept(writer, 0, 12).filter((ok) => ok)).to.have.lengthOf(10);
    await log.flush(callContext());
    // There is room again.
    expect(kept(writer, 10, 15)).to.deep.equal([true, true, true, true, true]);
    await log.flush(callContext());
    expect(await found(log)).to.deep.equal(numbers(15));
  });

  it('writes a file as soon as it is large enough, and another one after a while', async () => {
    const { log, writer } = await started({ flushBytes: 5000, flushMs: 50 });
    kept(writer, 0, 7);
    await until(async () => (await found(log)).length === 7);
    expect(await log.files(stream, {}, callContext())).to.have.lengthOf(2);
  });

  it('tries again while its store is away, holds no more than it may, and loses nothing that it kept', async () => {
    const plan = { failures: Infinity, operations: ['write'] };
    const blobs = faulty(store.face(blobStore), plan);
    const { log, writer } = await started({ flushBytes: 2000, maxBytes: 20_000 }, { blobs });
    const offered = kept(writer, 0, 30);
    expect(offered.filter((ok) => ok)).to.have.lengthOf(20);
    await until(async () => (blobs.calls['write'] ?? 0) > 15);
    expect(await failureOf(log.flush(callContext()))).to.match(/UNAVAILABLE/);
    expect(await found(log)).to.deep.equal([]);
    plan.failures = 0;
    await until(async () => (await found(log)).length >= 20);
    expect(await found(log)).to.deep.equal(numbers(20));
    expect(messages('warn').filter((message) => message.includes('tried again'))).to.not.be.empty;
  });

  it('writes what it holds when it stops', async () => {
    const { writer } = await started({});
    kept(writer, 0, 5);
    await part!.stop();
    const { log } = await started({});
    expect(await found(log)).to.deep.equal(numbers(5));
  });

  it('stops in time where its store is away, and says how many requests are lost', async () => {
    const blobs = faulty(store.face(blobStore), { failures: Infinity, operations: ['write'] });
    const { writer } = await started({ stopMs: 100 }, { blobs });
    kept(writer, 0, 5);
    await part!.stop();
    const [lost] = records.filter(({ level }) => level === 'error');
    expect(lost!.message).to.include('could not be written before');
    expect(lost!.fields).to.deep.equal({ requests: 5 });
  });

  it('refuses what is pushed once it stops, and says that it does', async () => {
    const blobs = faulty(store.face(blobStore), { failures: Infinity, operations: ['write'] });
    const { log, writer } = await started({ stopMs: 100 }, { blobs });
    kept(writer, 0, 1);
    const stopping = part!.stop();
    const rows = { fields, rows: 1, columns: [columnOf(fields[0]!.type, [1])] };
    expect(await failureOf(log.append({ kind: 'pushed', name: 'p' }, rows, callContext()))).to.match(
      /UNAVAILABLE.*stopping/,
    );
    await stopping;
  });

  it('stops in time where its store never answers', async () => {
    const blobs = faulty(store.face(blobStore), { delayMs: 3_600_000, operations: ['write'] });
    const { writer } = await started({ stopMs: 100, flushBytes: 1 }, { blobs });
    kept(writer, 0, 3);
    await sleep(20);
    await part!.stop();
    expect(messages('error')).to.have.lengthOf(1);
  });

  it('has one file where the answer of a write was lost', async () => {
    const inner = store.face(blobStore);
    let lost = 0;
    const blobs: BlobStore = {
      ...inner,
      async write(...args) {
        const written = await inner.write(...args);
        if (lost++ === 0) throw new VivaceError('UNAVAILABLE', 'the connection broke');
        return written;
      },
    };
    const { log, writer } = await started({}, { blobs });
    kept(writer, 0, 3);
    await failureOf(log.flush(callContext()));
    await log.flush(callContext());
    expect(await log.files(stream, {}, callContext())).to.have.lengthOf(1);
    expect(await found(log)).to.deep.equal(numbers(3));
    expect(lost).to.equal(2);
  });

  it('never writes over a file of the same name', async () => {
    const inner = store.face(blobStore);
    let foreign: string | undefined;
    const blobs: BlobStore = {
      ...inner,
      async write(key, content, context, condition) {
        if (foreign === undefined) {
          foreign = key;
          await inner.write(key, Buffer.from('of somebody else'), context);
        }
        return inner.write(key, content, context, condition);
      },
    };
    const { log, writer } = await started({}, { blobs });
    kept(writer, 0, 3);
    await log.flush(callContext());
    const chunks: Uint8Array[] = [];
    for await (const chunk of inner.read(foreign!, callContext())) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).to.equal('of somebody else');
    expect(await log.files(stream, {}, callContext())).to.have.lengthOf(2);
  });

  it('drops rows that cannot be encoded after some attempts, and goes on with others', async () => {
    const { log } = await started({});
    const broken = log.open<number>({
      ...stream,
      name: 'broken',
      begin: () => ({
        add: () => undefined,
        batches: () => {
          throw new Error('no such rows');
        },
      }),
    });
    kept(broken, 0, 2);
    kept(log.open(stream), 0, 3);
    expect(await failureOf(log.flush(callContext()))).to.match(/no such rows/);
    await until(async () => (await found(log)).length === 3 && messages('error').length === 1);
    expect(messages('error')[0]).to.include('cannot be encoded');
    await log.flush(callContext());
  });

  it('says which file is broken', async () => {
    const { log, writer } = await started({});
    kept(writer, 0, 3);
    await log.flush(callContext());
    const [file] = await log.files(stream, {}, callContext());
    for (const content of ['', 'PAR1 hello PAR1', 'x'.repeat(1000)]) {
      await store.face(blobStore).write(file!.key, Buffer.from(content), callContext());
      expect(await failureOf(found(log))).to.match(
        /^DATA_LOSS .*000000\.parquet: .*not a whole Parquet file/,
      );
    }
  });

  it('does not start over a warehouse that makes no files', async () => {
    const full = engine.face(warehouse);
    const operations = Object.entries(full).filter(([name]) => name !== 'encode' && name !== 'decode');
    const encode = Object.fromEntries(operations) as unknown as Warehouse;
    expect(await failureOf(started({}, { encode }))).to.match(/its slot "encode" makes no Parquet files/);
  });

  it('refuses what is appended where there is no room', async () => {
    const blobs = faulty(store.face(blobStore), { failures: Infinity, operations: ['write'] });
    const { log } = await started({ maxBytes: 200, appendMs: 5 }, { blobs });
    const rows = rowsOf([1]);
    expect(await failureOf(log.append({ kind: 'pushed', name: 'v' }, rows, callContext()))).to.match(
      /UNAVAILABLE/,
    );
    const many = rowsOf(numbers(100));
    expect(await failureOf(log.append({ kind: 'pushed', name: 'v' }, many, callContext()))).to.match(
      /RESOURCE_EXHAUSTED .*the log is full/,
    );
  });
});
