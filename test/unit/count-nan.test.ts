import { expect } from 'chai';
import type { Tensor, TensorData } from 'vivace';
import { countNaN } from '../../plugins/model-predictor/count-nan.js';

const tensor = (datatype: Tensor['datatype'], data: TensorData): Tensor => ({
  name: 'y',
  datatype,
  shape: [data.length],
  data,
});

for (const [datatype, Floats] of [
  ['FP32', Float32Array],
  ['FP64', Float64Array],
] as const) {
  describe(`countNaN of ${datatype}`, () => {
    it('finds one wherever it stands', () => {
      for (let length = 1; length <= 9; length++) {
        for (let at = 0; at < length; at++) {
          const data = new Floats(length).fill(-1.5);
          data[at] = NaN;
          expect(countNaN([tensor(datatype, data)]), `${at} of ${length}`).to.equal(1);
        }
      }
    });

    it('counts all of them, over all outputs', () => {
      const data = Floats.of(NaN, 1, NaN, -Infinity, NaN, 0, NaN);
      expect(countNaN([tensor(datatype, data), tensor(datatype, Floats.of(NaN))])).to.equal(5);
    });

    it('does not count what is infinite', () => {
      expect(
        countNaN([tensor(datatype, Floats.of(Infinity, 1, 2, 3, -Infinity, -0, 1e38, 1e308, 1e308))]),
      ).to.equal(0);
    });

    it('counts nothing where there is nothing', () => {
      expect(countNaN([tensor(datatype, new Floats(0))])).to.equal(0);
    });
  });
}

describe('countNaN of other datatypes', () => {
  it('counts nothing', () => {
    const tensors = [
      tensor('INT64', BigInt64Array.of(1n)),
      tensor('BYTES', ['NaN']),
      tensor('BOOL', Uint8Array.of(1)),
    ];
    expect(countNaN(tensors)).to.equal(0);
  });
});
