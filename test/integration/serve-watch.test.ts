import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../servers/server-process.js';
import { createProject, type Project } from '../support/project.js';
import { root } from '../support/repository.js';
import { SteadyLoad } from '../support/steady-load.js';

/** A store that notes when it starts and stops, and gives its label. */
const counted = (mark: string): string => `
import { appendFileSync } from 'node:fs';
import { defineAdapter, keyValueStore } from 'vivace';
import { z } from 'zod';
let made = 0;
export const counted = defineAdapter({
  provides: keyValueStore,
  name: 'counted',
  options: z.strictObject({ label: z.string(), fails: z.boolean().default(false) }),
  create: ({ label, fails }, _uses, { directory }) => {
    const name = label + '${mark}' + ++made;
    const note = (what) => appendFileSync(directory + '/events.txt', name + ' ' + what + '\\n');
    return {
      supports: { maxBatch: 100 },
      start() { note('starts'); if (fails) throw new Error('the store cannot start'); },
      stop() { note('stops'); },
      getMany: async (keys) => keys.map(() => Buffer.from(label + '${mark}')),
      putNewest: async (entries) => entries.map(() => true),
    };
  },
});`;

const step = (expression: string, mark = ''): string => `
import { defineStep, keyValueStore } from 'vivace';
import { help } from './helper.mjs';
// ${mark}
export const step = defineStep({
  name: 'step',
  uses: { hot: keyValueStore },
  reads: { at: 'timestamp', hour: 'int32' },
  writes: { text: 'string' },
  offline: 'same',
  create: (_options, { hot }) => ({
    async run(input, out, context) {
      const [value] = await hot.getMany(['k'], context);
      const stored = Buffer.from(value).toString();
      for (let row = 0; row < input.rows; row++) out.column('text').set(row, help(${expression}));
    },
  }),
});`;
const helper = (mark: string): string => `export const help = (text) => text + '${mark}';`;
const middleware = (mark: string): string => `
export default (request, response, next) => { response.setHeader('x-mark', '${mark}'); next(); };`;
const model = (factor: number): string => `
export function predict({ x }, { rows }) {
  return { y: { data: Float32Array.from({ length: rows }, (_, row) => x.data[row] * ${factor}) } };
}`;
const signature = JSON.stringify({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1], columns: ['calendar.hour'] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
  over: 'row',
});

interface Varied {
  readonly port: number;
  readonly web?: string;
  readonly label?: string;
  readonly lmdb?: string;
  readonly output?: string;
  readonly parts?: string;
  readonly model?: string;
}

const yaml = ({
  port,
  web = '',
  label = 'a',
  lmdb = '',
  output = 'text',
  parts = '',
  model: named = 'scale',
}: Varied): string => `
# However slow the machine is.
admission: { shedLagMs: 600000 }
parts:
  log: { use: pino, level: error }
  web: { use: express, port: ${port}${web} }
  api: { use: rest, server: web }
  ops: { use: operations, server: web }
  calendar: { use: calendar }
  hot: { use: ./counted.mjs, label: ${label} }
  disk: { use: lmdb, path: ./online${lmdb} }
  files: { use: filesystem, path: ./models }
  repository: { use: model-repository, blobs: files, workspace: files }
  runtime: { use: javascript }
  scale: { use: model-predictor, repository: repository, runtime: runtime, model: ${named} }
${parts}
pipelines:
  clock:
    deadlineMs: 600000
    request: { at: timestamp }
    time: request.at
    steps:
      - { transform: calendar }
      - { predict: scale }
      - { step: ./step.mjs, hot: hot, inputs: { at: request.at, hour: calendar.hour } }
    response: { outputs: { ${output}: step.text, y: scale.y } }
`;

const watching = /serving on (\S+)/;
const served = /serving it now[^]*serving on/;
const refused = 'the last valid configuration keeps serving';

