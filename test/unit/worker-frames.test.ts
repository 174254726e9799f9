import { expect } from 'chai';
import fc from 'fast-check';
import type { Datatype, Tensor } from 'vivace';
import {
  encodeFrame,
  FrameReader,
  isVivaceError,
  tensorDataOf,
  type Frame,
  type FrameType,
} from 'vivace/wire';
import { fuzzRuns } from '../support/fuzz-runs.js';
import { blocksOf, readText } from '../support/repository.js';

interface FrameVector {
  readonly type: FrameType;
  readonly call: number;
  readonly header: Record<string, unknown>;
  readonly tensors: readonly { name: string; datatype: Datatype; shape: number[]; data: unknown[] }[];
  readonly hex: string;
}

interface BrokenVector {
  readonly why: string;
  readonly reason: string;
  readonly hex: string;
}

const blocks = blocksOf(readText('docs/worker-frames.md'));

function vectors<T>(kind: string): T[] {
  return blocks
    .filter(({ words }) => words[1] === kind || words[0] === kind)
    .map(({ text }) => JSON.parse(text) as T);
}

/** A tensor as the page writes it: an int64 is a decimal text, bytes are a list. */
function tensorOf({ name, datatype, shape, data }: FrameVector['tensors'][number]): Tensor {
  const values = data.map((value) =>
    datatype === 'INT64'
      ? BigInt(value as string)
      : Array.isArray(value)
        ? Uint8Array.from(value as number[])
        : value,
  );
  return {
    name,
    datatype,
    shape,
    data: tensorDataOf(datatype, datatype === 'BOOL' ? values.map(Boolean) : values),
  };
}

const bytesOf = (frame: Frame, most?: number): Buffer => Buffer.concat(encodeFrame(frame, most));
const read = (bytes: Uint8Array): Frame[] => new FrameReader().push(bytes);
const frames = vectors<FrameVector>('frame');
const asFrame = ({ type, call, header, tensors }: FrameVector): Frame => ({
  type,
  call,
  header,
  tensors: tensors.map(tensorOf),
});

