import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  asOf,
  buildTrainingSet,
  cellAt,
  type Cell,
  type PipelineDeclaration,
  type Server,
  type SpineInput,
  type TrainingSetManifest,
  type Views,
} from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { memory } from 'vivace/adapters/memory';
import { offlineStore } from 'vivace/plugins/offline-store';
import { onlineStore } from 'vivace/plugins/online-store';
import { callContext } from 'vivace/testing';
import { adder } from './parts.js';
import { scriptedTransform, withServer } from './scripted.js';

const prices = `item,at,known,euro,owner
a,2001-01-01 00:00:00,2001-01-01 00:00:00,1,x
a,2001-01-03 00:00:00,2001-01-05 00:00:00,3,x
a,2001-01-09 00:00:00,2001-01-09 00:00:00,9,y
b,2001-01-02 00:00:00,2001-01-02 00:00:00,,y
`;
const owners = `owner,at,age
x,2001-01-01 00:00:00,40
y,2001-01-01 00:00:00,50
`;
const orders = `item,moment,count,sold
a,2001-01-04 12:00:00,1,10
a,2001-01-06 12:00:00,2,20
b,2001-01-06 12:00:00,3,30
c,2001-01-06 12:00:00,4,40
a,2000-12-31 00:00:00,5,50
a,2001-03-01 00:00:00,6,60
`;

/** The views of `pipeline`. */
export const views = {
  price: {
    store: 'online',
    entity: { item: 'string' },
    source: { table: 'prices.csv', eventTime: 'at', availableTime: 'known' },
    maxAgeMs: 20 * 86_400_000,
    features: { euro: { type: 'float64', default: -1 }, owner: { type: 'string' } },
  },
  owner: {
    store: 'online',
    entity: { owner: 'string' },
    source: { table: 'owners.csv', eventTime: 'at' },
    features: { age: { type: 'int32' } },
  },
} satisfies Views;

/** Two views, a transform and a model, for items at moments. */
export const pipeline: PipelineDeclaration = {
  request: { moment: 'timestamp', count: 'int32' },
  time: 'request.moment',
  objects: { fields: { item: 'string' } },
  steps: [
    { fetch: 'price' },
    { fetch: 'owner', key: { owner: 'price.owner' } },
    { transform: 'double', inputs: { value: 'price.euro' } },
    { predict: 'model', inputs: { x: ['double.twice'] } },
  ],
  response: { outputs: { y: 'model.sum' } },
};
/** Its requests. */
export const spine = { table: 'orders.csv', time: 'moment', labels: { sold: 'sold' } } satisfies SpineInput;

/** The parts of `pipeline`. */
export const parts = {
  hot: { use: memory },
  lake: { use: duckdb },
  online: { use: onlineStore, store: 'hot' },
  history: { use: offlineStore, warehouse: 'lake', online: 'online' },
  model: { use: adder, width: 1 },
  double: {
    use: scriptedTransform,
    describes: { reads: { value: 'float64' }, writes: { twice: 'float64' } },
    apply: (
      input: { column(name: string): { values: ArrayLike<number> } },
      out: { column(name: string): { values: unknown } },
    ): void => {
      out.column('twice').values = Float64Array.from(input.column('value').values, (value) => value * 2);
    },
  },
};

/** What tests of training sets work with. */
export interface TrainingSetFixture {
  /** The folder of the tables, and of what is built. */
  readonly directory: () => string;
  /** Runs a server; `p` is `declared`, or `pipeline`. */
  readonly within: <T>(
    use: (server: Server) => Promise<T>,
    declared?: PipelineDeclaration,
    more?: object,
    viewed?: object,
  ) => Promise<T>;
  /** Every column of a run of `p`, by its name, row by row. */
  readonly rowsOf: (
    server: Server,
    options: { spine: unknown; predict?: boolean },
  ) => Promise<Record<string, Cell>[]>;
  /** Builds a training set of `p` and `spine`. */
  readonly build: (server: Server, options?: object, file?: string) => Promise<TrainingSetManifest>;
}

/** Declares that the tests of a `describe` share a folder with the tables. */
export function trainingSetFixture(): TrainingSetFixture {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-training-'));
    for (const [name, text] of Object.entries({ prices, owners, orders }))
      writeFileSync(join(directory, `${name}.csv`), text);
    writeFileSync(join(directory, 'gaps.csv'), 'item,moment,count,sold\n,2001-01-04 12:00:00,1,1\na,,1,1\n');
    writeFileSync(
      join(directory, 'large.csv'),
      'item,moment,count,sold\na,2001-01-04 12:00:00,4294967296,1\n',
    );
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  const within = <T>(
    use: (server: Server) => Promise<T>,
    declared: PipelineDeclaration = pipeline,
    more: object = {},
    viewed: object = views,
  ): Promise<T> => {
    const named: Record<string, PipelineDeclaration> = { p: declared };
    return withServer(
      {
        directory,
        parts: { ...parts, ...more },
        views: viewed as typeof views,
        pipelines: named,
      },
      use,
    );
  };

  async function rowsOf(
    server: Server,
    options: { spine: unknown; predict?: boolean },
  ): Promise<Record<string, Cell>[]> {
    return asOf(
      server,
      { pipeline: 'p', ...options },
      async (blocks, { plan }) => {
        const rows: Record<string, Cell>[] = [];
        for await (const { frame, labels } of blocks) {
          for (let row = 0; row < frame.requests; row++) {
            const cells = plan.columns.flatMap(({ name, place }) => {
              const column = frame.columns[place];
              return column === undefined ? [] : [[name, cellAt(column, row)] as const];
            });
            rows.push({
              ...Object.fromEntries(cells),
              ...Object.fromEntries([...labels].map(([name, column]) => [name, cellAt(column, row)])),
            });
          }
        }
        return rows;
      },
      callContext(),
    );
  }

  const build = (server: Server, options: object = {}, file = 'set.csv'): Promise<TrainingSetManifest> =>
    buildTrainingSet(server, join(directory, file), { pipeline: 'p', spine, ...options }, callContext());

  return { directory: () => directory, within, rowsOf, build };
}
