import {
  createTensorData,
  definePlugin,
  featureSource,
  predictor,
  transform,
  type Signature,
  type FeaturesLock,
  type Tensor,
} from 'vivace';
import { z } from 'zod';

/** A feature source over a table given in its options: key → row of numbers. */
export const table = definePlugin({
  provides: featureSource,
  name: 'table',
  options: z.strictObject({
    rows: z.record(z.string(), z.array(z.number().nullable())),
    defaults: z.array(z.number()).optional(),
    fail: z.custom<() => Error | undefined>().optional(),
    delayMs: z.number().optional(),
    onRead: z.custom<(keys: string[]) => void>().optional(),
    eventTime: z.number().optional(),
    maxAgeMs: z.number().optional(),
  }),
  describe: ({ rows, defaults, maxAgeMs }) => ({
    keys: { id: 'string' },
    features: Object.fromEntries(
      (Object.values(rows)[0] ?? []).map((_, i) => [
        `f${i}`,
        { type: 'float64', ...(defaults?.[i] === undefined ? {} : { default: defaults[i] }) },
      ]),
    ),
    ...(maxAgeMs === undefined ? { offline: 'pure' } : { offline: 'log-only', maxAgeMs }),
  }),
  create: ({ rows, fail, delayMs, onRead, eventTime }, _, context) => ({
    read(keys, out, { signal }) {
      const fill = (): void => {
        const error = fail?.();
        if (error !== undefined) throw error;
        const ids = keys.column('id').values;
        onRead?.([...ids]);
        ids.forEach((id, row) => {
          const values = rows[id];
          if (values === undefined) return out.setMissing(row);
          if (eventTime !== undefined) out.eventTime[row] = eventTime;
          values.forEach((value, i) => out.column(`f${i}`).set(row, value));
        });
      };
      return delayMs === undefined ? fill() : context.delay(delayMs, signal).then(fill);
    },
  }),
});

const sumSignature = (width: number): Signature => ({
  inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, width] }],
  outputs: [{ name: 'sum', datatype: 'FP64', shape: [-1] }],
  over: 'row',
});

/** A predictor that adds up each row of its only input `x`. */
export const adder = definePlugin({
  provides: predictor,
  name: 'adder',
  options: z.strictObject({
    width: z.int().positive(),
    loaded: z.custom<() => boolean>().optional(),
    featuresLock: z.custom<FeaturesLock>().optional(),
    strictContract: z.boolean().default(false),
    onPredict: z.custom<(rows: number) => void | Promise<void>>().optional(),
  }),
  create: ({ width, loaded, featuresLock, strictContract, onPredict }) => {
    const lock = featuresLock === undefined ? {} : { featuresLock };
    const model = { name: 'adder', version: '1', digest: `adder of ${width}` };
    return {
      describe: async () => ({
        model,
        signature: sumSignature(width),
        featuresLock: featuresLock ?? {},
        strictContract,
      }),
      status: () => ({ serving: loaded?.() === false ? undefined : model, ...lock }),
      serving: () => (loaded?.() === false ? undefined : model),
      async predict(inputs: readonly Tensor[], { rows }: { rows: number }) {
        await onPredict?.(rows);
        const data = createTensorData('FP64', rows) as Float64Array;
        const x = inputs[0]!.data as Float64Array;
        for (let row = 0; row < rows; row++)
          for (let k = 0; k < width; k++) data[row]! += x[row * width + k]!;
        return { model, outputs: [{ name: 'sum', datatype: 'FP64' as const, shape: [rows], data }] };
      },
    };
  },
});

/** A pipeline of one field, which a part `adder` of width 1 gives back. */
export const echo = {
  request: { a: 'float64' },
  steps: [{ predict: 'adder', inputs: { x: ['request.a'] } }],
  response: { outputs: { sum: 'adder.sum' } },
} as const;

/** A transform that doubles a column. */
export const doubler = definePlugin({
  provides: transform,
  name: 'doubler',
  options: z.strictObject({}),
  describe: () => ({ reads: { value: 'float64' }, writes: { twice: 'float64' } }),
  create: () => ({
    apply(input, out) {
      const { values } = input.column('value');
      const twice = out.column('twice');
      for (let row = 0; row < input.rows; row++) twice.values[row] = (values[row] as number) * 2;
    },
  }),
});
