import { expect } from 'chai';
import { join } from 'node:path';
import { readArguments } from '../bench/arguments.js';
import { figure } from '../bench/bench-case.js';
import { caseFiles } from '../bench/cases.js';
import { compare, pairsOf, parseFigure, sampleOf } from '../bench/compare.js';
import { interleave } from '../bench/measure.js';
import { comparisonTable } from '../bench/table.js';
import { readText, root } from '../support/repository.js';

describe('interleave', () => {
  it('runs subjects in turn, each second round the other way, and counts no warm-up', async () => {
    const order: string[] = [];
    const subject = (name: string, figures: number[]) => () => {
      order.push(name);
      return { ms: figures.shift()! };
    };
    const measured = await interleave(
      { a: subject('a', [99, 3, 1, 2]), b: subject('b', [99, 6, 4, 5]) },
      { rounds: 3 },
    );
    expect(order.join('')).to.equal('baabbaab');
    expect(measured).to.deep.equal({ a: { ms: 2 }, b: { ms: 5 } });
  });
});

describe('parseFigure', () => {
  for (const [value, unit] of [
    [12.3, 'µs'],
    [1_234_567, 'requests/s'],
    [-3.5, 'ns'],
    [0, 'ms'],
    [1e-9, 'ms'],
    [Infinity, 'ms'],
  ] as const)
    it(`reads ${figure(value, unit)} back`, () =>
      expect(parseFigure(figure(value, unit))).to.deep.equal({ value, unit }));

  for (const text of ['', 'many µs', '12.3', '1.2.3 µs', 'NaN µs'])
    it(`refuses ${JSON.stringify(text)}`, () =>
      expect(() => parseFigure(text)).to.throw(`${JSON.stringify(text)} is not a number with a unit`));
});

describe('pairsOf', () => {
  it('pairs figures by what they are and their unit, wherever they stand', () => {
    const old = sampleOf([
      { what: 'CPU per row', vivace: '4 µs' },
      { what: 'rows', vivace: '1,000 rows/s' },
    ]);
    const current = sampleOf([
      { what: 'rows', vivace: '1,500 rows/s' },
      { what: 'CPU per row', vivace: '3 µs' },
    ]);
    expect(pairsOf(old, current)).to.deep.equal({
      pairs: [
        { what: 'CPU per row [µs]', old: 4, new: 3 },
        { what: 'rows [rows/s]', old: 1000, new: 1500 },
      ],
      unpaired: [],
    });
  });

  it('has the ratio of the floors beside a figure, not as a figure', () => {
    const old = sampleOf([{ what: 'CPU', vivace: '4 µs', floor: '2 µs' }]);
    const current = sampleOf([{ what: 'CPU', vivace: '4 µs', floor: '3 µs' }]);
    expect(pairsOf(old, current)).to.deep.equal({
      pairs: [{ what: 'CPU [µs]', old: 4, new: 4, floorRatio: 1.5 }],
      unpaired: [],
    });
  });

  it('names a figure that only one build has, or has in another unit', () => {
    const old = sampleOf([
      { what: 'CPU', vivace: '4 µs', floor: '2 µs' },
      { what: 'p50', vivace: '1 ms' },
    ]);
    const current = sampleOf([{ what: 'CPU', vivace: '4,000 ns' }]);
    expect(pairsOf(old, current)).to.deep.equal({
      pairs: [],
      unpaired: ['new: CPU [ns]', 'old: CPU [µs]', 'old: floor: CPU [µs]', 'old: p50 [ms]'],
    });
  });
});

describe('compare', () => {
  it('runs both builds in turn and pairs the medians of their rounds', async () => {
    const order: string[] = [];
    const ms = { old: [30, 10, 20], new: [5, 60, 40] };
    const comparison = await compare(async (build) => {
      order.push(build);
      return { figures: [{ what: 'start', vivace: figure(ms[build].shift()!, 'ms') }] };
    }, 3);
    expect(order).to.deep.equal(['old', 'new', 'new', 'old', 'old', 'new']);
    expect(comparison.pairs).to.deep.equal([{ what: 'start [ms]', old: 20, new: 40 }]);
  });

  it('ends at the first run without figures, with its reason', async () => {
    let runs = 0;
    let failure: unknown;
    await compare(async (build) => {
      runs++;
      return build === 'old' ? { figures: [] } : { failed: 'no server' };
    }, 3).catch((error: unknown) => (failure = error));
    expect(failure).to.be.an('error').with.property('message', 'new: no server');
    expect(runs).to.equal(2);
  });
});

describe('comparisonTable', () => {
  it('has a row for each pair, with the ratio of new to old', () => {
    const pairs = [
      { what: 'CPU [µs]', old: 2000, new: 1500, floorRatio: 1.004 },
      { what: 'p50 [ms]', old: 1.25, new: 2.5 },
    ];
    expect(comparisonTable([['a', pairs]])).to.equal(
      [
        '| case | measured | old   | new   | new / old | floor, new / old |',
        '| ---- | -------- | ----- | ----- | --------- | ---------------- |',
        '| (a)  | CPU [µs] | 2,000 | 1,500 | 0.75      | 1.00             |',
        '| (a)  | p50 [ms] | 1.25  | 2.5   | 2.00      |                  |',
      ].join('\n'),
    );
  });
});

describe('readArguments', () => {
  const dist = join(root, 'dist');

  it('reads a comparison of some cases', () =>
    expect(readArguments(['--against', dist, 'd', 'redis', '--rounds', '3'])).to.deep.equal({
      help: false,
      against: dist,
      rounds: 3,
      names: ['d', 'redis'],
    }));

  it('measures every case, five rounds of each, unless told otherwise', () => {
    const { rounds, names } = readArguments(['--against', dist]);
    expect(rounds).to.equal(5);
    expect(names).to.include.members(['a', 'g', 'couchbase-materialize']);
  });

  for (const [mistake, args, message] of [
    ['a case that does not exist', ['a', 'z'], 'there is no case z; there are a, b,'],
    ['an option that does not exist', ['--aginst', dist], "Unknown option '--aginst'"],
    ['a folder that holds no build', ['--against', root], `${root} is not the dist folder of a checkout`],
    ['no rounds', ['--against', dist, '--rounds', '0'], '--rounds takes a number of rounds, not "0"'],
    ['rounds of nothing', ['--rounds', '3'], '--rounds is for --against'],
  ] as const)
    it(`refuses ${mistake}`, () => expect(() => readArguments(args)).to.throw(message));
});

describe('docs/benchmarks.md', () => {
  it('says how long each case takes, as --help does', () => {
    const page = readText('docs/benchmarks.md');
    for (const [name, { seconds }] of Object.entries(caseFiles))
      expect(page).to.contain(`| (${name}) | ${seconds} s |`);
  });
});
