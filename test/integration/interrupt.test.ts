import { expect } from 'chai';
import { stockProject, type Running, type StockProject } from '../support/stock-project.js';

/** A warehouse whose methods a test writes. */
const lake = (methods: string): string => `
import { defineAdapter, warehouse } from 'vivace';
import { z } from 'zod';
const never = () => new Promise(() => undefined);
const alive = () => setInterval(() => undefined, 1000);
const signalled = () => new Promise((_, reject) => process.once('SIGINT', () => reject(new Error('told to end'))));
const begin = () => process.stderr.write('begun\\n');
export const stubborn = defineAdapter({
  provides: warehouse,
  name: 'stubborn',
  options: z.strictObject({}),
  create: () => ({ dialect: {}, ${methods} }),
});
`;

const configuration = `
parts:
  calendar: { use: calendar }
  lake:     { use: ./lake.mjs }
  history:  { use: offline-store, warehouse: lake }
pipelines:
  clock:
    request: { at: timestamp }
    time: request.at
    steps: [{ transform: calendar }]
    response: { outputs: { hour: calendar.hour } }
`;
const served = configuration.replace(
  'parts:',
  'parts:\n  web: { use: express, port: 0 }\n  api: { use: rest, server: web }',
);
const trainingSet = ['training-set', 'clock', '--spine', 'spine.yaml', '--out', 'out.csv'];
const connect = ['check', '--connect'];
const serve = ['serve', '--drain-delay', '100', '--drain-timeout', '100'];

describe('An interrupted command', function () {
  this.timeout(60_000);
  let project: StockProject;
  let run: Running;
  before(() => (project = stockProject({})));
  after(() => project.remove());
  afterEach(() => run.child.kill('SIGKILL'));

  /** Runs a command over a part, and sends it the signal as soon as it has printed what is waited for. */
  async function interrupted(
    part: string,
    { argv = trainingSet, signal = 'SIGINT', at = /begun/ }: Interrupt = {},
  ): Promise<Running> {
    project.write({
      'vivace.yaml': argv[0] === 'serve' ? served : configuration,
      'lake.mjs': lake(part),
      'spine.yaml': 'table: spine.csv\ntime: at\n',
    });
    run = project.vivace(argv);
    await run.until(at);
    run.child.kill(signal);
    return run;
  }

  const neverStarts = 'async start() { begin(); alive(); await never(); }';
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends on ${signal} though a promise of a library never settles`, async () => {
      const { ended, output } = await interrupted(neverStarts, { signal });
      expect(await ended).to.equal(130);
      expect(output()).to.equal('begun\ninterrupted\n');
    });
  }

  it('ends though a handle stays open', async () => {
    const { ended, output } = await interrupted('async start() { begin(); alive(); await signalled(); }');
    expect(await ended).to.equal(130);
    expect(output()).to.equal('begun\ninterrupted\n');
  });

  it('ends though a part that failed to start never stops', async () => {
    const { ended, output } = await interrupted(
      'async start() { begin(); await signalled(); }, async stop() { alive(); await never(); }',
    );
    expect(await ended).to.equal(130);
    expect(output()).to.equal('begun\ninterrupted\n');
  });

  it('ends though its server never stops', async () => {
    const { ended, output } = await interrupted(
      'async describe() { begin(); alive(); await never(); }, async stop() { alive(); await never(); }',
      { argv: connect },
    );
    expect(await ended).to.equal(130);
    expect(output().match(/interrupted/g)).to.have.length(1);
  });

  it('ends with 0 where it serves and a part never stops: that is abandoned', async () => {
    const { ended, output } = await interrupted('async stop() { alive(); await never(); }', {
      argv: serve,
      signal: 'SIGTERM',
      at: /serving on/,
    });
    expect(await ended).to.equal(0);
    expect(output()).to.match(/did not stop within \d+ ms: it is abandoned/);
  });

  it('ends with 0 where it serves and stops in good order, though a handle stays open', async () => {
    const { ended } = await interrupted('async start() { alive(); }', { argv: serve, at: /serving on/ });
    expect(await ended).to.equal(0);
  });

  it('ends at once when it is told again', async () => {
    const { ended } = await interrupted(
      `async stop() { process.stderr.write('stopping\\n'); alive(); await never(); }`,
      { argv: ['serve', '--drain-timeout', '3600000'], at: /serving on/ },
    );
    await run.until(/stopping/);
    run.child.kill('SIGTERM');
    expect(await ended).to.equal(130);
  });

  it('is killed where a library keeps its thread', async () => {
    const { ended } = await interrupted(
      'async start() { begin(); await signalled(); }, stop() { for (;;); }',
    );
    expect(await ended).to.equal('SIGKILL');
  });

  it('dies of SIGINT, which is 130 to a shell, where a library keeps the process from exiting', async () => {
    const { ended, output } = await interrupted(
      `async start() { process.on('exit', () => { for (;;); }); begin(); await signalled(); }`,
    );
    expect(await ended).to.equal('SIGINT');
    expect(output()).to.equal('begun\ninterrupted\n');
  });
});

interface Interrupt {
  readonly argv?: readonly string[];
  readonly signal?: NodeJS.Signals;
  readonly at?: RegExp;
}
