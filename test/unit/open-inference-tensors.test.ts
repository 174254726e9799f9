import { expect } from 'chai';
import { inferResponseWriter } from 'vivace/wire';
import { one, readData, readText, refusal } from '../support/inference-requests.js';

describe('Open Inference tensors in JSON', () => {
  for (const [datatype, text, values] of [
    [
      'FP32',
      '[0.1,"NaN","Infinity","-Infinity",-0,3.4028235e38]',
      [Math.fround(0.1), NaN, Infinity, -Infinity, -0, 3.4028234663852886e38],
    ],
    ['FP64', '[0.1,"NaN",-0,1e308,9223372036854775808]', [0.1, NaN, -0, 1e308, 2 ** 63]],
    ['INT32', '[-2147483648,2147483647,-0]', [-2147483648, 2147483647, 0]],
    [
      'INT64',
      '[-9223372036854775808,9223372036854775807,9007199254740993,"-5",0]',
      [-(2n ** 63n), 2n ** 63n - 1n, 9007199254740993n, -5n, 0n],
    ],
    ['BOOL', '[true,false]', [1, 0]],
    ['BYTES', '["ż","\\u0000",""]', ['ż', '\0', '']],
  ] as const) {
    it(`are read exactly: ${datatype}`, () => {
      const data = Array.from(readData(datatype, text, `[${values.length}]`) as Float64Array) as unknown[];
      expect(data).to.have.length(values.length);
      values.forEach((value, i) =>
        expect(Object.is(data[i], value), `${String(data[i])} at ${i}`).to.equal(true),
      );
    });

    it(`are written so that they are read as they were: ${datatype}`, () => {
      const data = readData(datatype, text, `[${values.length}]`);
      const write = inferResponseWriter({ name: 'm', outputs: one(datatype).outputs });
      const { json } = write({ outputs: [{ shape: [values.length], data }] }, [{ index: 0, binary: false }]);
      const written = /"data":(\[.*\])\}\]\}$/.exec(json)![1]!;
      const again = readData(datatype, written, `[${values.length}]`);
      values.forEach((_, i) => expect(Object.is(again[i], data[i]), `at ${i}`).to.equal(true));
    });
  }

  for (const [datatype, text, reason] of [
    ['FP32', '["wide"]', '"wide" is not a float32'],
    ['FP32', '[1e39]', '1e+39 is not a float32'],
    ['FP32', '[1e400]', 'out of range'],
    ['FP32', '[null]', 'nulls'],
    ['FP64', '[true]', 'true is not a float64'],
    ['INT32', '[1.5]', '1.5 is not an int32'],
    ['INT32', '[2147483648]', '2147483648 is not an int32'],
    ['INT64', '[1.5]', '1.5 is not an int64'],
    ['INT64', '[9223372036854775808]', '9223372036854775808 is not an int64'],
    ['INT64', '[1e18]', 'without an exponent'],
    [`INT64`, `[1${'0'.repeat(300)}]`, 'not an int64'],
    ['INT64', '["5x"]', '"5x" is not an int64'],
    ['BOOL', '[1]', '1 is not a bool'],
    ['BYTES', '["\\ud800"]', 'not well-formed'],
    ['BYTES', '[5]', '5 is not a string'],
    ['BYTES', '[["a"]]', 'a list is not a string'],
    ['FP32', '[{}]', 'an object is not a float32'],
  ] as const) {
    it(`refuse ${text.slice(0, 30)} as ${datatype}, and say where`, () => {
      const said = refusal(() => readData(datatype, text));
      expect(said).to.contain('INVALID_ARGUMENT inputs').and.to.contain(reason);
    });
  }

  it('may be nested as their shape, or flat', () => {
    for (const data of ['[[1,2,3],[4,5,6]]', '[1,2,3,4,5,6]'])
      expect(Array.from(readData('INT32', data, '[2,3]', [-1, 3]) as Int32Array)).to.deep.equal([
        1, 2, 3, 4, 5, 6,
      ]);
    expect(readData('INT32', '[[[1],[2]]]', '[1,2,1]', [-1, 2, 1])).to.deep.equal(Int32Array.of(1, 2));
  });

  for (const [data, shape] of [
    ['[[1,2,3],[4]]', '[2,2]'],
    ['[[1],[2,3,4]]', '[2,2]'],
    ['[[1,2],3,4]', '[2,2]'],
    ['[1,[2],3,4]', '[2,2]'],
    ['[[1,2]]', '[2,2]'],
    ['[1,2,3]', '[2,2]'],
    ['[]', '[2,2]'],
    ['[[[1],[2]],[[3],[4]]]', '[2,2]'],
    ['5', '[2,2]'],
    ['null', '[2,2]'],
  ]) {
    it(`refuse ${data} for the shape ${shape}`, () => {
      expect(refusal(() => readData('INT32', data!, shape, [-1, 2]))).to.contain(
        'INVALID_ARGUMENT inputs[0].data',
      );
    });
  }

  it('may have no elements', () => {
    expect(readData('FP32', '[]', '[0,4]', [-1, 4])).to.have.length(0);
    expect(readData('FP32', '[[],[]]', '[2,0]', [-1, -1])).to.have.length(0);
    expect(readData('FP32', '[]', '[2,0]', [-1, -1])).to.have.length(0);
  });

  it('cannot name a size that overflows, or that is not there', () => {
    const big = 2_147_483_647;
    for (const shape of [
      [big, big, big],
      [65_536, 65_536, 65_536],
      [big, 2, 1],
      [4_294_967_296, 1, 1],
      [2 ** 53, 1, 1],
      [big, 0, big],
      [1_000_000, 0, 1],
      [-1, 1, 1],
      [1.5, 1, 1],
      [1, 1],
    ]) {
      const said = refusal(() => readData('INT32', '[1]', JSON.stringify(shape), [-1, -1, -1]));
      expect(said, String(shape)).to.contain('INVALID_ARGUMENT inputs[0]: ');
    }
    for (const [dimension, said] of [
      ['"1"', '"1"'],
      ['null', 'null'],
      ['[1]', 'a list'],
      ['{}', 'an object'],
      ['true', 'true'],
    ])
      expect(refusal(() => readData('INT32', '[1]', `[${dimension}]`))).to.contain(
        `${said} is not a dimension`,
      );
    expect(refusal(() => readData('INT32', '[1]', 'null'))).to.contain('shape is missing');
    // A gigabyte that is promised is not allocated for.
    expect(refusal(() => readData('FP64', '[[1]]', '[1,134217728]', [-1, -1]))).to.contain('1 elements');
    expect(refusal(() => readData('FP64', '[[1,2],[1]]', '[2,2]', [-1, -1]))).to.contain('1 elements');
  });

  it('are refused by name where their datatype is not served', () => {
    for (const datatype of ['UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'FP16', 'BF16']) {
      const text = `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1],"data":[1]}]}`;
      const said = refusal(() => readText(one('FP32'), text));
      expect(said).to.contain(`${datatype} tensor is not served`);
    }
    const of = (datatype: string): string =>
      refusal(() => readText(one('FP32'), `{"inputs":[{"name":"x"${datatype},"shape":[1],"data":[1]}]}`));
    expect(of(',"datatype":"FP64"')).to.contain('is FP64, but FP32');
    expect(of(',"datatype":"float"')).to.contain('"float" is not a datatype');
    expect(of('')).to.contain('the datatype is missing');
    expect(of(',"datatype":"constructor"')).to.contain('not a datatype');
  });
});
