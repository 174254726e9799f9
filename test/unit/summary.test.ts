import { expect } from 'chai';
import { ColumnGatherer, NumberGatherer, ValueGatherer } from '../../core/operations/summary.js';
import { columnOf, parseType } from 'vivace';

describe('Summaries of columns', () => {
  it('take quantiles from a sample of many numbers, the same each time', () => {
    const summary = () => {
      const gatherer = new NumberGatherer();
      for (let i = 0; i < 300_000; i++) gatherer.add((i * 7919) % 300_000);
      return gatherer.summary()!;
    };
    const { min, max, mean, quantiles, histogram } = summary();
    expect([min, max, mean]).to.deep.equal([0, 299_999, 149_999.5]);
    for (const [share, value] of [
      [0.05, quantiles.p5],
      [0.5, quantiles.p50],
      [0.95, quantiles.p95],
    ] as const)
      expect(value / 300_000).to.be.closeTo(share, 0.015);
    expect(histogram).to.have.length(24);
    expect(summary()).to.deep.equal(summary());
  });

  it('have no bars where all numbers are equal, and no summary without numbers', () => {
    const gatherer = new NumberGatherer();
    expect(gatherer.summary()).to.equal(undefined);
    gatherer.add(3);
    expect(gatherer.summary()).to.deep.include({ min: 3, max: 3, mean: 3, histogram: [] });
  });

  it('stop counting at 10,000 distinct values', () => {
    const gatherer = new ValueGatherer();
    for (let i = 0; i < 10_000; i++) gatherer.add(`v${i % 5000}`);
    expect(gatherer.summary().distinct).to.equal(5000);
    for (let i = 0; i < 10_000; i++) gatherer.add(`w${i}`);
    expect(gatherer.summary()).to.not.have.property('distinct');
    expect(gatherer.summary().top[0]).to.deep.equal({ value: 'v0', rows: 2 });
  });

  it('count nulls, NaN and infinities apart, and take lists by their lengths', () => {
    const gatherer = new ColumnGatherer();
    gatherer.add(columnOf(parseType('float32'), [1, null, NaN, Infinity, 3]));
    expect([gatherer.nulls, gatherer.notNumbers]).to.deep.equal([1, 2]);
    expect(gatherer.numbers).to.include({ min: 1, max: 3, mean: 2 });
    const lists = new ColumnGatherer();
    lists.add(columnOf(parseType('list<string>'), [['a'], null, [], ['a', 'b', 'c']]));
    expect(lists.numbers).to.include({ min: 0, max: 3 });
    expect(lists.values).to.equal(undefined);
  });
});
