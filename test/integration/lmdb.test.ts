import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isVivaceError, keyValueStore, type ErrorCode } from 'vivace';
import { lmdb } from 'vivace/adapters/lmdb';
import { callContext, startPart } from 'vivace/testing';
import { pendingBecause } from '../support/pending.js';

const run = promisify(execFile);

const entries = (count: number): { key: string; value: Uint8Array }[] =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: new Uint8Array(300).fill(i) }));

async function failure(
  attempt: Promise<unknown>,
): Promise<{ code: ErrorCode; message: string; part?: string }> {
  const error = await attempt.then(
    () => expect.fail('it should have failed'),
    (thrown: unknown) => thrown,
  );
  if (!isVivaceError(error)) throw error;
  return error;
}

describe('lmdb', () => {
  let directory: string;
  const open = (path: string, options: object = {}): ReturnType<typeof startPart> =>
    startPart(lmdb, { path, ...options }, { directory });
  const fill = async (path: string, count: number): Promise<void> => {
    const part = await open(path);
    await part.face(keyValueStore).putNewest(entries(count), callContext());
    await part.stop();
  };

  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'vivace-lmdb-'))));
  afterEach(() => rm(directory, { recursive: true }));

  it('reads synchronously', async () => {
    const part = await open('db');
    expect(part.face(keyValueStore).getMany(['x'], callContext())).to.deep.equal([undefined]);
    await part.stop();
  });

  it('keeps its data over a restart', async () => {
    await fill('db', 10);
    const part = await open('db', { readOnly: true });
    const [value] = await part.face(keyValueStore).getMany(['k7'], callContext());
    expect([...value!]).to.deep.equal(new Array(300).fill(7));
    await part.stop();
  });

  it('grows beyond every size it had, and takes a directory with a dot in its name', async () => {
    await fill('data.db', 30_000);
    expect((await stat(join(directory, 'data.db/data.mdb'))).size).to.be.greaterThan(9_000_000);
  });

  it('serves two parts of one process over one directory', async () => {
    const [one, other] = [await open('db'), await open('db')];
    await one.face(keyValueStore).putNewest(entries(3), callContext());
    await one.stop();
    expect((await other.face(keyValueStore).getMany(['k2'], callContext()))[0]?.[0]).to.equal(2);
    await other.stop();
  });

  it('sees what another process writes, and lets the greatest value win between them', async () => {
    const part = await open('db');
    const store = part.face(keyValueStore);
    await store.putNewest([{ key: 'k', value: Uint8Array.of(5) }], callContext());
    await run(process.execPath, [
      '--input-type=module',
      '-e',
      `import { open } from 'lmdb';
       const db = open({ path: process.argv[1], encoding: 'binary' });
       await db.put('k', Buffer.of(9)); await db.close();`,
      join(directory, 'db'),
    ]);
    await new Promise(setImmediate);
    expect(await store.putNewest([{ key: 'k', value: Uint8Array.of(7) }], callContext())).to.deep.equal([
      false,
    ]);
    expect((await store.getMany(['k'], callContext()))[0]?.[0]).to.equal(9);
    await part.stop();
  });

  it('writes nothing for a caller that has given up', async () => {
    const part = await open('db');
    const store = part.face(keyValueStore);
    const error = await failure((async () => store.putNewest(entries(1), { signal: AbortSignal.abort() }))());
    expect(error.code).to.equal('CANCELLED');
    expect(await store.getMany(['k0'], callContext())).to.deep.equal([undefined]);
    await part.stop();
  });

  it('leaves other writes of the same tick alone where one fails', async () => {
    const part = await open('db');
    const store = part.face(keyValueStore);
    const outcomes = await Promise.allSettled([
      store.putNewest([{ key: 'a', value: Uint8Array.of(1) }], callContext()),
      store.putNewest(
        [
          { key: 'b', value: Uint8Array.of(1) },
          { key: 'x'.repeat(3000), value: Uint8Array.of(1) },
        ],
        callContext(),
      ),
      store.putNewest([{ key: 'c', value: Uint8Array.of(1) }], callContext()),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    const values = await store.getMany(['a', 'c'], callContext());
    expect(values.map((value) => value?.[0])).to.deep.equal([1, 1]);
    await part.stop();
  });

  it('refuses writes with FAILED_PRECONDITION when opened read-only', async () => {
    await fill('db', 1);
    const part = await open('db', { readOnly: true });
    const error = await failure(
      (async () => part.face(keyValueStore).putNewest(entries(1), callContext()))(),
    );
    expect(error.code).to.equal('FAILED_PRECONDITION');
    await part.stop();
  });

  it('names a read-only database that does not exist', async () => {
    const error = await failure(open('nowhere', { readOnly: true }));
    expect(error.code).to.equal('FAILED_PRECONDITION');
    expect(error.part).to.equal('lmdb');
  });

  it('reports a file of something else as DATA_LOSS', async () => {
    await mkdir(join(directory, 'db'));
    await writeFile(join(directory, 'db/data.mdb'), Buffer.alloc(20_000, 7));
    expect((await failure(open('db'))).code).to.equal('DATA_LOSS');
  });

  it('reports a shortened file as DATA_LOSS', async () => {
    await fill('db', 10_000);
    await truncate(join(directory, 'db/data.mdb'), 100_000);
    expect((await failure(open('db'))).code).to.equal('DATA_LOSS');
  });

  it('reports a path that is a file', async () => {
    await writeFile(join(directory, 'db'), 'x');
    expect((await failure(open('db'))).code).to.equal('FAILED_PRECONDITION');
  });

  it('outlives a full disk and keeps what it held', async function () {
    if (process.platform === 'win32') pendingBecause(this, 'Windows has no limits of file sizes');
    const script = `
      import { keyValueStore } from 'vivace';
      import { lmdb } from 'vivace/adapters/lmdb';
      import { callContext, startPart } from 'vivace/testing';
      const part = await startPart(lmdb, { path: 'db' }, { directory: process.argv[1] });
      const store = part.face(keyValueStore);
      await store.putNewest([{ key: 'before', value: Uint8Array.of(1) }], callContext());
      const entries = Array.from({ length: 9000 }, (_, i) => ({ key: 'k' + i, value: new Uint8Array(300) }));
      const codes = [];
      for (let i = 0; i < 2; i++) await store.putNewest(entries, callContext()).catch(({ code }) => codes.push(code));
      await store.putNewest([{ key: 'after', value: Uint8Array.of(2) }], callContext());
      const values = await store.getMany(['before', 'after', 'k0'], callContext());
      console.log(JSON.stringify([...codes, ...values.map((value) => value?.[0])]));
      await part.stop();`;
    // A limit on the size of files stands in for a full disk.
    const { stdout } = await run('bash', [
      '-c',
      'trap "" XFSZ; ulimit -f 1000; exec "$0" --input-type=module -e "$1" "$2"',
      process.execPath,
      script,
      directory,
    ]);
    expect(JSON.parse(stdout)).to.deep.equal(['UNAVAILABLE', 'UNAVAILABLE', 1, 2, null]);
  });
});
