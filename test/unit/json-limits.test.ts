import { expect } from 'chai';
import fc from 'fast-check';
import { VivaceError } from 'vivace';
import { checkJson, parseJson, type JsonLimits } from 'vivace/wire';
import { scan } from '../../core/wire/json/scan.js';
import { fuzzRuns } from '../support/fuzz-runs.js';

const counted: JsonLimits['counted'] = {
  name: 'objects',
  max: 3,
  refuse: () => new VivaceError('INVALID_ARGUMENT', 'objects: too many', { path: 'objects' }),
};

const any: JsonLimits['counted'] = { ...counted, max: Infinity };

interface Counts {
  readonly values: number;
  readonly containers: number;
}

/** Values and containers of what a text became. */
function countsOf(value: unknown): Counts {
  const inner = typeof value === 'object' && value !== null ? Object.values(value) : undefined;
  const counts = (inner ?? []).map(countsOf);
  return {
    values: counts.reduce((sum, { values }) => sum + values, 1),
    containers: counts.reduce((sum, { containers }) => sum + containers, inner === undefined ? 0 : 1),
  };
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return 'it was taken';
}

const refusals = (text: string, limits: JsonLimits): string[] => [
  refusal(() => parseJson(Buffer.from(text), limits)),
  refusal(() => {
    checkJson(JSON.parse(text), limits);
  }),
];

describe('Limits of JSON', () => {
  it('count no less than there is, whatever the JSON', () => {
    const value = fc.jsonValue({ maxDepth: 6 });
    const property = fc.property(value, fc.constantFrom(undefined, 1, '\t'), (given, indent) => {
      const text = JSON.stringify(given, undefined, indent);
      const { values, containers } = countsOf(JSON.parse(text));
      const found = scan(Buffer.from(text), { maxDepth: 100, counted: any });
      expect(found.containers, text).to.equal(containers);
      // An empty list or object counts for one more.
      expect(found.values, text).to.be.within(values, values + containers);
    });
    fc.assert(property, { numRuns: fuzzRuns(300) });
  });

  it('count the elements of one member, as a list or as lists, and of no other', () => {
    const elements = (text: string): number =>
      scan(Buffer.from(text), { maxDepth: 32, counted: any }).elements;
    for (const [text, count] of [
      ['{"objects":[1,2,3,4]}', 4],
      ['{"objects" : [ {"a":[1,2,3]} , {"b":{"c":1,"d":2}} ] }', 2],
      ['{"objects":{"a":[1,2],"b":[1,2,3,4,5],"c":[]}}', 5],
      ['{"objects":{"a":[[1,2,3],[4,5,6]]}}', 2],
      ['{"objects":{"a":{"b":[1,2,3]}}}', 0],
      ['{"request":{"objects":[1,2,3]}}', 0],
      ['{"a":"objects","b":[1,2,3]}', 0],
      ['{"objects":"a","b":[1,2,3]}', 0],
      ['[{"objects":[1,2,3]}]', 0],
      ['{"objects":[1,2],"objects":[1,2,3]}', 3],
      // It ends early, which a parser notices only after it has made them all.
      ['{"objects":[1,2,3,4', 4],
      ['{"objects":{"a":[1,2,3', 3],
    ] as const)
      expect(elements(text), text).to.equal(count);
  });

  it('refuse too many elements, values, lists and objects, of texts as of parsed values', () => {
    const limits = { maxDepth: 8, maxValues: 30, maxContainers: 8, counted };
    const many = (count: number, item: string): string => Array.from({ length: count }, () => item).join(',');
    for (const [text, message] of [
      [`{"objects":[${many(4, '{}')}]}`, 'objects: too many'],
      [`{"objects":{"a":[${many(5, '1')}]}}`, 'objects: too many'],
      [
        `{"request":{"a":[${many(40, '1')}]}}`,
        'the body has more than 30 values, which no request of this kind has',
      ],
      [
        `{"request":[${many(9, '[]')}]}`,
        'the body has more than 8 lists and objects, which no request of this kind has',
      ],
      [`{"objects":[${many(3, '{}')}]}`, 'it was taken'],
    ] as const)
      expect(refusals(text, limits), text).to.deep.equal([message, message]);
  });

  it('are looked for no further than to the first that is too much', () => {
    const many = (item: string): Buffer => Buffer.from(`{"objects":[${item}${`,${item}`.repeat(1000)}]}`);
    const most = { maxDepth: 8, maxValues: 2000, maxContainers: 2000, counted: any };
    const lists = scan(many('[]'), { ...most, maxContainers: 5 });
    expect([lists.excess, lists.containers]).to.deep.equal(['containers', 6]);
    const values = scan(many('1'), { ...most, maxValues: 5 });
    expect([values.excess, values.values]).to.deep.equal(['values', 6]);
    const elements = scan(many('1'), { ...most, counted });
    expect([elements.excess, elements.elements]).to.deep.equal(['elements', 4]);
    expect(scan(many('[]'), { ...most, maxValues: 2004 })).not.to.have.property('excess');
  });

  it('find nesting and names that reach a prototype in both', () => {
    expect(refusals('{"a":[[[1]]]}', { maxDepth: 3 })).to.deep.equal([
      'the body nests deeper than 3 levels, at byte 7',
      'the body nests too deeply here',
    ]);
    expect(refusals('{"a":[{"constructor":1}]}', { maxDepth: 9 })).to.deep.equal(
      Array.from({ length: 2 }, () => '"constructor" cannot be the name of a field'),
    );
  });

  it('refuse a name of more than 4,096 bytes, but not a text', () => {
    const long = 'n'.repeat(4097);
    expect(refusal(() => parseJson(Buffer.from(`{"a":1,"${long}" :1}`), { maxDepth: 9 }))).to.equal(
      'the body has a field with a name of more than 4096 bytes, at byte 8',
    );
    expect(parseJson(Buffer.from(`{"a":"${long}"}`), { maxDepth: 9 })).to.deep.equal({ a: long });
  });

  it('say where JSON is broken, unless that would take long', () => {
    const broken = (padding: number): string => `{"a":"${'x'.repeat(padding)}",}`;
    const limits = { maxDepth: 9 };
    expect(refusal(() => parseJson(Buffer.from(broken(10)), limits))).to.match(
      /^broken JSON at position 18: /,
    );
    expect(refusal(() => parseJson(Buffer.from(broken(1_000_000)), limits))).to.equal(
      'broken JSON: it ends early or has a mistake somewhere',
    );
  });
});
