import { expect } from 'chai';
import { execFile } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { blobStore, isVivaceError, workspace, type BlobStore, type ErrorCode } from 'vivace';
import { filesystem } from 'vivace/adapters/filesystem';
import { callContext, startPart } from 'vivace/testing';
import { pendingBecause } from '../support/pending.js';

const run = promisify(execFile);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Runs a module text in a process of its own, where `store` is the blob store over `path`. */
async function inProcess(path: string, body: string, { shell = '' } = {}): Promise<unknown> {
  const script = `
    import { blobStore } from 'vivace';
    import { filesystem } from 'vivace/adapters/filesystem';
    import { callContext, startPart } from 'vivace/testing';
    const part = await startPart(filesystem, { path: process.argv[1] });
    const store = part.face(blobStore);
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const text = (value) => new TextEncoder().encode(value);
    const context = callContext(30_000);
    ${body}`;
  const { stdout } = await run('bash', [
    '-c',
    `${shell} exec "$0" --input-type=module -e "$1" "$2"`,
    process.execPath,
    script,
    path,
  ]);
  return stdout === '' ? undefined : (JSON.parse(stdout) as unknown);
}

async function codeOf(attempt: Promise<unknown>): Promise<ErrorCode> {
  const error = await attempt.then(
    () => expect.fail('it should have failed'),
    (thrown: unknown) => thrown,
  );
  if (!isVivaceError(error)) throw error;
  return error.code;
}

