import { expect } from 'chai';
import { definePlugin, transform, type Transform } from 'vivace';
import { transformContract } from 'vivace/testing';
import { z } from 'zod';
import { contractFailures } from '../support/contract-failures.js';

interface Halving {
  readonly reads: { readonly x: 'float64' };
  readonly writes: { readonly half: 'float64'; readonly label: 'string' };
  readonly over?: 'row' | 'request';
}
type Apply = Transform<Halving>['apply'];

const halving = (apply: Apply, clock?: (now: () => number) => Apply) =>
  definePlugin({
    provides: transform,
    name: 'half',
    options: z.strictObject({}),
    describe: () => ({ reads: { x: 'float64' }, writes: { half: 'float64', label: 'string' } }),
    create: (_options, _uses, context) => ({
      apply: clock === undefined ? apply : clock(() => context.clock.now()),
    }),
  });

const rows = [
  { input: { x: 1 }, expect: { half: 0.5, label: '1' } },
  { input: { x: 4 }, expect: { half: 2, label: '4' } },
  { input: { x: null }, expect: { half: null, label: 'NaN' } },
] as const;

const failuresOf = (definition: ReturnType<typeof halving>): Promise<string[]> =>
  contractFailures((runner) => transformContract({ runner, definition, rows }));

const right: Apply = (input, out) => {
  const x = input.column('x').values;
  for (let row = 0; row < input.rows; row++) {
    const value = x[row]!;
    out.column('half').set(row, Number.isNaN(value) ? null : value / 2);
    out.column('label').set(row, String(value));
  }
};

const values = 'gives the outputs that are expected';
const written = 'writes every row of every output';
const intact = 'leaves its inputs as they are';
const atOnce = 'answers at once, and gives no promise';
const timeless = 'gives the same at another time, and with other random numbers';
const alone = 'gives a row the same alone and among others, in any order';
const kept = 'gives columns that stay what they are, whatever comes next';

