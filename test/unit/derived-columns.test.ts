import { expect } from 'chai';
import { isVivaceError } from 'vivace';
import { viewSchema } from '../../core/views/schema.js';
import { compileView } from '../../core/views/view.js';

const spec = (source: object): object => ({
  entity: { shop: 'string' },
  source: { table: 'sales', eventTime: 'at', ...source },
  features: { revenue: { type: 'float64' } },
});

const hashOf = (source: object): string =>
  compileView('v', viewSchema.parse({ store: 'online', ...spec(source) })).hash;

function mistakeOf(source: object): string {
  try {
    hashOf(source);
  } catch (error) {
    return isVivaceError(error) ? `${error.path}: ${error.message}` : String(error);
  }
  throw new Error('it has no mistake');
}

describe('derived columns of a view', () => {
  const revenue = 'quantity * price';

  it('are part of its hash, whatever the spaces, and absent where there are none', () => {
    const hash = hashOf({ columns: { revenue } });
    expect(hash).to.equal(hashOf({ columns: { revenue: '( quantity*price )' } }));
    expect(hash).not.to.equal(hashOf({ columns: { revenue: 'price * quantity' } }));
    expect(hash).not.to.equal(hashOf({}));
    expect(hashOf({ columns: {} })).to.equal(hashOf({}));
  });

  it('keep the hash that they have', () => {
    const columns = {
      a: 'case when not x in (1, -2) or y is null then -x else coalesce(x, 0.5) end + min(x, 1e300) / 3',
      b: `"unit price" >= 1 and s != 'it''s'`,
    };
    expect(hashOf({ columns })).to.equal('sd7hyrvnv4');
  });

  const mistakes: readonly (readonly [string, object, string])[] = [
    [
      'a text that cannot be parsed',
      { columns: { revenue: 'quantity * (price' } },
      'source.columns.revenue: at character 18: the expression ends where ) is expected',
    ],
    [
      'kinds that do not fit together',
      { columns: { revenue: 'quantity + 1', free: "quantity = 'none'" } },
      "source.columns.free: at character 12: = takes values of one kind, and 'none' is a text beside a number",
    ],
    [
      'a column that is derived itself',
      { columns: { revenue, net: 'Revenue * 0.81' } },
      'source.columns.net: "Revenue" is a derived column, and an expression uses columns of the source itself: write its expression instead',
    ],
    [
      'names that differ in case only',
      { columns: { revenue, Revenue: revenue } },
      'source.columns.Revenue: "revenue" and "Revenue" differ in case only, and warehouses do not tell them apart: rename one',
    ],
    [
      'a key that is derived',
      { columns: { shop: 'a > 1' } },
      'source.key.shop: "shop" is a derived column: keys and times are columns of the source itself',
    ],
    [
      'a time that is derived',
      { columns: { AT: 'a > 1' } },
      'source.eventTime: "at" is a derived column: keys and times are columns of the source itself',
    ],
  ];
  for (const [what, source, message] of mistakes)
    it(`refuse ${what}`, () => expect(mistakeOf(source)).to.equal(message));
});
