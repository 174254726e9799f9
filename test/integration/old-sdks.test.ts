import { expect } from 'chai';
import { stockProject, type StockProject } from '../support/stock-project.js';

const configuration = `
parts:
  lake:    { use: duckdb }
  history: { use: offline-store, warehouse: lake }
pipelines:
  echo:
    request: { shop: string, at: timestamp }
    time: request.at
    steps: [{ transform: calendar }]
    response: { outputs: { hour: calendar.hour } }
`.replace('parts:', 'parts:\n  calendar: { use: calendar }');

/** Its `exports` hide the manifest, as those of many packages do; loading it would fail. */
const old = {
  'package.json': JSON.stringify({
    name: '@duckdb/node-api',
    version: '1.5.0-r.1',
    exports: { '.': './lib/index.js' },
  }),
  'lib/package.json': '{"type": "commonjs"}',
  'lib/index.js': `throw new Error('it was loaded');`,
};

const refusal =
  '@duckdb/node-api 1.5.0-r.1 is too old: with two threads its as-of join never ends; 1.5.5 or newer is needed';

describe('An SDK that is too old', () => {
  let project: StockProject;
  before(() => {
    project = stockProject(
      {
        'vivace.yaml': configuration,
        'spine.yaml': 'table: spine.csv\ntime: at\n',
        'spine.csv': 'shop,at\na,2026-01-01\n',
      },
      { '@duckdb/node-api': old },
    );
  });
  after(() => project.remove());

  it('is reported by `vivace check`, with the line for npm', async () => {
    const run = project.vivace(['check']);
    expect(await run.ended).to.equal(1);
    expect(run.output()).to.include(
      `packages are missing or too old:\n  ${refusal}\n\n  npm install @duckdb/node-api@latest\n`,
    );
  });

  it('keeps its part from starting, and is not loaded', async () => {
    const run = project.vivace(['training-set', 'echo', '--spine', 'spine.yaml', '--out', 'out.csv']);
    expect(await run.ended).to.equal(3);
    expect(run.output()).to.equal(
      `error FAILED_PRECONDITION: lake: ${refusal}: npm install @duckdb/node-api@latest\n`,
    );
  });
});