async function contentOf(store: BlobStore, key: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read(key, callContext())) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('filesystem', () => {
  let directory: string;
  let part: Awaited<ReturnType<typeof startPart>>;
  let store: BlobStore;
  const temporary = (): Promise<string[]> => readdir(join(directory, '.vivace/temporary'));

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'vivace-files-'));
    part = await startPart(filesystem, { path: directory });
    store = part.face(blobStore);
  });
  afterEach(async () => {
    await part.stop();
    await rm(directory, { recursive: true });
  });

  it('keeps a blob as a plain file at the path of its key', async () => {
    await store.write('models/m/1/model.json', text('{}'), callContext());
    expect(await readFile(join(directory, 'models/m/1/model.json'), 'utf8')).to.equal('{}');
    expect(await temporary()).to.deep.equal([]);
  });

  it('loses no increment of a counter that 4 processes swap', async () => {
    await store.write('counter', text('0'), callContext());
    await Promise.all(
      Array.from({ length: 4 }, async () =>
        inProcess(
          directory,
          `for (let i = 0; i < 25; ) {
             const { version } = await store.head('counter', context);
             let value = '';
             for await (const chunk of store.read('counter', context)) value += new TextDecoder().decode(chunk);
             if (await store.write('counter', text(String(Number(value) + 1)), context, { version })) i++;
           }`,
        ),
      ),
    );
    expect(await contentOf(store, 'counter')).to.equal('100');
  });

  it('takes over the lock of a process that was killed while it held it', async () => {
    await inProcess(
      directory,
      `await store.write('k', text('1'), context);
       const { readdirSync, renameSync } = await import('node:fs');
       const { join } = await import('node:path');
       const locks = join(process.argv[1], '.vivace/locks');
       const folder = join(locks, readdirSync(locks)[0]);
       const [name] = readdirSync(folder);
       renameSync(join(folder, name), join(folder, name.replace('.free', '')));
       process.kill(process.pid, 'SIGKILL');`,
    ).catch(() => undefined);
    await store.write('k', text('2'), callContext());
    expect(await contentOf(store, 'k')).to.equal('2');
  });

  it('waits for the lock of a process that lives, until the caller gives up', async () => {
    await store.write('k', text('1'), callContext());
    const locks = join(directory, '.vivace/locks');
    const folder = join(locks, (await readdir(locks))[0]!);
    const [name] = await readdir(folder);
    // As this process would hold it.
    await symlink(await readlink(join(folder, name!)), join(folder, String(Number.parseInt(name!, 10) + 1)));
    expect(await codeOf(store.write('k', text('2'), { signal: AbortSignal.timeout(50) }))).to.equal(
      'DEADLINE_EXCEEDED',
    );
    expect(await contentOf(store, 'k')).to.equal('1');
    expect(await temporary()).to.deep.equal([]);
  });

  it('takes over a lock of an unknown owner after its lease', async () => {
    await store.write('k', text('1'), callContext());
    const locks = join(directory, '.vivace/locks');
    const held = join(locks, (await readdir(locks))[0]!, '999');
    await writeFile(held, 'elsewhere-1-0');
    await utimes(held, 1, 1);
    await store.write('k', text('2'), callContext());
    expect(await contentOf(store, 'k')).to.equal('2');
  });

  it('removes the temporary files of dead processes at start, and no others', async () => {
    await store.write('k', text('1'), callContext());
    await inProcess(
      directory,
      `const content = (async function* () { yield text('half'); process.kill(process.pid, 'SIGKILL'); yield text('more'); })();
       await store.write('killed', content, context);`,
    ).catch(() => undefined);
    await writeFile(join(directory, '.vivace/temporary/elsewhere-1-0'), 'of another machine, at work');
    expect(await temporary()).to.have.length(2);
    const again = await startPart(filesystem, { path: directory });
    expect(await temporary()).to.deep.equal(['elsewhere-1-0']);
    expect(await again.face(blobStore).head('killed', callContext())).to.equal(undefined);
    await again.stop();
  });

  it('tells a process that was killed from the one that has its id now', async function () {
    if (process.platform !== 'linux')
      pendingBecause(this, 'only Linux says in /proc when a process was born');
    await store.write('k', text('1'), callContext());
    const locks = join(directory, '.vivace/locks');
    const folder = join(locks, (await readdir(locks))[0]!);
    const [name] = await readdir(folder);
    const [place, pid, born] = (await readlink(join(folder, name!))).split('-');
    expect([Number(pid), Number(born) > 0]).to.deep.equal([process.pid, true]);
    // As the first process of a container leaves it to the next one, which is called 1 again.
    const before = `${place}-${pid}-${Number(born) - 1}-0`;
    await writeFile(join(directory, '.vivace/temporary', before), 'half');
    await symlink(before, join(folder, String(Number.parseInt(name!, 10) + 1)));
    const again = await startPart(filesystem, { path: directory });
    expect(await temporary()).to.deep.equal([]);
    await again.face(blobStore).write('k', text('2'), { signal: AbortSignal.timeout(10_000) });
    expect(await contentOf(store, 'k')).to.equal('2');
    await again.stop();
  });

  it('removes what an unknown owner has left for an hour, and nothing that is being written', async () => {
    await store.write('k', text('1'), callContext());
    const folder = join(directory, '.vivace/temporary');
    const long = new Date(Date.now() - 61 * 60_000);
    for (const name of ['elsewhere-1-0-left', 'elsewhere-1-0-busy']) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'weights'), 'half');
      if (name.endsWith('left')) await utimes(join(folder, name, 'weights'), long, long);
      await utimes(join(folder, name), long, long);
    }
    await (await startPart(filesystem, { path: directory })).stop();
    expect(await temporary()).to.deep.equal(['elsewhere-1-0-busy']);
  });

  it('follows symbolic links that stay inside', async () => {
    await store.write('real/k', text('x'), callContext());
    await symlink('real', join(directory, 'link'));
    expect(await contentOf(store, 'link/k')).to.equal('x');
    const { blobs } = await store.list('', callContext());
    expect(blobs.map((blob) => blob.key)).to.deep.equal(['link/k', 'real/k']);
  });

  it('refuses symbolic links that lead out', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'vivace-outside-'));
    await writeFile(join(outside, 'secret'), 's');
    await symlink(outside, join(directory, 'folder'));
    await symlink(join(outside, 'secret'), join(directory, 'file'));
    for (const key of ['folder/secret', 'file']) {
      expect(await codeOf(store.head(key, callContext()))).to.equal('PERMISSION_DENIED');
      expect(await codeOf(contentOf(store, key))).to.equal('PERMISSION_DENIED');
      expect(await codeOf(store.write(key, text('x'), callContext()))).to.equal('PERMISSION_DENIED');
    }
    expect(await codeOf(store.write('folder/new/k', text('x'), callContext()))).to.equal('PERMISSION_DENIED');
    await mkdir(join(directory, '.vivace/workspace'), { recursive: true });
    await symlink(outside, join(directory, '.vivace/workspace/folder.staged'));
    expect(await codeOf(part.face(workspace).find('folder', callContext()))).to.equal('PERMISSION_DENIED');
    expect((await store.list('', callContext())).blobs).to.deep.equal([]);
    expect(await readFile(join(outside, 'secret'), 'utf8')).to.equal('s');
    await rm(outside, { recursive: true });
  });

  it('keeps its own files out of reach', async () => {
    await store.write('k', text('x'), callContext());
    expect(await codeOf(store.head('.vivace/locks', callContext()))).to.equal('INVALID_ARGUMENT');
  });

  it('refuses a key that is the folder of another', async () => {
    await store.write('a/b', text('x'), callContext());
    expect(await codeOf(store.write('a', text('x'), callContext()))).to.equal('FAILED_PRECONDITION');
    expect(await codeOf(store.write('a/b/c', text('x'), callContext()))).to.equal('FAILED_PRECONDITION');
    expect(await store.head('a', callContext())).to.equal(undefined);
  });

  it('reports a full disk as RESOURCE_EXHAUSTED and leaves what was there', async function () {
    if (process.platform === 'win32')
      pendingBecause(this, 'Windows has neither limits of file sizes nor modes of directories');
    await store.write('k', text('before'), callContext());
    const code = await inProcess(
      directory,
      `await store.write('k', new Uint8Array(3_000_000), context).catch(({ code }) => console.log(JSON.stringify(code)));`,
      // A limit on the size of files stands in for a full disk.
      { shell: 'trap "" XFSZ; ulimit -f 1000;' },
    );
    expect(code).to.equal('RESOURCE_EXHAUSTED');
    expect(await contentOf(store, 'k')).to.equal('before');
    expect(await temporary()).to.deep.equal([]);
  });

  it('reports a directory it may not write as PERMISSION_DENIED, and reads from it', async function () {
    if (process.platform === 'win32')
      pendingBecause(this, 'Windows has neither limits of file sizes nor modes of directories');
    const readOnly = join(directory, 'read-only');
    await mkdir(readOnly);
    await writeFile(join(readOnly, 'k'), 'x');
    await chmod(readOnly, 0o555);
    await chmod(directory, 0o755);
    const answer = await inProcess(
      readOnly,
      `if (process.getuid() === 0) process.setuid(65534);
       const codes = [(await store.head('k', context)).sizeBytes];
       await store.write('k', text('y'), context).catch(({ code }) => codes.push(code));
       console.log(JSON.stringify(codes));`,
    );
    expect(answer).to.deep.equal([1, 'PERMISSION_DENIED']);
  });

  it('streams a large blob in pieces', async () => {
    await store.write('large', new Uint8Array(1_000_000), callContext());
    let largest = 0;
    for await (const chunk of store.read('large', callContext())) largest = Math.max(largest, chunk.length);
    expect(largest).to.be.at.most(262_144);
  });

  it('closes a file whose reader leaves early', async function () {
    if (process.platform !== 'linux') pendingBecause(this, 'only Linux lists open files in /proc');
    await store.write('large', new Uint8Array(1_000_000), callContext());
    const files = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
    const before = await files();
    for (let i = 0; i < 20; i++) {
      for await (const chunk of store.read('large', callContext())) if (chunk.length > 0) break;
    }
    expect(await files()).to.be.at.most(before + 2);
  });
});