describe('vivace serve --watch', () => {
  let project: Project;
  let child: ChildProcess;
  let load: SteadyLoad;
  let stderr = '';

  beforeEach(async () => {
    project = await createProject({
      'counted.mjs': counted(''),
      'helper.mjs': helper(''),
      'step.mjs': step('stored'),
      'auth.mjs': middleware('one'),
      'scale.mjs': model(1),
      'double.mjs': model(2),
      'signature.json': signature,
    });
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed')
      console.error({ waiting, stderr, last: load?.last, failed: load?.failed });
    await load?.stop();
    child?.kill('SIGKILL');
    await project.remove();
  });

  /** What the test waits for, for the report of one that fails. */
  let waiting = '';
  const eventually = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
    waiting = what;
    while (!(await isSo())) {
      const ended = child.exitCode ?? child.signalCode;
      if (ended !== null) throw new Error(`${what}: it ended with ${ended}: ${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const says = (pattern: RegExp): Promise<void> => eventually(String(pattern), () => pattern.test(stderr));
  const answers = (part: string): Promise<void> => eventually(part, () => load.last.includes(part));
  /**
   * Edits one file, and waits until the server has said what came of it: what it says late would else be taken for the answer to the next.
   * Something else than `outcome` fails the test, which would otherwise wait for ever.
   */
  const edit = async (file: string, text: string, outcome: RegExp = served): Promise<void> => {
    stderr = '';
    // At once, as editors do: half a text may be read twice where this process stands still meanwhile.
    await project.write({ edited: text });
    await rename(join(project.directory, 'edited'), join(project.directory, file));
    await eventually(String(outcome), () => {
      if (outcome.test(stderr)) return true;
      if (outcome !== served && served.test(stderr)) throw new Error(`it serves ${file}: ${stderr}`);
      if (outcome === served && stderr.includes(refused)) throw new Error(`it refuses ${file}: ${stderr}`);
      return false;
    });
  };
  const handles = (): number => readdirSync(`/proc/${child.pid}/fd`).length;
  const pushModel = async (file: string, name = 'scale'): Promise<void> => {
    const { code, stderr: said } = await project.vivace([
      'models',
      'push',
      file,
      '--name',
      name,
      '--signature',
      'signature.json',
    ]);
    expect(code, said).to.equal(0);
  };

  it('fails no request while parts, pipelines, steps, models and ports are edited', async function () {
    // Some thirty edits, each of which is read twice before it counts.
    this.timeout(600_000);
    const [port, other] = [await freePort(), await freePort()];
    const configure = async (varied: Partial<Varied> = {}, outcome?: RegExp): Promise<void> =>
      edit('vivace.yaml', yaml({ port, ...varied }), outcome);
    await project.write({ 'vivace.yaml': yaml({ port }) });
    await pushModel('scale.mjs');
    await pushModel('double.mjs', 'other');
    child = spawn(
      process.execPath,
      [join(root, 'dist/adapters/command-line/main.js'), 'serve', '--watch', '--drain-delay', '3000'],
      { cwd: project.directory, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child.stdout!.resume();
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const exited = once(child, 'exit');
    await says(watching);
    // The first edit starts the one thread that resolves imports from then on: its files count, and no connection of the load does.
    await edit('step.mjs', step('stored', 'first'));
    const before = handles();
    const path = '/v1/pipelines/clock/predict';
    load = new SteadyLoad(`http://127.0.0.1:${port}${path}`, { request: { at: '2001-06-15T08:00:00Z' } }, 10);
    await answers('"text":"a","y":8');

    // The pipeline.
    await configure({ output: 'said' });
    await answers('"said":"a"');
    await configure();
    await answers('"text":"a"');
    // A step, what it imports, and both as they were.
    await edit('step.mjs', step(`stored + '!'`));
    await answers('"text":"a!"');
    await edit('helper.mjs', helper('?'));
    await answers('"text":"a!?"');
    await edit('step.mjs', step('stored'));
    await answers('"text":"a?"');
    await edit('helper.mjs', helper(''));
    await answers('"text":"a"');
    // Mistakes: in YAML, in its meaning, in JavaScript, at the start.
    await edit('vivace.yaml', 'parts: [', /keeps serving/);
    await configure({ label: 'b, colour: red' }, /unknown[^]*keeps serving/);
    await configure();
    await edit('step.mjs', 'export const step = {', /step\.mjs[^]*keeps serving/);
    await edit('step.mjs', step('stored', 'mended'));
    await configure({ label: 'c, fails: true' }, /the store cannot start[^]*keeps serving/);
    await configure({ parts: '  more: { use: ./more.mjs, label: m }' }, /there is no file[^]*keeps serving/);
    await edit(
      'more.mjs',
      counted('').replaceAll('counted', 'more').replace('events.txt', 'more.txt'),
      /more\.mjs was edited: serving it now[^]*serving on/,
    );
    await configure();
    // A part's options and its code.
    await configure({ label: 'd' });
    await answers('"text":"d"');
    await edit('counted.mjs', counted('+'));
    await answers('"text":"d+"');
    // What cannot stand twice.
    await configure({ label: 'd', lmdb: ', noSync: true' });
    await configure({ label: 'd' });
    // A model's new version, and another model.
    await pushModel('double.mjs');
    await answers('"y":16');
    await configure({ label: 'd', model: 'other' });
    await pushModel('scale.mjs', 'other');
    await answers('"y":8');
    // The HTTP server on its port: limits, middleware, and the code of that.
    const auth = `, middleware: ['./auth.mjs']`;
    const mark = async (): Promise<string | null> =>
      (await fetch(`http://127.0.0.1:${port}/v1/pipelines`)).headers.get('x-mark');
    await configure({ label: 'd', web: ', bodyLimitBytes: 5000' });
    await configure({ label: 'd', web: auth });
    await eventually('middleware', async () => (await mark()) === 'one');
    await edit('auth.mjs', middleware('two'));
    await eventually('middleware', async () => (await mark()) === 'two');
    await configure({ label: 'd' });
    await eventually('middleware', async () => (await mark()) === null);
    // Another port: callers have the drain delay to go there.
    await configure({ label: 'd', port: other });
    load.url = `http://127.0.0.1:${other}${path}`;
    await eventually('the old port closes', async () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        () => false,
        () => true,
      ),
    );
    await configure({ label: 'd', port: other, output: 'end' });
    await answers('"end":"d+"');

    await load.stop();
    expect(load.failed).to.deep.equal([]);
    expect(load.answered).to.be.above(200);
    const events = async (): Promise<string[]> =>
      (await readFile(join(project.directory, 'events.txt'), 'utf8')).trim().split('\n');
    await eventually('parts that were replaced stop', async () => (await events()).length === 7);
    expect(await events()).to.have.members([
      'a1 starts',
      'a1 stops',
      'c2 starts',
      'c2 stops',
      'd3 starts',
      'd3 stops',
      'd+1 starts',
    ]);
    // Connections of the load are closed, and nothing that was replaced holds a file.
    await eventually('files are closed', () => handles() <= before);
    child.kill('SIGTERM');
    expect(await exited).to.deep.equal([0, null]);
    expect((await events()).slice(7)).to.deep.equal(['d+1 stops']);
    expect(existsSync(join(project.directory, 'more.txt'))).to.equal(true);
  });
});
