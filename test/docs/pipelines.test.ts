import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cellAt,
  columnOf,
  createServer,
  definePipeline,
  FeatureRows,
  isVivaceError,
  loadServer,
  offlineStore,
  onlineStore,
  parseType,
  type ServerOf,
  type TrainingSetManifest,
  VivaceError,
} from 'vivace';
import { parse } from 'yaml';
import { pipelineSchema } from '../../core/pipeline/schema.js';
import { cacheSpec } from '../../core/steps/cache/schema.js';
import { fetchSchema } from '../../core/steps/fetch/schema.js';
import { predictSchema } from '../../core/steps/predict/schema.js';
import { transformSchema } from '../../core/steps/transform/transform.js';
import { spineSchema } from '../../core/offline/spine.js';
import { aggregateFeature, plainFeature, viewSchema, viewSource } from '../../core/views/schema.js';
import { importBlock, removeFolder, writeFiles } from '../support/guide.js';
import { table } from '../support/parts.js';
import { createProject } from '../support/project.js';
import { filesOf, readText } from '../support/repository.js';

const page = 'docs/pipelines.md';
const block = (name: string): never => JSON.parse(filesOf(page).get(name)!) as never;
const context = { signal: new AbortController().signal };

/** A column of the table of policies. */
interface Column {
  readonly policy: 'default' | 'null' | 'skip' | 'fail';
  readonly hasDefault: boolean;
}

const policies: readonly Column[] = [
  { policy: 'default', hasDefault: true },
  { policy: 'default', hasDefault: false },
  { policy: 'null', hasDefault: true },
  { policy: 'skip', hasDefault: true },
  { policy: 'fail', hasDefault: true },
];

describe('docs/pipelines.md', () => {
  let folder: string;
  let server: ServerOf;

  before(async () => {
    folder = writeFiles(page);
    server = await loadServer(join(folder, 'vivace.yaml'));
    await server.start();
    const history = server.part(offlineStore, 'history');
    for (const view of server.views.values()) {
      await history.materialize(view, { untilMs: Date.parse('2026-03-04T00:00:00Z') }, context);
    }
  });
  after(async () => {
    await server.stop();
    removeFolder(folder);
  });

  it('shows the answer that its example gives', async () => {
    const answer = await server.predict('offer', block('request.json'), { requestId: 'r1' });
    expect(answer).to.deep.equal(block('answer.json'));
  });

  it('shows what explain gives', async () => {
    const request = { ...(block('request.json') as object), explain: true };
    const { explain } = await server.predict('offer', request);
    expect(explain).to.deep.equal(block('explain.json'));
  });

  it('shows the rows of its view by their date', async () => {
    const rows = tableAfter('**The date of a row.**').slice(1);
    const view = server.views.get('customer_orders')!;
    const customers = columnOf(
      parseType('string'),
      rows.map(([customer]) => customer!),
    );
    // Half a day later: the row of the day, and not of the day before.
    const time = Float64Array.from(rows, ([, date]) => Date.parse(`${date}T12:00:00Z`) * 1000);
    const history = server.part(offlineStore, 'history');
    await using reader = await history.openAsOf([view], context);
    const read = await reader.read(view, { rows: rows.length, columns: [customers], time }, context);
    expect(cellsOf(read, ['orders_1d', 'orders_7d', 'spent'])).to.deep.equal(rows.map((row) => row.slice(2)));
    const days = Array.from(read.eventTime, (micros) => new Date(micros / 1000).toISOString().slice(0, 10));
    expect(days).to.deep.equal(rows.map(([, date]) => date));
  });

  it('says that the last row stands once the longest window has emptied', async () => {
    const view = server.views.get('customer_orders')!;
    const history = server.part(offlineStore, 'history');
    await history.materialize(view, { untilMs: Date.parse('2026-05-01T00:00:00Z') }, context);
    const ada = columnOf(parseType('string'), ['ada']);
    const out = new FeatureRows(view.features, 1);
    const online = server.part(onlineStore, 'online').open(view);
    await online.read({ rows: 1, time: 0, column: () => ada }, out, context);
    expect(new Date(out.eventTime[0]! / 1000).toISOString()).to.match(/^2026-03-11/);
  });

  it('runs its code', async () => {
    expect((await importBlock(page, 'shop.ts'))['weekday']).to.equal(3);
  });

  const tables: [string, { readonly shape: object }][] = [
    ['### View', viewSchema],
    ['### Source', viewSource],
    ['### Plain feature', plainFeature],
    ['### Aggregate', aggregateFeature],
    ['## Pipeline', pipelineSchema],
    ['### fetch', fetchSchema],
    ['### transform', transformSchema],
    ['### predict', predictSchema],
    ['## Response', pipelineSchema.shape.response],
  ];
  for (const [heading, schema] of tables) {
    it(`lists every key under "${heading}", and no other`, () => {
      expect(keysAfter(readText(page), heading)).to.deep.equal(Object.keys(schema.shape).sort());
    });
  }

  for (const [row, ...cells] of tableAfter('What becomes of a value').slice(1)) {
    policies.forEach(({ policy, hasDefault }, i) => {
      const cell = cells[i] === 'as `default`' ? cells[0]! : cells[i]!;
      it(`says what becomes of a row that is ${row} under ${policy}${hasDefault ? '' : ' without a default'}: ${cell}`, async () => {
        expect(await becomes(row!, { policy, hasDefault })).to.equal(
          cell.replace("the outage's error, such as 503", '503').replaceAll('`', ''),
        );
      });
    });
  }

  it('names every key of a cache', () => {
    expect(Object.keys(cacheSpec.shape)).to.deep.equal(['in', 'ttlMs']);
  });
});