describe('The Transform contract', () => {
  it('passes a right one', async () => {
    expect(await failuresOf(halving(right))).to.deep.equal([]);
  });

  it('fails one that gives something else', async () => {
    const failed = await failuresOf(
      halving((input, out) => {
        right(input, out);
        if (input.rows > 1) out.column('half').set(1, 2.001);
      }),
    );
    expect(failed).to.include(values);
  });

  it('fails one that mutates its input', async () => {
    const failed = await failuresOf(
      halving((input, out) => {
        right(input, out);
        input.column('x').values.fill(0);
      }),
    );
    expect(failed).to.deep.equal([intact]);
  });

  it('fails one that forgets a row', async () => {
    const failed = await failuresOf(
      halving((input, out) => {
        const x = input.column('x').values;
        for (let row = 0; row + 1 < input.rows; row++) {
          out.column('half').set(row, x[row]! / 2);
          out.column('label').set(row, String(x[row]));
        }
      }),
    );
    expect(failed).to.include.members([values, written]);
  });

  it('fails one that does not write what is zero', async () => {
    const definition = definePlugin({
      provides: transform,
      name: 'positive',
      options: z.strictObject({}),
      describe: () => ({ reads: { x: 'float64' }, writes: { positive: 'bool' } }),
      create: () => ({
        apply(input, out) {
          input.column('x').values.forEach((x, row) => {
            if (x > 0) out.column('positive').set(row, true);
          });
        },
      }),
    });
    const failed = await contractFailures((runner) =>
      transformContract({
        runner,
        definition,
        rows: [
          { input: { x: 1 }, expect: { positive: true } },
          { input: { x: -1 }, expect: { positive: false } },
        ],
      }),
    );
    expect(failed).to.deep.equal([written]);
  });

  it('fails one whose apply is async, also where it rejects', async () => {
    // As JavaScript may write it, which nothing checks.
    const untyped = (apply: (...args: Parameters<Apply>) => unknown): Apply => apply;
    const later = untyped(async (...args) => right(...args));
    expect(await failuresOf(halving(later))).to.include(atOnce);
    const rejects = untyped(async () => Promise.reject(new Error('later')));
    expect(await failuresOf(halving(rejects))).to.include(atOnce);
  });

  it('fails one that uses the time or its own clock', async () => {
    const late =
      (now: () => number): Apply =>
      (input, out) => {
        right(input, out);
        if (new Date(now()).getUTCFullYear() > 2037 && input.rows > 0) out.column('label').set(0, 'late');
      };
    expect(await failuresOf(halving(late(() => Date.now())))).to.deep.equal([timeless]);
    expect(await failuresOf(halving(right, late))).to.deep.equal([timeless]);
  });

  it('fails one that remembers', async () => {
    let calls = 0;
    const failed = await failuresOf(
      halving((input, out) => {
        right(input, out);
        if (input.rows > 0) out.column('label').set(0, `call ${calls++}`);
      }),
    );
    expect(failed).to.include.members([values, alone]);
  });

  it('passes one that fills one array with every call, because its values are copied', async () => {
    const buffer = new Float64Array(rows.length);
    const failed = await failuresOf(
      halving((input, out) => {
        right(input, out);
        if (input.rows !== buffer.length) return;
        buffer.set(out.column('half').values);
        out.column('half').values = buffer;
      }),
    );
    expect(failed).to.deep.equal([]);
  });

  it('fails one that fills one byte string with every call', async () => {
    const buffer = new Uint8Array(1);
    const definition = definePlugin({
      provides: transform,
      name: 'bytes',
      options: z.strictObject({}),
      describe: () => ({ reads: { x: 'int32' }, writes: { b: 'bytes' } }),
      create: () => ({
        apply(input, out) {
          input.column('x').values.forEach((value, row) => {
            buffer[0] = value;
            out.column('b').set(row, buffer);
          });
        },
      }),
    });
    const failed = await contractFailures((runner) =>
      transformContract({
        runner,
        definition,
        rows: [
          { input: { x: 1 }, expect: { b: Uint8Array.of(1) } },
          { input: { x: 2 }, expect: { b: Uint8Array.of(2) } },
        ],
      }),
    );
    expect(failed).to.include(kept);
  });

  it('fails one over requests that does not look where they begin', async () => {
    const shareOf = (bounds: (offsets: Uint32Array, rows: number) => number[]) =>
      definePlugin({
        provides: transform,
        name: 'share',
        options: z.strictObject({}),
        describe: () => ({ reads: { x: 'float64' }, writes: { share: 'float64' }, over: 'request' }),
        create: () => ({
          apply(input, out) {
            const offsets = bounds(input.offsets, input.rows);
            const x = input.column('x').values;
            for (let r = 0; r + 1 < offsets.length; r++) {
              const own = x.subarray(offsets[r], offsets[r + 1]);
              const sum = own.reduce((total, one) => total + one, 0);
              own.forEach((one, i) => out.column('share').set(offsets[r]! + i, one / sum));
            }
          },
        }),
      });
    const failures = (definition: ReturnType<typeof shareOf>): Promise<string[]> =>
      contractFailures((runner) =>
        transformContract({
          runner,
          definition,
          rows: [
            { input: { x: 1 }, expect: { share: 0.25 } },
            { input: { x: 3 }, expect: { share: 0.75 } },
          ],
        }),
      );
    expect(await failures(shareOf((offsets) => [...offsets]))).to.deep.equal([]);
    const among = 'gives a request the same alone and among others, of which some have no rows';
    expect(await failures(shareOf((_offsets, count) => [0, count]))).to.deep.equal([among]);
    // One that stops at the first request without rows.
    const stops = (offsets: Uint32Array): number[] => {
      const empty = offsets.findIndex((at, i) => i > 0 && at === offsets[i - 1]);
      return Array.from(offsets.subarray(0, empty < 0 ? offsets.length : empty));
    };
    expect(await failures(shareOf(stops))).to.deep.equal([among]);
  });
});