describe('Frames of workers', () => {
  describe('the vectors of docs/worker-frames.md', () => {
    it('are there', () => {
      expect([frames.length > 5, vectors('broken').length > 10]).to.deep.equal([true, true]);
    });

    for (const vector of frames) {
      it(`writes ${vector.type} of call ${vector.call}`, () => {
        expect(bytesOf(asFrame(vector)).toString('hex')).to.equal(vector.hex);
      });

      it(`reads ${vector.type} of call ${vector.call}`, () => {
        expect(read(Buffer.from(vector.hex, 'hex'))).to.deep.equal([asFrame(vector)]);
      });
    }

    for (const { why, reason, hex } of vectors<BrokenVector>('broken')) {
      it(`refuses ${why}`, () => {
        expect(() => read(Buffer.from(hex, 'hex')))
          .to.throw()
          .that.includes({ code: 'DATA_LOSS', message: reason });
      });
    }
  });

  it('are the same however the bytes are cut', () => {
    const bytes = Buffer.concat(frames.map(({ hex }) => Buffer.from(hex, 'hex')));
    const expected = frames.map(asFrame);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (sizes) => {
        const reader = new FrameReader();
        const got: Frame[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = at + sizes[i % sizes.length]!;
          got.push(...reader.push(bytes.subarray(at, end)));
          at = end;
        }
        expect(got).to.deep.equal(expected);
        // Nothing is left of them.
        expect(reader.push(bytes)).to.deep.equal(expected);
      }),
      { numRuns: 100 },
    );
  });

  describe('with a header that came before', () => {
    const call = (flags: number[]): Frame => ({
      type: 'RESULT',
      call: 1,
      header: { note: 'ą' },
      tensors: [{ name: 'flag', datatype: 'BOOL', shape: [flags.length], data: Uint8Array.from(flags) }],
    });
    const changed = (frame: Frame, at: number, value: number): Buffer => {
      const bytes = bytesOf(frame);
      bytes[at < 0 ? bytes.length + at : at] = value;
      return bytes;
    };

    it('are read each for itself', () => {
      const reader = new FrameReader();
      for (const flags of [[1, 0, 1], [0, 0, 1], [1], [1, 0, 1]]) {
        const [frame] = reader.push(bytesOf(call(flags)));
        expect(frame).to.deep.equal(call(flags));
        // What a caller does to a frame is its own affair.
        (frame!.tensors[0]!.shape as number[])[0] = 99;
        (frame!.header as Record<string, unknown>)['note'] = 'other';
      }
    });

    it('are refused for what is wrong behind it', () => {
      for (const [at, value, reason] of [
        [-1, 1, 'the padding of a frame is not zero'],
        [-8, 2, 'outputs[0]: element 0 is 2: a BOOL is 0 or 1'],
      ] as const) {
        const reader = new FrameReader();
        reader.push(bytesOf(call([1, 0, 1])));
        expect(() => reader.push(changed(call([1, 0, 1]), at, value))).to.throw(reason);
      }
    });

    it('are refused where they are longer', () => {
      const reader = new FrameReader();
      const bytes = bytesOf(call([1, 0, 1]));
      reader.push(bytes);
      const longer = Buffer.concat([bytes, Buffer.alloc(8)]);
      longer[0]! += 8;
      expect(() => reader.push(longer)).to.throw('8 bytes of a frame belong to no tensor');
    });

    it('are refused where they are of another type', () => {
      const reader = new FrameReader();
      reader.push(bytesOf(call([1, 0, 1])));
      expect(() => reader.push(changed(call([1, 0, 1]), 4, 5))).to.throw('PREDICT without a list "inputs"');
    });

    it('are read after more headers than are remembered', () => {
      const reader = new FrameReader();
      for (let length = 1; length <= 1_200; length++)
        expect(reader.push(bytesOf(call(Array<number>(length % 600).fill(1))))).to.have.length(1);
    });
  });

  it('are written with zeros as padding, whatever memory they get', () => {
    for (let size = 0; size < 300; size++) {
      // Memory that somebody has used.
      for (let i = 0; i < 4; i++) Buffer.allocUnsafe(500).fill(255);
      const data = Uint8Array.from({ length: size }, () => 1);
      const frame: Frame = {
        type: 'RESULT',
        call: 1,
        header: {},
        tensors: [{ name: 'x'.repeat(size % 9), datatype: 'BOOL', shape: [size], data }],
      };
      expect(read(bytesOf(frame))).to.deep.equal([frame]);
    }
  });

  it('hold tensors at multiples of 8, which are not copied', () => {
    const data = Float64Array.of(1, 2, 3);
    const tensors: Tensor[] = [
      { name: 'flag', datatype: 'BOOL', shape: [1], data: Uint8Array.of(1) },
      { name: 'x', datatype: 'FP64', shape: [3], data },
    ];
    const [frame] = read(bytesOf({ type: 'RESULT', call: 1, header: {}, tensors }));
    const [flag, x] = frame!.tensors.map(({ data: view }) => view as Float64Array);
    expect([flag!.byteOffset % 8, x!.byteOffset % 8, x!.buffer]).to.deep.equal([0, 0, flag!.buffer]);
    expect([...x!]).to.deep.equal([1, 2, 3]);
  });

  it('are one piece where they are small, and pieces that copy no tensor where they are large', () => {
    for (const [size, pieces] of [
      [3, 1],
      [8_001, 4],
      [20_000, 3],
    ] as const) {
      const data = Float32Array.from({ length: 2 * size }, (_, i) => i);
      const tensors: Tensor[] = [
        { name: 'x', datatype: 'FP32', shape: [2 * size], data },
        { name: 'y', datatype: 'FP32', shape: [size], data: data.subarray(0, size) },
      ];
      const encoded = encodeFrame({ type: 'RESULT', call: 1, header: {}, tensors });
      expect(encoded, String(size)).to.have.length(pieces);
      expect(encoded.some(({ buffer }) => buffer === data.buffer)).to.equal(pieces > 1);
      const [frame] = read(Buffer.concat(encoded));
      expect(frame!.tensors.map((tensor) => [...tensor.data])).to.deep.equal(
        tensors.map((tensor) => [...tensor.data]),
      );
    }
  });

  it('are refused before they are sent where they are too large', () => {
    const tensors: Tensor[] = [{ name: 'x', datatype: 'FP64', shape: [100], data: new Float64Array(100) }];
    expect(() => encodeFrame({ type: 'RESULT', call: 1, header: {}, tensors }, 500)).to.throw(
      /^a frame of \d+ bytes, its header \d+: at most 500 and 4194304 are sent$/,
    );
  });

  it('that were changed on their way are read or refused with DATA_LOSS, and nothing else happens', () => {
    const known = frames.map(({ hex }) => Buffer.from(hex, 'hex'));
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    const mutated = fc.record({
      frame: fc.nat(known.length - 1),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      cut: fc.option(fc.nat(), { freq: 5 }),
    });
    let refused = 0;
    const runs = fuzzRuns(20_000);
    fc.assert(
      fc.property(mutated, ({ frame, changes, cut }) => {
        const bytes = Buffer.from(known[frame]!);
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        // A length that is larger than what has come waits for more, as it should.
        const sent = cut === null ? bytes : bytes.subarray(0, cut % bytes.length);
        try {
          for (const { tensors } of read(sent))
            for (const { shape, data } of tensors)
              expect(data.length).to.equal(shape.reduce((product, size) => product * size, 1));
        } catch (error) {
          if (!isVivaceError(error)) throw error;
          expect(error.code).to.equal('DATA_LOSS');
          refused++;
        }
      }),
      { numRuns: runs },
    );
    expect(refused).to.be.above(runs / 10);
  });
});
