import { expect } from 'chai';
import { canonicalJson, type FeatureView, type ViewFeature } from 'vivace';
import type { ViewInput } from '../../core/views/schema.js';
import { aggregates, compile, facts } from '../support/view-inputs.js';

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
