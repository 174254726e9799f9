import { expect } from 'chai';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { modelRepository, repositoryAt, withServer, type PartDeclaration } from 'vivace';
import { callContext } from 'vivace/testing';
import { gcsFound, startGcs, type BlobServer } from '../servers/gcs-server.js';
import { describeNeeding } from '../servers/programs.js';
import { s3Found, startS3 } from '../servers/s3-server.js';

/** How long they go on over each store; `.ci/long` says 60, and lets as many begin over a server as over a folder. */
const seconds = Number(process.env['CHAOS_SECONDS'] ?? 3);
const overFolder = 16;
const overServer = process.env['CHAOS_SECONDS'] === undefined ? 4 : overFolder;

/** One of many: pushes, promotes, rolls back and collects at random, and says what it did. */
const program = `
import { collectModels, isVivaceError, listModels, promoteModel, pushModel, repositoryAt, rollbackModel } from 'vivace';
const [place, file, own, forMs] = process.argv.slice(1);
const signal = new AbortController().signal;
const server = await repositoryAt(place, { option: 'place' });
await server.start({ serve: false });
const say = (what) => process.stdout.write(JSON.stringify(what) + '\\n');
const lost = ['ABORTED', 'NOT_FOUND', 'FAILED_PRECONDITION'];
let moves = 0;
let round = 0;
let state = Number(own) + 1;
const random = (below) => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor((state / 2147483648) * below);
};
const moved = (note) => async ({ version, before, alias }) => {
  if (version === before) return;
  moves++;
  say({ moved: alias, version, note });
};
say({ ready: true });
// All begin at the same time, and each does something, however slow the machine is.
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.destroy();
const until = Date.now() + Number(forMs);
while (round < 6 || Date.now() < until) {
  // No alias may get more moves than it remembers.
  const alias = 'a' + Math.floor(moves / 8);
  const note = own + '-' + round++;
  const what = random(10);
  try {
    if (what < 4) {
      const { manifest } = await pushModel(server, { file, name: 'm', columns: ['a'], alias: false, info: { note } }, { signal });
      say({ pushed: manifest.version });
    } else if (what < 7) {
      const versions = await listModels(server, { name: 'm' }, { signal });
      if (versions.length === 0) continue;
      const { version } = versions[random(versions.length)];
      await promoteModel(server, { model: 'm@' + version, alias, note }, { signal }).then(moved(note));
    } else if (what < 8) {
      await rollbackModel(server, { model: 'm@' + alias, note }, { signal }).then(moved(note));
    } else {
      // One by one: what was removed before a collection fails has gone all the same.
      await collectModels(server, { keep: 2, onProgress: ({ version }) => say({ removed: version }) }, { signal });
    }
  } catch (error) {
    if (!isVivaceError(error) || !lost.includes(error.code)) throw error;
    say({ lost: error.code });
  }
}
await server.stop();
`;

interface Said {
  readonly pushed?: string;
  readonly removed?: string;
  readonly moved?: string;
  readonly note?: string;
}

/** One process: it waits until it is told to begin. */
class Process {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown[]>;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, ['--input-type=module', '-e', program, ...args]);
    this.#ended = once(this.#child, 'close');
    this.#child.stderr.on('data', (data: Buffer) => (this.#stderr += data.toString()));
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    expect((await this.#lines.next()).done, this.#stderr).to.equal(false);
  }

  /** Lets it begin. @returns What it said until its end. */
  async run(): Promise<Said[]> {
    this.#child.stdin.write('go\n');
    const said: Said[] = [];
    for (let line = await this.#lines.next(); line.done !== true; line = await this.#lines.next())
      said.push(JSON.parse(line.value) as Said);
    const [code] = await this.#ended;
    expect(code, this.#stderr).to.equal(0);
    return said;
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

/** The URL of a part's options. */
function urlOf(scheme: string, options: Readonly<Record<string, unknown>>): string {
  const { bucket, prefix = '', ...more } = options;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(more)) query.set(name, String(value));
  return `${scheme}://${String(bucket)}/${String(prefix)}?${query.toString()}`;
}

describe('Processes that push, promote, roll back and collect at once', function () {
  this.timeout(seconds * 4_000 + 600_000);
  let directory: string;
  let server: BlobServer | undefined;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-many-'))));
  after(() => rmSync(directory, { recursive: true }));

  const stores = [
    { name: 'filesystem', found: [], place: () => join(directory, 'bucket') },
    {
      name: 'gcs',
      found: [gcsFound],
      startServer: startGcs,
      place: () => urlOf('gs', server!.options() as Omit<PartDeclaration, 'use'>),
    },
    {
      name: 's3',
      found: [s3Found],
      startServer: startS3,
      place: () => urlOf('s3', server!.options() as Omit<PartDeclaration, 'use'>),
    },
  ];
  for (const { name, found, startServer, place } of stores) {
    const processes = startServer === undefined ? overFolder : overServer;
    describeNeeding(found, `${processes} over ${name}`, () => {
      before(async () => (server = await startServer?.()));
      after(async () => server?.stop());
      let started: Process[] = [];
      afterEach(() => {
        for (const one of started) one.end();
      });

      it('leave no alias that points nowhere, lose no move, give each push its number, and leave nothing over', async () => {
        const where = place();
        const file = join(directory, 'model.mjs');
        writeFileSync(file, 'export const predict = () => 0;\n');
        started = Array.from(
          { length: processes },
          (_, i) => new Process([where, file, String(i), String(seconds * 1000)]),
        );
        await Promise.all(started.map((one) => one.ready()));
        const all = (await Promise.all(started.map((one) => one.run()))).flat();
        const pushed = all.flatMap((one) => one.pushed ?? []);
        const removed = all.flatMap((one) => one.removed ?? []);
        const moved = all.filter((one) => one.moved !== undefined);
        expect([pushed.length > 0, removed.length > 0, moved.length > 0]).to.deep.equal([true, true, true]);
        // Keys: versions.
        expect(new Set(pushed).size).to.equal(pushed.length);

        await withServer(await repositoryAt(where, { option: 'place' }), async (there) => {
          await there.start({ serve: false });
          const models = there.part(modelRepository, 'models');
          const versions = (await models.list(callContext())).map(({ version }) => version);
          expect([...versions, ...removed].sort()).to.deep.equal(pushed.sort());
          const aliases = [...new Set(moved.map((one) => one.moved!))];
          for (const alias of aliases) {
            const history = await models.history('m', alias, callContext());
            const notes = history.map(({ note }) => note);
            const own = moved.filter((one) => one.moved === alias).map(({ note }) => note);
            expect(notes.sort(), alias).to.deep.equal(own.sort());
            expect(versions).to.include((await models.resolve(`m@${alias}`, callContext())).version);
          }
          const { findings, aliases: counted } = await models.verify(callContext(60_000));
          expect(findings).to.deep.equal([]);
          expect(counted).to.equal(aliases.length);
        });
      });
    });
  }
});
