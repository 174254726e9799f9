import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { runCase, type Outcome } from '../bench/run-case.js';
import { root } from '../support/repository.js';

/** Keeps a connection until its process ends. */
const holdConnection = (port: number): string => `
  import { connect } from 'node:net';
  connect(${port}, '127.0.0.1');`;

describe('npm run bench -- --against', () => {
  let directory: string;
  let dist: string;
  let scratch: string;
  let listening: Server;
  const started: ChildProcess[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-against-'));
    dist = join(directory, 'dist');
    scratch = join(directory, 'scratch');
    mkdirSync(join(dist, 'test/bench/cases'), { recursive: true });
    mkdirSync(scratch);
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
    writeFileSync(
      join(dist, 'test/bench/bench-case.js'),
      `import { tmpdir } from 'node:os';
      export class Workbench { static async open() { return { directory: tmpdir() }; } }`,
    );
    listening = createServer().listen(0, '127.0.0.1');
    await once(listening, 'listening');
  });
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    listening.close();
    rmSync(directory, { recursive: true });
  });

  const port = (): number => (listening.address() as AddressInfo).port;

  /** Adds a case to the old build. */
  const addCase = (name: string, body: string, imports = ''): void =>
    writeFileSync(
      join(dist, 'test/bench/cases', `${name}.js`),
      `${imports}
      export const benchCase = { title: 'a case', async run({ directory }) { ${body} } };`,
    );

  /** A case that starts a process, waits until that has connected, and then does what it is told. */
  const addStartingCase = (name: string, then: string): void => {
    writeFileSync(join(directory, 'held.js'), holdConnection(port()));
    addCase(
      name,
      `const held = spawn(process.execPath, [${JSON.stringify(join(directory, 'held.js'))}]);
      await new Promise((resolve) => watched.once('data', resolve));
      ${then}`,
      `import { spawn } from 'node:child_process';
      import { connect } from 'node:net';
      const watched = connect(${port()}, '127.0.0.1');`,
    );
  };

  /** The two connections of a starting case, once it and its process run. */
  const connected = async (): Promise<Socket[]> => {
    const sockets: Socket[] = [];
    listening.on('connection', (socket) => sockets.push(socket.on('error', () => undefined).resume()));
    while (sockets.length < 2) await once(listening, 'connection');
    sockets[0]!.write('go');
    return sockets;
  };

  const closed = async (sockets: readonly Socket[]): Promise<unknown> =>
    Promise.all(sockets.map(async (socket) => socket.closed || once(socket, 'close')));

  const run = async (module: string, signal = new AbortController().signal): Promise<Outcome> =>
    runCase({ dist, module }, { directory: scratch, signal });

  const bench = (...args: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, [join(root, 'dist/test/bench/main.js'), ...args], {
      cwd: root,
      env: { ...process.env, TMPDIR: scratch },
    });
    started.push(child);
    return child;
  };

  const ended = async (child: ChildProcess): Promise<{ code: unknown; out: string; err: string }> => {
    const [[code], out, err] = await Promise.all([
      once(child, 'exit'),
      text(child.stdout!),
      text(child.stderr!),
    ]);
    return { code, out, err };
  };

  it('runs the case of the build it is given, with its files where they are wanted', async () => {
    addCase('rank', `return [{ what: directory, vivace: '1 ms' }];`);
    expect(await run('rank')).to.deep.equal({ figures: [{ what: scratch, vivace: '1 ms' }] });
  });

  it('says why a case has no figures', async () => {
    addCase('rank', `throw new Error('redis-server is not installed');`);
    addCase('guard', `setTimeout(() => process.exit(7)); await new Promise(() => undefined);`);
    expect(await run('rank')).to.deep.equal({ failed: 'redis-server is not installed' });
    expect(await run('guard')).to.deep.equal({ failed: 'its process ended with code 7' });
    const missing = await run('fetch');
    expect(missing).to.have.property('failed').that.includes('cases/fetch.js');
  });

  it('ends what a case has left running', async () => {
    addStartingCase('rank', 'return [];');
    const [outcome, sockets] = await Promise.all([run('rank'), connected()]);
    expect(outcome).to.deep.equal({ figures: [] });
    await closed(sockets);
  });

  it('ends a case, and what that has started, when it is told to stop', async () => {
    addStartingCase('rank', 'await new Promise(() => undefined);');
    const stop = new AbortController();
    const running = run('rank', stop.signal).catch((error: unknown) => error);
    const sockets = await connected();
    stop.abort('stopped');
    expect(await running).to.equal('stopped');
    await closed(sockets);
    expect(await run('rank', stop.signal).catch((error: unknown) => error)).to.equal('stopped');
  });

  it('ends the case on Ctrl-C and leaves no files', async () => {
    addStartingCase('guard', 'await new Promise(() => undefined);');
    const child = bench('--against', dist, 'g');
    const sockets = await connected();
    expect(readdirSync(scratch)).to.have.length(1);
    child.kill('SIGINT');
    const [code, signal] = (await once(child, 'exit')) as [unknown, unknown];
    expect({ code, signal }).to.deep.equal({ code: null, signal: 'SIGINT' });
    await closed(sockets);
    expect(readdirSync(scratch)).to.deep.equal([]);
  });

  it('leaves no case running where it is killed itself', async () => {
    addStartingCase('guard', 'await new Promise(() => undefined);');
    const child = bench('--against', dist, 'g');
    const sockets = await connected();
    child.kill('SIGKILL');
    await closed(sockets);
  });

  it('prints the figures of both builds, and names what could not be compared', async () => {
    addCase('guard', `return [{ what: 'per call, beyond the method', vivace: '1 ns', floor: '1 ns' }];`);
    addCase('couchbase', `throw new Error('java is not installed');`);
    const { code, out, err } = await ended(bench('--against', dist, '--rounds', '1', 'g', 'couchbase', 'c'));
    expect(code, err).to.equal(0);
    expect(out).to.match(
      /\| \(g\) +\| per call, beyond the method \[ns\] \| 1 +\| [\d.,-]+ +\| [\d.-]+ +\| [\d.]+ +\|/,
    );
    expect(out).to.contain('(couchbase) not compared: old: java is not installed');
    expect(out).to.match(/\(c\) not compared: old: .*cases\/fetch\.js/);
    expect(err).to.contain('(g) round 1 of 1, old').and.contain('(g) round 1 of 1, new');
  });

  it('refuses what it does not understand', async () => {
    const { code, out, err } = await ended(bench('--against', directory));
    expect(code).to.equal(2);
    expect(out).to.equal('');
    expect(err).to.equal(`${directory} is not the dist folder of a checkout that has been built\n`);
  });

  it('prints its options and every case with --help', async () => {
    const { code, out } = await ended(bench('--help'));
    expect(code).to.equal(0);
    expect(out)
      .to.contain('--against DIST')
      .and.match(/^ {2}couchbase-materialize .* about \d+ s$/m);
  });
});
