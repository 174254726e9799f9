import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cellAt, columnOf, offlineStore as port, parseType, warehouse, type Cell } from 'vivace';
import { duckdb } from 'vivace/adapters/duckdb';
import { offlineStore } from 'vivace/plugins/offline-store';
import { callContext, startPart } from 'vivace/testing';
import { viewSchema } from '../../core/views/schema.js';
import { compileView, type FeatureView } from '../../core/views/view.js';
import { failureOf } from '../support/failure.js';

const sales = `shop,at,quantity,price,country,code,paid
a,2001-01-01T10:00:00Z,2,1.50,DE,007,true
a,2001-01-02T10:00:00Z,3,,AT,7,false
a,2001-01-03T10:00:00Z,4,0.25,DE,007,
b,2001-01-01T10:00:00Z,1,10,,8,true
`;

function viewOf(source: object, features: object): FeatureView {
  const spec = {
    store: 'online',
    entity: { shop: 'string' },
    source: { table: 'sales.csv', eventTime: 'at', ...source },
    features,
  };
  return compileView('sales', viewSchema.parse(spec));
}

describe('derived columns of a source', () => {
  let directory: string;
  const stops: (() => Promise<void>)[] = [];
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vivace-derived-'));
    writeFileSync(join(directory, 'sales.csv'), sales);
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });
  after(() => rmSync(directory, { recursive: true }));

  async function storeOver() {
    const lake = await startPart(duckdb, {}, { directory });
    stops.push(() => lake.stop());
    const part = await startPart(offlineStore, {}, { uses: { warehouse: lake.face(warehouse) } });
    stops.push(() => part.stop());
    return part.face(port);
  }

  async function read(view: FeatureView, shops: readonly string[], at = '2001-01-05'): Promise<Cell[][]> {
    const store = await storeOver();
    await using reader = await store.openAsOf([view], callContext(60_000));
    const requested = {
      rows: shops.length,
      columns: [columnOf(parseType('string'), shops)],
      time: new Float64Array(shops.length).fill(Date.parse(at) * 1000),
    };
    const found = await reader.read(view, requested, callContext(60_000));
    const columns = found.columns.map((writer) => writer.finish());
    return shops.map((_, row) => columns.map((column) => cellAt(column, row)));
  }

  it('are features, as they are and in aggregates', async () => {
    const columns = { revenue: 'quantity * price', german: "country = 'DE'" };
    const plain = viewOf({ columns }, { revenue: { type: 'float32' }, home: { type: 'bool', of: 'german' } });
    expect(await read(plain, ['a', 'b'])).to.deep.equal([
      [1, true],
      [10, null],
    ]);
    const folded = viewOf(
      { columns },
      {
        total: { aggregate: 'sum', of: 'revenue', windowDays: 7, type: 'float64' },
        home: { aggregate: 'mean', of: 'german', windowDays: 7, type: 'float64' },
      },
    );
    expect(await read(folded, ['a', 'b'])).to.deep.equal([
      [4, 2 / 3],
      [10, null],
    ]);
  });

  it('choose rows', async () => {
    const columns = { revenue: 'quantity * price', odd: "code = '7' or not paid" };
    const features = { quantity: { type: 'int32' } };
    const where = { revenue: { min: 2 } };
    expect(await read(viewOf({ columns, where }, features), ['a', 'b'])).to.deep.equal([[2], [1]]);
    const other = { odd: { equals: true } };
    expect(await read(viewOf({ columns, where: other, distinct: true }, features), ['a', 'b'])).to.deep.equal(
      [[3], [null]],
    );
  });

  it('take a text of a file as what a feature declares it to be', async () => {
    const declared = { code: { type: 'int32' }, doubled: { type: 'float64' } };
    expect(await read(viewOf({ columns: { doubled: 'code * 2' } }, declared), ['a'])).to.deep.equal([
      [7, 14],
    ]);
    expect(
      await read(viewOf({ columns: { same: "code = '007'" } }, { same: { type: 'bool' } }), ['a']),
    ).to.deep.equal([[true]]);
  });

  it('are checked against the columns of the source, each mistake at its place', async () => {
    const store = await storeOver();
    const mistakes = async (columns: object, more: object = {}): Promise<string[]> => {
      const view = viewOf({ columns, ...more }, { revenue: { type: 'float64' } });
      const report = await store.checkView(view, callContext(60_000));
      return report.mistakes.map(({ path, message }) => `${path.join('.')}: ${message}`);
    };
    expect(await mistakes({ revenue: 'quantity * prise' })).to.deep.equal([
      'source.columns.revenue: sales.csv has no column "prise"; did you mean "price"?',
    ]);
    expect(await mistakes({ revenue: 'quantity * country' })).to.deep.equal([
      'source.columns.revenue: at character 12: * takes numbers, and "country" is a text',
    ]);
    expect(await mistakes({ revenue: 'quantity * 2', Price: 'quantity' })).to.deep.equal([
      'source.columns.Price: sales.csv has a column "price" already: give the derived column another name',
    ]);
    expect(await mistakes({ revenue: 'quantity + coalesce(at, 0)' })).to.deep.equal([
      'source.columns.revenue: column "at" of sales.csv is a time, and an expression has numbers, truth values and texts only',
    ]);
    expect(await mistakes({ revenue: 'quantity * price' })).to.deep.equal([]);
    expect(
      await failureOf(
        read(viewOf({ columns: { revenue: 'prise' } }, { revenue: { type: 'float64' } }), ['a']),
      ),
    ).to.match(/INVALID_ARGUMENT.*no column "prise"/);
  });

  it('do not round integers beyond 2^53: they say which column has some', async () => {
    writeFileSync(join(directory, 'big.csv'), 'shop,at,n\na,2001-01-01T00:00:00Z,9007199254740993\n');
    const view = (features: object) => viewOf({ table: 'big.csv', columns: { half: 'n / 2' } }, features);
    const wrong = await failureOf(read(view({ half: { type: 'float64' } }), ['a']));
    expect(wrong).to.match(/INVALID_ARGUMENT.*"n".*2\^53/);
    const report = await (
      await storeOver()
    ).checkView(view({ half: { type: 'float64' } }), callContext(60_000));
    expect(report.mistakes.map(({ message }) => message).join()).to.match(/"n" of big.csv: 1 of 1 .*2\^53/);
  });
});
