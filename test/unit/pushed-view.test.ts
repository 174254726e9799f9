import { expect } from 'chai';
import { createServer, type ConfigError } from 'vivace';
import { viewSchema, type ViewInput } from '../../core/views/schema.js';
import { compileView, type FeatureView } from '../../core/views/view.js';

const price = {
  store: 'online',
  entity: { sku: 'string' },
  features: { amount: { type: 'float64' } },
} satisfies ViewInput;
const source = { push: true, log: 'log' } as const;

function compile(view: ViewInput, name = 'price'): FeatureView {
  return compileView(name, viewSchema.parse(view));
}

/** The mistakes of a configuration with a view `price`. */
async function mistakesOf(view: object): Promise<readonly string[]> {
  try {
    await createServer({
      parts: {
        hot: { use: 'memory' },
        online: { use: 'online-store', store: 'hot' },
        lake: { use: 'duckdb' },
        files: { use: 'memory' },
        log: { use: 'served-log', encode: 'lake', blobs: 'files' },
      },
      views: { price: { ...price, ...view } },
      pipelines: {},
    });
    return [];
  } catch (error) {
    return (error as ConfigError).mistakes.map(
      ({ path, message }) => `${path.slice(2).join('.')}: ${message}`,
    );
  }
}

describe('A view whose pushed rows are kept', () => {
  it('has the history that its log has, by the times of each row', () => {
    const view = compile({ ...price, source });
    expect(view.source).to.include({ log: 'log', eventTime: 'eventTime', availableTime: 'availableTime' });
    expect([view.isStatic, view.isAggregate]).to.deep.equal([false, false]);
  });

  it('is the same view without a log, or with another one: what the store holds stays', () => {
    const { hash } = compile(price);
    expect(compile({ ...price, source }).hash).to.equal(hash);
    expect(compile({ ...price, source: { push: true, log: 'other' } }).hash).to.equal(hash);
    expect(compile({ ...price, source: { table: 't', eventTime: 'eventTime' } }).hash).to.not.equal(hash);
  });

  it('is another view under another name, whose rows nothing else tells apart', () => {
    for (const view of [price, { ...price, source }])
      expect(compile(view, 'price_us').hash).to.not.equal(compile(view, 'price_eu').hash);
    const sourced = { ...price, source: { table: 't', eventTime: 'eventTime' } };
    expect(compile(sourced, 'price_us').hash).to.equal(compile(sourced, 'price_eu').hash);
  });

  for (const [what, change, expected] of [
    [
      'no log',
      { source: { push: true } },
      'source: `push` needs `log`, the served-log part that keeps what is pushed; where nothing is to be kept, leave `source` out',
    ],
    [
      'a log without `push`',
      { source: { table: 't', log: 'log' } },
      'source: `log` goes with `push: true`: it keeps what is pushed',
    ],
    [
      '`push: false`',
      { source: { push: false, log: 'log' } },
      'source.push: false must be true, or be left out',
    ],
    [
      'a part that is not there',
      { source: { push: true, log: 'logg' } },
      'source.log: there is no served-log part "logg"; did you mean "log"?',
    ],
    [
      'a part that is not a log',
      { source: { push: true, log: 'hot' } },
      'source.log: there is no served-log part "hot"; there are log',
    ],
    [
      'aggregates',
      { source, features: { sold: { aggregate: 'sum', of: 'n', windowDays: 7 } } },
      'source.push: aggregates fold the events of a table: compute the values where the events are, and push them to plain features',
    ],
    [
      '`refresh`',
      { source, refresh: { everyMs: 1000 } },
      'refresh: goes with a source: rows that are pushed are there at once',
    ],
    [
      '`of`',
      { source, features: { amount: { type: 'float64', of: 'price' } } },
      'features.amount.of: rows of this view are pushed, with a value "amount": leave `of` out',
    ],
    [
      'the name of a column of the log',
      { source, features: { availableTime: { type: 'timestamp' } } },
      'features.availableTime: the log of this view says in `availableTime` when a row came: choose another name',
    ],
    [
      'a name that a file does not tell apart from a key',
      { source, features: { SKU: { type: 'string' } } },
      'features.SKU: the log of this view has "sku" too, which differs in case only: choose another name',
    ],
  ] as const)
    it(`refuses ${what}`, async () => {
      expect(await mistakesOf(change)).to.deep.equal([expected]);
    });

  it('refuses each key of a table, where it stands', async () => {
    const others = {
      table: 't',
      query: 'SELECT 1',
      eventTime: 'at',
      availableTime: 'known',
      overlapMs: 1,
      key: { sku: 's' },
      columns: { a: 'b' },
      where: { a: { min: 1 } },
      distinct: true,
    };
    const found = await mistakesOf({ source: { ...source, ...others } });
    expect(found.map((each) => each.split(':')[0])).to.have.members(
      Object.keys(others).map((key) => `source.${key}`),
    );
    expect(found).to.include(
      'source.table: "t" does not go with `push`: rows are pushed with the names of keys and features',
    );
    expect(await mistakesOf({ source: { ...source, where: {}, distinct: false } })).to.deep.equal([]);
  });
});
