import { expect } from 'chai';
import { canonicalJson, isVivaceError, type FeatureView, type ViewFeature } from 'vivace';
import { viewSchema, type ViewInput } from '../../core/views/schema.js';
import { compileView } from '../../core/views/view.js';

const aggregates: ViewInput = {
  store: 'online',
  entity: { airport: 'string' },
  source: { table: 'flights', key: { airport: 'origin' }, eventTime: 'date' },
  features: {
    flights: { aggregate: 'count', windowDays: [1, 7] },
    delay_mean: { aggregate: 'mean', of: 'delay', windowDays: 28, unit: 'min', default: 0 },
    late: { aggregate: 'share', of: 'delay', above: 15, windowDays: [7] },
  },
};
const facts: ViewInput = {
  store: 'online',
  entity: { airport: 'string' },
  source: { table: 'airports.csv', key: { airport: 'iata' } },
  features: { state: { type: 'string' }, latitude: { type: 'float64', of: 'lat' } },
};

function compile(view: ViewInput, name = 'view'): FeatureView {
  return compileView(name, viewSchema.parse(view));
}

describe('View', () => {
  it('makes a feature per window of a list, and keeps the name of a single one', () => {
    const names = compile(aggregates).features.map((feature) => `${feature.name} ${feature.type.name}`);
    expect(names).to.deep.equal([
      'flights_1d int32',
      'flights_7d int32',
      'delay_mean float32',
      'late_7d float32',
    ]);
  });

  it('says where each value comes from', () => {
    expect(compile(aggregates).features[3]!.origin).to.deep.equal({
      kind: 'aggregate',
      aggregate: 'share',
      of: 'delay',
      above: 15,
      windowDays: 7,
    });
    expect(compile(facts).features[1]!.origin).to.deep.equal({ kind: 'column', column: 'lat' });
  });

  it('has windows of hours instead of days, whose features end in h', () => {
    const { features } = compile({
      ...aggregates,
      features: {
        n: { aggregate: 'count', windowHours: [1, 24] },
        last: { aggregate: 'last', of: 'carrier', type: 'string', windowHours: 6 },
      },
    });
    expect(features.map(({ name, type, origin }) => [name, type.name, origin])).to.deep.equal([
      ['n_1h', 'int32', { kind: 'aggregate', aggregate: 'count', windowHours: 1 }],
      ['n_24h', 'int32', { kind: 'aggregate', aggregate: 'count', windowHours: 24 }],
      ['last', 'string', { kind: 'aggregate', aggregate: 'last', of: 'carrier', windowHours: 6 }],
    ]);
  });

  it('counts different values up to 1,000 where nothing else is said', () => {
    const counted = (change: object): unknown =>
      compile({
        ...aggregates,
        features: { n: { aggregate: 'count_distinct', of: 'carrier', windowDays: 7, ...change } },
      });
    expect(counted({})).to.deep.equal(counted({ upTo: 1000 }));
    const [{ type, origin }] = (counted({ upTo: 20 }) as FeatureView).features as [ViewFeature];
    expect([type.name, 'upTo' in origin && origin.upTo]).to.deep.equal(['int32', 20]);
  });

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

  it('takes the available time for the event time where nothing else is said', () => {
    expect(compile(aggregates).source).to.include({ eventTime: 'date', availableTime: 'date' });
  });

  it('reads a key from the column of its own name unless told', () => {
    const route = compile({ ...aggregates, entity: { airport: 'string', to: 'string' } });
    expect(route.source?.key).to.deep.equal({ airport: 'origin', to: 'to' });
  });

  it('is static without an event time, and only with a source', () => {
    const pushed: ViewInput = {
      store: 'online',
      entity: facts.entity,
      features: { state: { type: 'string' } },
    };
    expect([facts, aggregates, pushed].map((view) => compile(view).isStatic)).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  describe('hash', () => {
    const { hash } = compile(aggregates);

    it('is ten characters of base32', () => expect(hash).to.match(/^[a-z2-7]{10}$/));

    const same: [string, ViewInput][] = [
      ['the store', { ...aggregates, store: 'other' }],
      ['the owner', { ...aggregates, owner: 'team' }],
      ['the description', { ...aggregates, description: 'about' }],
      ['the max age', { ...aggregates, maxAgeMs: 5 }],
      [
        'unit, default and description of a feature',
        withFeature({ unit: 'h', default: 1, description: 'about' }),
      ],
      ['the order of the features', reordered()],
      ['a type that is the default', withFeature({ type: 'float32' })],
      [
        'a key column that is the default',
        { ...aggregates, source: { ...aggregates.source, availableTime: 'date' } },
      ],
    ];
    for (const [what, view] of same) {
      it(`does not depend on ${what}`, () => expect(compile(view).hash).to.equal(hash));
    }

    it('does not depend on the name', () => expect(compile(aggregates, 'other').hash).to.equal(hash));

    const source = aggregates.source!;
    const different: [string, ViewInput][] = [
      [
        'the name of a key',
        { ...aggregates, entity: { place: 'string' }, source: { ...source, key: { place: 'origin' } } },
      ],
      ['the type of a key', { ...aggregates, entity: { airport: 'int64' } }],
      ['the table', { ...aggregates, source: { ...source, table: 'other' } }],
      ['the key column', { ...aggregates, source: { ...source, key: {} } }],
      ['the event time', { ...aggregates, source: { ...source, eventTime: 'day' } }],
      ['the available time', { ...aggregates, source: { ...source, availableTime: 'loaded' } }],
      ['the rows used', { ...aggregates, source: { ...source, where: { delay: { max: 5 } } } }],
      ['distinct', { ...aggregates, source: { ...source, distinct: true } }],
      ['the type of a feature', withFeature({ type: 'float64' })],
      ['the column of a feature', withFeature({ of: 'distance' })],
      ['the aggregate', withFeature({ aggregate: 'stddev' })],
      ['the window', withFeature({ windowDays: 7 })],
      ['the number of different values', withFeature({ aggregate: 'count_distinct' })],
      ['how many of them are counted', withFeature({ aggregate: 'count_distinct', upTo: 10 })],
    ];
    it('is another for each difference of', () => {
      expect(new Set(different.map(([, view]) => compile(view).hash)).size).to.equal(different.length);
    });
    for (const [what, view] of different) {
      it(`depends on ${what}`, () => expect(compile(view).hash).not.to.equal(hash));
    }
  });

  describe('mistakes', () => {
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
      [
        'a vector as key',
        { ...facts, entity: { airport: 'int32[2]' } },
        'entity.airport',
        /not an int32\[2\]/,
      ],
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
      [
        'a window twice',
        feature({ aggregate: 'count', windowDays: [1, 1] }),
        'features.x_1d',
        /two features/,
      ],
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
      [
        'an empty list of windows',
        { ...aggregates, features: { a: { aggregate: 'count', windowDays: [] } } },
      ],
      ['a max age of 0', { ...facts, maxAgeMs: 0 }],
    ];
    for (const [what, view] of unparsed) {
      it(`refuses ${what}`, () => expect(viewSchema.safeParse(view).success).to.equal(false));
    }
  });
});

describe('canonicalJson', () => {
  it('is equal for equal values, whatever the order of their keys', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: 'x' })).to.equal('{"a":"x","b":[{"c":2,"d":1}]}');
  });
});

/** The aggregates view with one feature changed. */
function withFeature(change: object): ViewInput {
  const changed = { ...aggregates.features['delay_mean'], ...change } as ViewInput['features'][string];
  return { ...aggregates, features: { ...aggregates.features, delay_mean: changed } };
}

function reordered(): ViewInput {
  return { ...aggregates, features: Object.fromEntries(Object.entries(aggregates.features).toReversed()) };
}
