// Never run. The compiler must refuse what stands behind each `@ts-expect-error`, and accept the rest.
import { defineStep, definePlugin, featureSource, transform } from 'vivace';
import type { ColumnsIn, ColumnsOut, Step, TypeName } from 'vivace';
import { z } from 'zod';

const name = 'a';
const options = z.strictObject({});

// Type names.

export const names: readonly TypeName[] = ['float32', 'float32[8]', 'list<int64>', 'bytes'];
// @ts-expect-error `flot64` is not a type
export const misspelt: TypeName = 'flot64';
// @ts-expect-error a list is of scalars
export const nested: TypeName = 'list<float32[8]>';
// @ts-expect-error a vector has a width
export const noWidth: TypeName = 'float32[]';

// Steps: the columns are those of `reads` and `writes`.

export const step = defineStep({
  name: 'step',
  reads: { a: 'float64', when: { type: 'timestamp', from: 'time' }, ids: 'list<int64>', words: 'string', point: 'float32[2]' },
  writes: { b: 'int32', c: 'float32[2]', d: 'int64', e: 'bool' },
  offline: 'same',
  create: () => ({
    run(input, out) {
      const a: Float64Array = input.column('a').values;
      const when: Float64Array = input.column('when').values;
      const ids: BigInt64Array = input.column('ids').values;
      const words: string[] = input.column('words').values;
      const point: Float32Array = input.column('point').values;
      // @ts-expect-error a float64 column holds no Float32Array
      const wrong: Float32Array = input.column('a').values;
      // @ts-expect-error there is no input `aa`
      input.column('aa');
      // @ts-expect-error `b` is an output
      input.column('b');
      const b: Int32Array = out.column('b').values;
      out.column('b').set(0, null);
      out.column('c').set(0, [1, 2]);
      out.column('d').set(0, 1n);
      out.column('e').set(0, true);
      // @ts-expect-error there is no output `a`
      out.column('a');
      // @ts-expect-error a cell of an int32 is a number
      out.column('b').set(0, 'x');
      // @ts-expect-error a cell of a vector is a list
      out.column('c').set(0, 1);
      // @ts-expect-error the values of an int32 column are an Int32Array
      out.column('b').values = new Float64Array(1);
      void [a, when, ids, words, point, wrong, b];
    },
  }),
});
defineStep({
  name,
  // @ts-expect-error `flot64` is not a type
  reads: { a: 'flot64' },
  writes: {},
  offline: 'same',
  create: () => ({ run: () => undefined }),
});
defineStep({
  name,
  reads: {},
  // @ts-expect-error neither here
  writes: { a: 'string[' },
  offline: 'same',
  create: () => ({ run: () => undefined }),
});

/** A class step names its columns by `typeof`. */
export class ClassStep implements Step<typeof ClassStep.reads, typeof ClassStep.writes> {
  static readonly reads = { a: 'float64' } as const;
  static readonly writes = { b: 'string' } as const;
  static readonly offline = 'same';

  run(input: ColumnsIn<typeof ClassStep.reads>, out: ColumnsOut<typeof ClassStep.writes>): void {
    const a: Float64Array = input.column('a').values;
    out.column('b').set(0, String(a[0]));
    // @ts-expect-error there is no input `b`
    input.column('b');
    // @ts-expect-error a cell of a string is a text
    out.column('b').set(0, 1);
  }
}

// Transforms and feature sources: the columns are those of `describe`.

definePlugin({
  provides: transform,
  name,
  options,
  describe: () => ({ reads: { a: 'float64', when: { type: 'timestamp', from: 'time' } }, writes: { b: 'bool' } }),
  create: () => ({
    apply(input, out) {
      const a: Float64Array = input.column('a').values;
      const when: Float64Array = input.column('when').values;
      // @ts-expect-error there is no input `c`
      input.column('c');
      // @ts-expect-error a cell of a bool is true or false
      out.column('b').set(0, 'yes');
      void [a, when];
    },
  }),
});
definePlugin({
  provides: featureSource,
  name,
  options: z.strictObject({ maxAgeMs: z.number() }),
  describe: ({ maxAgeMs }) => ({ keys: { id: 'int64' }, features: { x: { type: 'float32', unit: 'km' }, y: 'string' }, offline: 'pure', maxAgeMs }),
  create: ({ maxAgeMs }) => ({
    read(keys, out) {
      const ids: BigInt64Array = keys.column('id').values;
      const x: Float32Array = out.column('x').values;
      out.column('y').set(0, String(maxAgeMs));
      // @ts-expect-error there is no key `x`
      keys.column('x');
      // @ts-expect-error there is no feature `id`
      out.column('id');
      // @ts-expect-error a cell of a string is a text
      out.column('y').set(0, 1);
      void [ids, x];
    },
  }),
});
definePlugin({
  provides: featureSource,
  name,
  options,
  // @ts-expect-error `int` is not a type
  describe: () => ({ keys: { id: 'int' }, features: { x: 'float32' }, offline: 'pure' }),
  create: () => ({ read: () => undefined }),
});
definePlugin({
  provides: transform,
  name,
  options,
  // @ts-expect-error `flot64` is not a type
  describe: () => ({ reads: {}, writes: { x: 'flot64' } }),
  create: () => ({ apply: () => undefined }),
});

// Columns that only the options know are looked up by any name.

definePlugin({
  provides: transform,
  name,
  options: z.strictObject({ columns: z.array(z.string()) }),
  describe: ({ columns }) => ({ reads: Object.fromEntries(columns.map((column) => [column, 'float64' as const])), writes: { sum: 'float64' } }),
  create: ({ columns }) => ({
    apply(input, out) {
      const read: readonly Float64Array[] = columns.map((column) => input.column(column).values);
      out.column('sum').values = read[0]!;
    },
  }),
});
