import { expect } from 'chai';
import type { Tensor } from 'vivace';
import { copyData, copyTensor, packTensors } from 'vivace/wire';
import { sliceOutputs } from '../../plugins/model-predictor/tensors.js';

/** 3000 flags of 1 in the middle of a larger buffer: a `Buffer` is a Uint8Array whose `slice` is a view. */
function flagsInABuffer(): { whole: Buffer; tensor: Tensor } {
  const whole = Buffer.alloc(9_000);
  const data = whole.subarray(3_000, 6_000).fill(1);
  return { whole, tensor: { name: 'flag', datatype: 'BOOL', shape: [3_000], data } };
}

describe('copyData', () => {
  it('copies every type to memory that is no larger, and shared with nobody', () => {
    const memory = new SharedArrayBuffer(64);
    for (const whole of [
      new Float32Array(memory),
      new Float64Array(memory),
      new Int32Array(memory),
      new BigInt64Array(memory),
      new Uint8Array(memory),
    ]) {
      const data = whole.subarray(1, 3);
      const copy = copyData(data);
      expect(copy).to.deep.equal(data);
      expect(copy.buffer).to.be.instanceOf(ArrayBuffer);
      expect(copy.buffer.byteLength).to.equal(data.byteLength);
    }
  });

  it('copies texts and byte strings', () => {
    const bytes = [Uint8Array.of(1), Buffer.from('b')];
    const data = ['a', ...bytes];
    const copy = copyData(data);
    data[0] = 'other';
    for (const each of bytes) each.fill(0);
    expect(copy).to.deep.equal(['a', Uint8Array.of(1), Uint8Array.of(98)]);
  });
});

describe('copyTensor', () => {
  it('copies the shape too', () => {
    const shape = [1];
    const copy = copyTensor({ name: 'x', datatype: 'FP32', shape, data: Float32Array.of(1) });
    shape[0] = 2;
    expect(copy).to.deep.equal({ name: 'x', datatype: 'FP32', shape: [1], data: Float32Array.of(1) });
  });
});

describe('packTensors', () => {
  it('cuts a view out of a larger Buffer, which it does not transfer', () => {
    const { whole, tensor } = flagsInABuffer();
    const { data, transfer } = packTensors([tensor]);
    whole.fill(7);
    expect(new Set(data[0] as Uint8Array)).to.deep.equal(new Set([1]));
    expect(transfer.map(({ byteLength }) => byteLength)).to.deep.equal([3_000]);
  });
});

describe('sliceOutputs', () => {
  it('copies rows apart, out of a Buffer too', () => {
    const { whole, tensor } = flagsInABuffer();
    const [part] = sliceOutputs([tensor], 1_000, 2_000);
    whole.fill(7);
    expect(part!.shape).to.deep.equal([1_000]);
    expect(new Set(part!.data as Uint8Array)).to.deep.equal(new Set([1]));
  });
});
