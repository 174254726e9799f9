import { expect } from 'chai';
import { names, requestDecoder } from '../support/request-decoder.js';

describe('Request decoder', () => {
  const fixture = requestDecoder();

  it('names the path of a value deep inside', async () => {
    for (const [body, path] of [
      ['{"request":{"needed":1,"vector":[1,2,"x"]},"objects":[]}', 'request.vector[2]'],
      [
        '{"request":{"needed":1},"objects":[{"needed":"a"},{"needed":"b","integers":[1,0.5]}]}',
        'objects[1].integers[1]',
      ],
      ['{"request":{"needed":1},"objects":{"needed":["a","b"],"i32":[1,0.5]}}', 'objects.i32[1]'],
    ] as const) {
      expect(await fixture.decoded('echo', JSON.parse(body))).to.deep.equal({ path });
    }
  });

  it('leaves Object.prototype alone', async () => {
    await fixture.decoded(
      'echo',
      JSON.parse(
        '{"request":{"needed":1,"__proto__":{"polluted":1}},"objects":[],"constructor":{"prototype":{"polluted":1}}}',
      ),
    );
    expect(({} as Record<string, unknown>)['polluted']).to.equal(undefined);
  });

  it('gives back every value as it came', async () => {
    const sent = {
      f32: 0.5,
      f64: 1e-300,
      i32: -5,
      i64: '9223372036854775807',
      bool: false,
      text: '😀\u0000"\\',
      time: '2001-06-15T08:30:00.000001Z',
      bytes: 'AAEC',
      vector: [0.5, 'NaN', '-Infinity'],
      integers: [1, '-9223372036854775808'],
      texts: ['', 'ä'],
      flags: [true, false],
    };
    const answer = await fixture.server.predict('echo', {
      request: { needed: 1 },
      objects: [{ needed: 'a', ...sent }],
    });
    const { index, needed, ...rest } = answer.objects[0]!;
    expect([index, needed]).to.deep.equal([0, 'a']);
    expect(Object.fromEntries(Object.entries(rest).filter(([name]) => names.includes(name)))).to.deep.equal(
      sent,
    );
  });

  it('takes what only code can give: bigint, Date, bytes and typed arrays', async () => {
    const answer = await fixture.server.predict('echo', {
      request: {
        needed: 1,
        i64: 7n,
        time: new Date(0),
        bytes: Uint8Array.of(1),
        vector: Float32Array.of(1, 2, 3) as never,
        f64: NaN,
      },
      objects: [{ needed: 'a' }],
    });
    const { r_i64, r_time, r_bytes, r_vector, r_f64 } = answer.objects[0] as unknown as Record<
      string,
      unknown
    >;
    expect([r_i64, r_time, r_bytes, r_vector, r_f64]).to.deep.equal([
      7,
      '1970-01-01T00:00:00Z',
      'AQ==',
      [1, 2, 3],
      'NaN',
    ]);
  });
});
