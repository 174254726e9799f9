// Never run. The compiler must refuse what stands behind each `@ts-expect-error`, and accept the rest.
import { definePlugin, featureSource, transform } from 'vivace';
import {
  applyTransform,
  featureSourceContract,
  makePart,
  readSource,
  startPart,
  transformContract,
  type Runner,
} from 'vivace/testing';
import { z } from 'zod';

const source = definePlugin({
  provides: featureSource,
  name: 'source',
  options: z.strictObject({ size: z.int() }),
  describe: () => ({ keys: { id: 'string' }, features: { x: 'float64', tags: 'list<string>' }, offline: 'pure' }),
  create: () => ({ read: () => undefined }),
});
const plus = definePlugin({
  provides: transform,
  name: 'plus',
  options: z.strictObject({ by: z.number().default(1) }),
  describe: () => ({ reads: { a: 'int32' }, writes: { b: 'int64' } }),
  create: () => ({ apply: () => undefined }),
});
declare const runner: Runner;

export const parts = [makePart(source, { size: 1 }), makePart(plus), makePart(plus, { by: 2 }, { name: 'p' })];
// @ts-expect-error an option without a default
export const noOptions = makePart(source);
// @ts-expect-error `size` is a number
export const wrongOption = makePart(source, { size: '1' });

featureSourceContract({
  runner,
  definition: source,
  options: { size: 1 },
  rows: [
    { key: { id: 'a' }, expect: { x: 1, tags: ['b'] } },
    { key: { id: 'b' }, expect: 'MISSING' },
  ],
});
// @ts-expect-error it needs its options
featureSourceContract({ runner, definition: source, rows: [] });
featureSourceContract({
  runner,
  definition: source,
  options: { size: 1 },
  // @ts-expect-error a key is a text
  rows: [{ key: { id: 1 }, expect: 'MISSING' }],
});
featureSourceContract({
  runner,
  definition: source,
  options: { size: 1 },
  // @ts-expect-error every feature is expected
  rows: [{ key: { id: 'a' }, expect: { x: 1 } }],
});
// @ts-expect-error a transform is no source
featureSourceContract({ runner, definition: plus, rows: [] });

transformContract({ runner, definition: plus, rows: [{ input: { a: 1 }, expect: { b: 2n } }] });
transformContract({
  runner,
  definition: plus,
  // @ts-expect-error there is no input "c"
  rows: [{ input: { a: 1, c: 1 }, expect: { b: 2n } }],
});

export const run = async (): Promise<void> => {
  const [row] = await readSource(await startPart(source, { size: 1 }), [{ id: 'a' }]);
  if (typeof row === 'object' && 'x' in row) {
    const x: number | null = row.x;
    // @ts-expect-error a float64 is a number
    const text: string = row.x;
    void [x, text];
  }
  const [out] = applyTransform(await startPart(plus), [{ a: 1 }]);
  const b: number | bigint | null | undefined = out?.b;
  // @ts-expect-error there is no output "c"
  void [b, out?.c];
  // @ts-expect-error the input is `a`
  applyTransform(await startPart(plus), [{ c: 1 }]);
};