describe('docs/pipelines.md, from the command line', () => {
  it('prints the answer that its example shows', async () => {
    const files = Object.fromEntries(
      [...filesOf(page)].filter(([name]) => !/\.ts$|^answer|^explain/.test(name)),
    );
    const project = await createProject(files);
    try {
      const shown = /```sh\n((?:vivace .*\n)+)```/.exec(readText(page))![1]!;
      const commands = shown.trim().split('\n');
      expect(commands).to.have.length(2);
      let last = '';
      for (const command of commands) {
        const { code, stdout, stderr } = await project.vivace(command.split(' ').slice(1));
        expect(code, stderr).to.equal(0);
        last = stdout;
      }
      const { requestId, ...answer } = JSON.parse(last) as { requestId: string };
      const { requestId: _, ...expected } = block('answer.json') as { requestId: string };
      expect(answer).to.deep.equal(expected);
      expect(requestId).to.be.a('string');
    } finally {
      await project.remove();
    }
  });
});

describe('docs/training-sets.md', () => {
  let folder: string;

  before(() => {
    folder = writeFiles(page);
    writeFileSync(join(folder, 'offers.csv'), filesOf('docs/training-sets.md').get('offers.csv')!);
  });
  after(() => removeFolder(folder));

  it('shows the rows that its example gives, and the manifest', async () => {
    const { train } = (await importBlock('docs/training-sets.md', 'training.ts')) as unknown as {
      train: (directory: string) => Promise<TrainingSetManifest>;
    };
    const manifest = await train(folder);
    const shown = filesOf('docs/training-sets.md').get('train.csv');
    expect(readFileSync(join(folder, 'train.csv'), 'utf8')).to.equal(shown);
    const fields = tableAfter('## Manifest', 'docs/training-sets.md')
      .slice(1)
      .map(([field]) => field!.replaceAll('`', ''));
    expect(fields.sort()).to.deep.equal(Object.keys(manifest).sort());
  });

  it('hands out the labels that its code asks for', async () => {
    const { labels } = (await importBlock('docs/training-sets.md', 'training.ts')) as unknown as {
      labels: (directory: string) => Promise<unknown[]>;
    };
    expect(await labels(folder)).to.deep.equal([true, false, false]);
  });

  it('has a spine file that says what its code says', () => {
    const spine = spineSchema.parse(parse(filesOf('docs/training-sets.md').get('spine.yaml')!));
    expect(spine).to.include({ table: 'offers.csv', time: 'offered_at' });
  });

  it('lists every key of a spine, and no other', () => {
    const { shape } = spineSchema as unknown as { shape: object };
    expect(keysAfter(readText('docs/training-sets.md'), '## Spine')).to.deep.equal(Object.keys(shape).sort());
  });
});

/** What one cell of that table says, found out by a request. */
async function becomes(row: string, { policy, hasDefault }: Column): Promise<string> {
  const values: Record<string, Record<string, (number | null)[]>> = {
    'present, with a value': { x: [1] },
    'present, null': { x: [null] },
    STALE: { x: [1] },
    FAILED: { x: [1] },
    MISSING: { y: [1] },
  };
  const server = await createServer({
    parts: {
      rows: {
        use: table,
        rows: values[row]!,
        maxAgeMs: 1000,
        eventTime: row === 'STALE' ? 0 : 9_999_999_000,
        fail: () => (row === 'FAILED' ? new VivaceError('UNAVAILABLE', 'away') : undefined),
        ...(hasDefault ? { defaults: [7] } : {}),
      },
    },
    pipelines: {
      p: definePipeline({
        objects: { fields: { id: 'string' } },
        steps: [{ fetch: 'rows', onMissing: policy, onFailure: policy }],
        response: { outputs: { value: 'rows.f0' } },
      }),
    },
    clock: { now: () => 10_000_000, monotonic: () => 0 },
  });
  await server.start();
  try {
    const { objects, explain } = await server.predict('p', { objects: [{ id: 'x' }], explain: true });
    const { value, status } = (
      explain as { objects: { rows: { features: { f0: { value: unknown; status: string } } } }[] }
    ).objects[0]!.rows.features.f0;
    expect(objects.length).to.equal(status === 'SKIPPED' ? 0 : 1);
    return `${value === 1 ? 'the value' : value === 7 ? 'the default' : String(value)}, ${status}`;
  } catch (error) {
    if (!isVivaceError(error)) throw error;
    return `${error.httpStatus} ${error.code}`;
  } finally {
    await server.stop();
  }
}

function cellsOf(rows: FeatureRows, names: readonly string[]): string[][] {
  const columns = names.map((name) => rows.column(name).finish());
  return Array.from({ length: rows.rows }, (_, row) => columns.map((column) => String(cellAt(column, row))));
}

/** Cells of the first table after a text: without its line of dashes, code marks taken off. */
function tableAfter(text: string, of = page): string[][] {
  const after = readText(of).split(text)[1] ?? '';
  const table = /(?:^\|.*\|\n)+/m.exec(after)?.[0] ?? '';
  return table
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('|-'))
    .map((line) => line.slice(2, -2).split(' | '));
}

/** The keys that the first column of the table under a heading names. */
function keysAfter(text: string, heading: string): string[] {
  const section = text.split(`\n${heading}\n`)[1]!.split(/\n#+ /)[0]!;
  const table = /(?:^\|.*\|\n?)+/m.exec(section)![0];
  return [...table.matchAll(/^\| ((?:`[^`]+`(?:, )?)+)/gm)]
    .flatMap(([, cell]) => [...cell!.matchAll(/`([^`]+)`/g)].map(([, key]) => key!))
    .sort();
}
