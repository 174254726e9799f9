import {
  createServer,
  definePlugin,
  featureSource,
  predictor,
  transform,
  type CallContext,
  type FeatureRows,
  type FeatureSpec,
  type Keys,
  type Pipelines,
  type ModelIdentity,
  type PredictContext,
  type ServerSpecification,
  type Signature,
  type Tensor,
  type TransformDescription,
  type TypeName,
  type Transform,
  type ServerOf,
} from 'vivace';
import { z } from 'zod';

export type ReadRows = (keys: Keys, out: FeatureRows, context: CallContext) => void | Promise<void>;

/** A feature source that is a function; where it ran is for the test to note. */
export const scripted = definePlugin({
  provides: featureSource,
  name: 'scripted',
  options: z.strictObject({
    keys: z.record(z.string(), z.custom<TypeName>()).default({ id: 'string' }),
    features: z.record(z.string(), z.custom<TypeName | FeatureSpec>()),
    offline: z
      .enum(['pure', 'as-of', 'log-only'])
      .optional()
      .describe('default: pure, where the rows have no age'),
    maxAgeMs: z.number().optional(),
    read: z.custom<ReadRows>().default(() => () => undefined),
  }),
  describe: ({ keys, features, offline, maxAgeMs }) => ({
    keys,
    features,
    offline: offline ?? (maxAgeMs === undefined ? 'pure' : 'log-only'),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  }),
  create: ({ read }) => ({ read }),
});

export type PredictTensors = (
  inputs: readonly Tensor[],
  context: PredictContext,
) => readonly Tensor[] | Promise<readonly Tensor[]>;

/** A predictor that is a function, under any signature and any version. */
export const scriptedModel = definePlugin({
  provides: predictor,
  name: 'scripted-model',
  options: z.strictObject({
    signature: z.custom<Signature>(),
    version: z.custom<() => string>().default(() => () => '1'),
    /** What it is; default: its version. */
    digest: z.custom<() => string>().optional(),
    predict: z.custom<PredictTensors>(),
  }),
  create: ({ signature, version, digest = version, predict }) => {
    const model = (): ModelIdentity => ({ name: 'scripted', version: version(), digest: digest() });
    return {
      describe: async () => ({ model: model(), signature }),
      serving: model,
      predict: async (inputs: readonly Tensor[], context: PredictContext) => ({
        outputs: await predict(inputs, context),
        model: model(),
      }),
    };
  },
});

/** A transform that is a function. */
export const scriptedTransform = definePlugin({
  provides: transform,
  name: 'scripted-transform',
  options: z.strictObject({
    describes: z.custom<TransformDescription>(),
    apply: z.custom<Transform['apply']>(),
  }),
  describe: ({ describes }) => describes,
  create: ({ apply }) => ({ apply }),
});

/** Runs `use` against a started server, and stops it whatever happens. */
export async function withServer<const P extends Pipelines, T>(
  specification: ServerSpecification<P>,
  use: (server: ServerOf<P>) => Promise<T>,
): Promise<T> {
  const server = await createServer(specification);
  try {
    await server.start();
    return await use(server);
  } finally {
    await server.stop();
  }
}

/** What a promise fails with. */
export async function thrownBy(promise: Promise<unknown>): Promise<Error & { code?: string; path?: string }> {
  return promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as Error,
  );
}
