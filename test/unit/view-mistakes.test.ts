import { expect } from 'chai';
import { isVivaceError } from 'vivace';
import { viewSchema, type ViewInput } from '../../core/views/schema.js';
import { aggregates, compile, facts } from '../support/view-inputs.js';

describe('View mistakes', () => {
  const feature = (declared: object): ViewInput => ({
    ...aggregates,
    features: { x: declared } as ViewInput['features'],
  });
  const plain = (declared: object): ViewInput => ({
    ...facts,
    features: { x: declared } as ViewInput['features'],
  });
  const mistakes: [string, ViewInput, string, RegExp][] = [
    ['a float as key', { ...facts, entity: { airport: 'float64' } }, 'entity.airport', /a key is a string/],
    ['a vector as key', { ...facts, entity: { airport: 'int32[2]' } }, 'entity.airport', /not an int32\[2\]/],
    [
      'two features of one name',
      {
        ...aggregates,
        features: {
          x: { aggregate: 'count', windowDays: [1] },
          x_1d: { aggregate: 'count', windowDays: 1 },
        },
      },
      'features.x_1d',
      /two features/,
    ],
    ['a window twice', feature({ aggregate: 'count', windowDays: [1, 1] }), 'features.x_1d', /two features/],
    [
      'columns beside aggregates',
      { ...aggregates, features: { ...aggregates.features, x: { type: 'int32' } } },
      'features',
      /make two views/,
    ],
    [
      'aggregates without an event time',
      { ...aggregates, source: { table: 'flights' } },
      'source.eventTime',
      /need the event time/,
    ],
    [
      'an available time without an event time',
      { ...facts, source: { table: 't', availableTime: 'a' } },
      'source.availableTime',
      /needs an event time too/,
    ],
    [
      'a key column of no key',
      { ...facts, source: { table: 't', key: { port: 'x' } } },
      'source.key.port',
      /not a key of the entity/,
    ],
    [
      'a key column of an inherited name',
      { ...facts, source: { table: 't', key: { toString: 'x' } } },
      'source.key.toString',
      /not a key/,
    ],
    [
      'a count of a column',
      feature({ aggregate: 'count', of: 'delay', windowDays: 1 }),
      'features.x.of',
      /leave `of` out/,
    ],
    ['a mean of nothing', feature({ aggregate: 'mean', windowDays: 1 }), 'features.x.of', /needs `of`/],
    [
      'a share without a bound',
      feature({ aggregate: 'share', of: 'delay', windowDays: 1 }),
      'features.x.above',
      /needs `above`/,
    ],
    [
      'a bound without a share',
      feature({ aggregate: 'mean', of: 'delay', above: 1, windowDays: 1 }),
      'features.x.above',
      /goes with `share` only/,
    ],
    [
      'an aggregate that is text',
      feature({ aggregate: 'count', windowDays: 1, type: 'string' }),
      'features.x.type',
      /`count` is a float32/,
    ],
    [
      'a last value without a type',
      feature({ aggregate: 'last', of: 'delay', windowDays: 1 }),
      'features.x.type',
      /`last` needs `type`, that of the column/,
    ],
    [
      'a first list',
      feature({ aggregate: 'first', of: 'delay', type: 'list<int64>', windowDays: 1 }),
      'features.x.type',
      /`first` is a single value/,
    ],
    [
      'a last value of nothing',
      feature({ aggregate: 'last', type: 'string', windowDays: 1 }),
      'features.x.of',
      /`last` needs `of`/,
    ],
    [
      'different values of nothing',
      feature({ aggregate: 'count_distinct', windowDays: 1 }),
      'features.x.of',
      /`count_distinct` needs `of`/,
    ],
    [
      'a number of texts that is text',
      feature({ aggregate: 'count_distinct', of: 'delay', windowDays: 1, type: 'string' }),
      'features.x.type',
      /`count_distinct` is a float32/,
    ],
    [
      'a bound of the number of events',
      feature({ aggregate: 'count', upTo: 5, windowDays: 1 }),
      'features.x.upTo',
      /goes with `count_distinct` only/,
    ],
    [
      'text as default of a last number',
      feature({ aggregate: 'last', of: 'delay', type: 'int32', default: 'a', windowDays: 1 }),
      'features.x.default',
      /"a" is not an int32/,
    ],
    [
      'an aggregate without a window',
      feature({ aggregate: 'count' }),
      'features.x.windowDays',
      /needs `windowDays` or `windowHours`/,
    ],
    [
      'a window of days and hours',
      feature({ aggregate: 'count', windowDays: 1, windowHours: 24 }),
      'features.x.windowHours',
      /give either/,
    ],
    [
      'windows of days beside some of hours',
      { ...aggregates, features: { ...aggregates.features, x: { aggregate: 'count', windowHours: [6] } } },
      'features.x.windowHours',
      /either days or hours, not both: make two views/,
    ],
    [
      'text as default of a number',
      plain({ type: 'int32', default: 'a' }),
      'features.x.default',
      /"a" is not an int32/,
    ],
    [
      'a fraction as default of an int32',
      plain({ type: 'int32', default: 1.5 }),
      'features.x.default',
      /1.5 is not an int32/,
    ],
    [
      'a default beyond int32',
      plain({ type: 'int32', default: 2 ** 31 }),
      'features.x.default',
      /is not an int32/,
    ],
    [
      'a default of an int64 that no double holds',
      plain({ type: 'int64', default: 2 ** 53 }),
      'features.x.default',
      /is not an int64/,
    ],
    [
      'a default of bytes',
      plain({ type: 'bytes', default: 1 }),
      'features.x.default',
      /no default for a bytes/,
    ],
    [
      'a default of a vector',
      plain({ type: 'float32[2]', default: 1 }),
      'features.x.default',
      /no default for a float32/,
    ],
    [
      'a number as default of a bool',
      plain({ type: 'bool', default: 1 }),
      'features.x.default',
      /1 is not a bool/,
    ],
  ];
  for (const [what, view, path, message] of mistakes) {
    it(`refuses ${what}`, () => {
      let thrown: unknown;
      try {
        compile(view);
      } catch (error) {
        thrown = error;
      }
      if (!isVivaceError(thrown))
        throw new Error('nothing, or something else, was thrown', { cause: thrown });
      expect([thrown.code, thrown.path]).to.deep.equal(['INVALID_CONFIG', path]);
      expect(thrown.message).to.match(message);
    });
  }

  const unparsed: [string, object][] = [
    ['no entity', { ...facts, entity: {} }],
    ['no features', { ...facts, features: {} }],
    ['a table and a query', { ...facts, source: { table: 't', query: 'select 1' } }],
    ['neither table nor query', { ...facts, source: {} }],
    ['an unknown key', { ...facts, shop: 'x' }],
    ['a name with a dot', { ...facts, features: { 'a.b': { type: 'int32' } } }],
    ['an unknown type', { ...facts, features: { a: { type: 'int31' } } }],
    ['a window of no days', { ...aggregates, features: { a: { aggregate: 'count', windowDays: 0 } } }],
    [
      'a window of 11 years of hours',
      { ...aggregates, features: { a: { aggregate: 'count', windowHours: 87_601 } } },
    ],
    [
      'a number of different values up to none',
      { ...aggregates, features: { a: { aggregate: 'count_distinct', of: 'b', windowDays: 1, upTo: 0 } } },
    ],
    ['an empty list of windows', { ...aggregates, features: { a: { aggregate: 'count', windowDays: [] } } }],
    ['a max age of 0', { ...facts, maxAgeMs: 0 }],
  ];
  for (const [what, view] of unparsed) {
    it(`refuses ${what}`, () => expect(viewSchema.safeParse(view).success).to.equal(false));
  }

  it('refuses features, or keys, that differ in case only: warehouses do not tell them apart', () => {
    const mistake = (change: object): string => {
      try {
        compile({ ...facts, ...change });
      } catch (error) {
        return isVivaceError(error) ? `${error.code} ${error.path}: ${error.message}` : String(error);
      }
      return 'none';
    };
    expect(mistake({ features: { State: { type: 'string' }, state: { type: 'string' } } })).to.equal(
      'INVALID_CONFIG features.state: "State" and "state" differ in case only, and warehouses do not tell them apart: rename one',
    );
    const windows = {
      n: { aggregate: 'count', windowDays: [1] },
      N_1d: { aggregate: 'count', windowDays: 1 },
    };
    expect(mistake({ source: aggregates.source, entity: aggregates.entity, features: windows })).to.match(
      /^INVALID_CONFIG features\.N_1d: "n_1d" and "N_1d" differ/,
    );
    expect(mistake({ entity: { airport: 'string', AIRPORT: 'string' } })).to.match(
      /^INVALID_CONFIG entity\.AIRPORT: /,
    );
  });

  it('refuses names that a pushed row has twice, and only where rows are pushed', () => {
    const pushed = (entity: ViewInput['entity'], features: ViewInput['features']): string => {
      try {
        compile({ store: 'online', entity, features });
      } catch (error) {
        return isVivaceError(error) ? `${error.path}: ${error.message}` : String(error);
      }
      return 'fine';
    };
    const type = 'float32';
    expect(pushed({ sku: 'string' }, { eventTime: { type } })).to.equal(
      'features.eventTime: rows of this view are pushed, and `eventTime` is the time of a row: choose another name',
    );
    expect(pushed({ eventTime: 'string' }, { x: { type } })).to.match(/^entity\.eventTime: /);
    expect(pushed({ sku: 'string' }, { sku: { type } })).to.equal(
      'features.sku: rows of this view are pushed, and "sku" is one of its keys: choose another name',
    );
    expect(pushed({ sku: 'string' }, { x: { type } })).to.equal('fine');
    expect(compile({ ...facts, features: { airport: { type } } }).features).to.have.length(1);
  });
});
