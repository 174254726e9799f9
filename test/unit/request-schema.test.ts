import { expect } from 'chai';
import fc from 'fast-check';
import { fuzzRuns } from '../support/fuzz-runs.js';
import { names, requestDecoder } from '../support/request-decoder.js';

describe('Request decoder and request schema', () => {
  const { decoded, fits } = requestDecoder();

  /** Both say the same of a body. `body` is JSON text, as a transport reads it. */
  async function agree(pipeline: string, text: string): Promise<boolean> {
    const body: unknown = JSON.parse(text);
    const wanted = fits(pipeline, body);
    const found = await decoded(pipeline, body);
    expect(
      found === 'accepted',
      `${pipeline} ${text}: the schema says ${wanted}, the decoder ${JSON.stringify(found)}`,
    ).to.equal(wanted);
    return wanted;
  }

  const values: Record<string, readonly [good: readonly string[], bad: readonly string[]]> = {
    f32: [
      ['0', '-0', '1.5', '3.4028234663852886e38', '1e-320', '"NaN"', '"Infinity"', '"-Infinity"', 'null'],
      [
        '3.5e38',
        '-3.5e38',
        '1e400',
        '"nan"',
        '"1"',
        'true',
        '[]',
        '{}',
        '""',
        '"+Infinity"',
        '"__proto__"',
        '"constructor"',
        '"toString"',
      ],
    ],
    f64: [
      ['1e308', '5e-324', '-0.0', '"NaN"', '9007199254740993'],
      ['1e400', '-1e400', '"1e5"', 'false', '[1]'],
    ],
    i32: [
      ['0', '-2147483648', '2147483647', '1.0', '1e3', '-0'],
      ['2147483648', '-2147483649', '0.5', '"1"', '1e400', 'true', '[]'],
    ],
    i64: [
      [
        '0',
        '9007199254740991',
        '-9007199254740991',
        '"9223372036854775807"',
        '"-9223372036854775808"',
        '"0"',
        '"-0"',
        '1.0',
      ],
      [
        '9007199254740992',
        '0.5',
        '"01"',
        '"+1"',
        '"1.0"',
        '""',
        '" 1"',
        '"12345678901234567890"',
        '1e400',
        'true',
        '"0x1"',
      ],
    ],
    bool: [
      ['true', 'false', 'null'],
      ['0', '1', '"true"', '"false"', '""', '[]'],
    ],
    text: [
      ['""', '"a"', '"\\u0000"', '"😀"', '"\\ud83d\\ude00"', '"__proto__"'],
      ['1', 'true', '[]', '{}', '["a"]'],
    ],
    time: [
      [
        '"2001-06-15T08:30:00Z"',
        '"2001-06-15t08:30:00z"',
        '"2001-06-15T08:30:00.123456Z"',
        '"2001-06-15T08:30:00.1+05:45"',
        '"0001-01-01T00:00:00Z"',
        '"9999-12-31T23:59:59Z"',
        '"2255-06-05T23:47:34.740991Z"',
        '"2000-02-29T00:00:00Z"',
        '"2001-06-15T23:59:59-23:59"',
      ],
      [
        '"2001-06-15"',
        '"2001-06-15T08:30Z"',
        '"2001-06-15 08:30:00Z"',
        '"2001-06-15T08:30:00"',
        '"2001-02-30T00:00:00Z"',
        '"1900-02-29T00:00:00Z"',
        '"2001-13-01T00:00:00Z"',
        '"2001-00-10T00:00:00Z"',
        '"2001-06-00T00:00:00Z"',
        '"2001-06-15T24:00:00Z"',
        '"2016-12-31T23:59:60Z"',
        '"2001-06-15T08:60:00Z"',
        '"2001-06-15T08:30:00+24:00"',
        '"2001-06-15T08:30:00+05"',
        '"2001-06-15T08:30:00.1234567Z"',
        '"2001-06-15T08:30:00.Z"',
        '" 2001-06-15T08:30:00Z"',
        '"2001-06-15T08:30:00Z\\n"',
        '"+002001-06-15T08:30:00Z"',
        '992593800000',
        '"now"',
      ],
    ],
    bytes: [
      ['""', '"AA=="', '"AAA="', '"AAAA"', '"+/+/"'],
      ['"A"', '"AA"', '"A==="', '"-_-_"', '"AAAA\\n"', '1', '[0]'],
    ],
    vector: [
      ['[1,2,3]', '["NaN",0,"-Infinity"]'],
      [
        '[]',
        '[1,2]',
        '[1,2,3,4]',
        '[1,2,null]',
        '[1,2,"3"]',
        '[[1],2,3]',
        '1',
        '{"0":1,"1":2,"2":3}',
        '[1,2,1e39]',
      ],
    ],
    integers: [
      ['[]', '[1]', '["9223372036854775807",0]'],
      ['[0.5]', '[null]', '["x"]', '1', '"[]"', '{}', '[[]]'],
    ],
    texts: [
      ['[]', '["",""]'],
      ['[1]', '[null]', '"a"', '[["a"]]'],
    ],
    flags: [['[true,false]'], ['[true]', '[1,0]', '[true,false,true]', 'true']],
  };

  for (const name of names) {
    it(`agree on ${name}, in requests, objects and columns`, async () => {
      const [good, bad] = values[name]!;
      for (const [list, wanted] of [
        [good, true],
        [bad, false],
      ] as const) {
        for (const value of list) {
          const bodies = [
            `{"request":{"needed":1,"${name}":${value}},"objects":[]}`,
            `{"request":{"needed":1},"objects":[{"needed":"x"},{"needed":"y","${name}":${value}}]}`,
            `{"request":{"needed":1},"objects":{"needed":["x","y"],"${name}":[null,${value}]}}`,
          ];
          for (const body of bodies) expect(await agree('echo', body), body).to.equal(wanted);
        }
      }
    });
  }

  it('agree on what stands around the values', async () => {
    const bodies: Record<string, readonly string[]> = {
      echo: [
        '{"request":{"needed":1},"objects":[]}',
        '{"request":{"needed":1},"objects":[{"needed":"a"},{"needed":"b"},{"needed":"c"}],"explain":true}',
        '{"request":{"needed":1},"objects":[{"needed":"a"},{"needed":"b"},{"needed":"c"},{"needed":"d"}]}',
        '{"request":{"needed":1},"objects":{"needed":["a","b","c","d"]}}',
        '{"request":{"needed":1},"objects":{"needed":[]}}',
        '{"request":{"needed":1},"objects":{}}',
        '{"request":{"needed":1},"objects":{"needed":null}}',
        '{"request":{"needed":1},"objects":{"needed":["a"],"f32":null}}',
        '{"request":{"needed":1},"objects":{"needed":["a"],"more":["a"]}}',
        '{"request":{"needed":1},"objects":{"needed":"a"}}',
        '{"request":{"needed":1},"objects":null}',
        '{"request":{"needed":1},"objects":[null]}',
        '{"request":{"needed":1},"objects":[[]]}',
        '{"request":{"needed":1},"objects":[{}]}',
        '{"request":{"needed":1},"objects":"x"}',
        '{"request":{"needed":1}}',
        '{"request":{"needed":null},"objects":[]}',
        '{"request":{},"objects":[]}',
        '{"request":[],"objects":[]}',
        '{"request":null,"objects":[]}',
        '{"objects":[]}',
        '{}',
        '[]',
        'null',
        '1',
        '"x"',
        'true',
        '{"request":{"needed":1},"objects":[],"explain":null}',
        '{"request":{"needed":1},"objects":[],"explain":1}',
        '{"request":{"needed":1},"objects":[],"explain":false}',
        '{"request":{"needed":1},"objects":[],"more":1}',
        '{"request":{"needed":1},"objects":[],"__proto__":{"explain":true}}',
        '{"request":{"needed":1,"__proto__":{"f32":1}},"objects":[]}',
        '{"request":{"__proto__":{"needed":1}},"objects":[]}',
        '{"request":{"needed":1,"constructor":{"prototype":{}}},"objects":[]}',
        '{"request":{"needed":1},"objects":[{"needed":"a","__proto__":1}]}',
        '{"request":{"needed":1},"objects":{"needed":["a"],"__proto__":["a"]}}',
        '{"request":{"needed":1,"needed ":1},"objects":[]}',
        '{"request":{"needed":1,"":1},"objects":[]}',
      ],
      alone: [
        '{"request":{}}',
        '{}',
        '{"request":{"a":null}}',
        '{"request":{},"objects":[]}',
        '{"request":null}',
      ],
      bare: [
        '{}',
        '{"request":{}}',
        '{"request":{"a":1}}',
        '{"request":null}',
        '{"request":[]}',
        '{"objects":[]}',
        '{"explain":true}',
      ],
    };
    for (const [pipeline, texts] of Object.entries(bodies))
      for (const text of texts) await agree(pipeline, text);
  });

  it('agree on arbitrary JSON, near a request and far from one', async () => {
    const leaf = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.string(),
      fc.constantFrom('NaN', 'Infinity', '2001-06-15T08:30:00Z', 'AAAA', '123', '-0'),
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      fc.array(fc.oneof(fc.integer(), fc.boolean(), fc.constantFrom('NaN', 'x', '7', null)), {
        maxLength: 4,
      }),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const row = (needed: fc.Arbitrary<unknown>) =>
      fc.record(
        { needed, ...Object.fromEntries(names.map((name) => [name, leaf])), extra: leaf, __proto__: leaf },
        { requiredKeys: [] },
      );
    const near = fc.record(
      {
        request: fc.oneof({ weight: 5, arbitrary: row(fc.integer()) }, { weight: 1, arbitrary: leaf }),
        objects: fc.oneof(
          { weight: 5, arbitrary: fc.array(row(fc.string()), { maxLength: 4 }) },
          { weight: 1, arbitrary: leaf },
        ),
        explain: fc.boolean(),
      },
      { requiredKeys: ['request', 'objects'] },
    );
    // One or two fields at a time, so that some bodies are right.
    const known = fc.constantFrom(
      ...names.flatMap((name) => values[name]![0].map((text) => ({ [name]: JSON.parse(text) as unknown }))),
    );
    const any = fc
      .record({ name: fc.constantFrom(...names), value: leaf })
      .map(({ name, value }) => ({ [name]: value }));
    const sparse = fc
      .record({
        first: known,
        second: fc.oneof({ weight: 3, arbitrary: known }, { weight: 1, arbitrary: any }),
      })
      .map(({ first, second }) => ({
        request: { needed: 1, ...first },
        objects: [{ needed: 'a', ...second }],
      }));
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(near, sparse, fc.jsonValue()), async (body) => {
        const text = JSON.stringify(body);
        // Intended: the schema cannot say that a text is well-formed Unicode, nor that a number in a text has 64 bits.
        fc.pre(!/\\ud[89a-f]/i.test(text) && !/"-?\d{19}"/.test(text));
        if (await agree('echo', text)) accepted++;
      }),
      { numRuns: fuzzRuns(1500) },
    );
    expect(accepted).to.be.above(50);
  });

  describe('differ, as intended, where the schema cannot say it:', () => {
    for (const [what, body, path] of [
      [
        'a text that is no well-formed Unicode',
        '{"request":{"needed":1,"text":"\\ud800"},"objects":[]}',
        'request.text',
      ],
      [
        'the same in a list',
        '{"request":{"needed":1,"texts":["a","\\udc00x"]},"objects":[]}',
        'request.texts[1]',
      ],
      [
        'an integer beyond 64 bits',
        '{"request":{"needed":1,"i64":"9223372036854775808"},"objects":[]}',
        'request.i64',
      ],
      ['one below', '{"request":{"needed":1,"i64":"-9223372036854775809"},"objects":[]}', 'request.i64'],
      [
        'a time whose microseconds a float64 cannot hold',
        '{"request":{"needed":1,"time":"9999-12-31T23:59:59.999999Z"},"objects":[]}',
        'request.time',
      ],
      [
        'a time that in UTC is after the year 9999',
        '{"request":{"needed":1,"time":"9999-12-31T23:59:59-01:00"},"objects":[]}',
        'request.time',
      ],
      [
        'one that is before the year 0',
        '{"request":{"needed":1,"time":"0000-01-01T00:00:00+01:00"},"objects":[]}',
        'request.time',
      ],
      [
        'columns of different lengths',
        '{"request":{"needed":1},"objects":{"needed":["a","b"],"i32":[1]}}',
        'objects',
      ],
    ] as const) {
      it(what, async () => {
        const parsed: unknown = JSON.parse(body);
        expect(fits('echo', parsed)).to.equal(true);
        const found = await decoded('echo', parsed);
        expect((found as { path: string }).path).to.match(new RegExp(`^${path.replace(/[[\]]/g, '\\$&')}`));
      });
    }
  });
});
