import { expect } from 'chai';
import { VivaceError, type PipelineDeclaration, type Pipelines, type Signature, type ServerOf } from 'vivace';
import { caches, kept, settle } from '../support/caches.js';
import { failureOf } from '../support/failure.js';
import { scriptedModel, thrownBy, withServer, type PredictTensors } from '../support/scripted.js';

describe('A prediction with a cache', () => {
  const signature: Signature = {
    inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 1], columns: ['object.x'] }],
    outputs: [
      { name: 'y', datatype: 'FP64', shape: [-1] },
      { name: 'label', datatype: 'BYTES', shape: [-1] },
      { name: 'ids', datatype: 'INT64', shape: [-1, 2] },
      { name: 'flags', datatype: 'BOOL', shape: [-1, -1] },
    ],
    over: 'row',
  };
  const doubling =
    (calls: number[][], factor: () => number = () => 2): PredictTensors =>
    ([input], { rows }) => {
      const x = [...(input!.data as Float64Array)];
      calls.push(x);
      return [
        {
          name: 'y',
          datatype: 'FP64',
          shape: [rows],
          data: Float64Array.from(x, (value) => value * factor()),
        },
        { name: 'label', datatype: 'BYTES', shape: [rows], data: x.map((value) => `#${value}`) },
        {
          name: 'ids',
          datatype: 'INT64',
          shape: [rows, 2],
          data: BigInt64Array.from(x.flatMap((value) => [BigInt(value), -1n])),
        },
        {
          name: 'flags',
          datatype: 'BOOL',
          shape: [rows, 3],
          data: Uint8Array.from(x.flatMap(() => [1, 0, 1])),
        },
      ];
    };
  const predicted = (by?: readonly string[]) =>
    ({
      objects: { fields: { x: 'float64', tag: 'string' } },
      steps: [{ predict: 'model', cache: by === undefined ? kept : { ...kept, by } }],
      response: { outputs: { y: 'model.y', label: 'model.label', ids: 'model.ids', flags: 'model.flags' } },
    }) as const satisfies PipelineDeclaration;
  const parts = (predict: PredictTensors, version: () => string = () => '1') => ({
    ...caches,
    model: { use: scriptedModel, signature, version, predict },
  });
  async function ask<P extends Pipelines>(
    server: ServerOf<P>,
    name: keyof P & string,
    objects: readonly (readonly [number, string])[],
  ) {
    const answer = await server.predict(name, { objects: objects.map(([x, tag]) => ({ x, tag })) } as never);
    await settle();
    return answer as unknown as { objects: { y: number }[]; models: object[] };
  }

  it('predicts only the rows that the cache does not hold; every type comes back as it was', async () => {
    const calls: number[][] = [];
    await withServer({ parts: parts(doubling(calls)), pipelines: { p: predicted() } }, async (server) => {
      const first = await ask(server, 'p', [
        [1, 'a'],
        [2, 'a'],
      ]);
      const second = await ask(server, 'p', [
        [2, 'b'],
        [3, 'a'],
        [1, 'a'],
        [3, 'c'],
      ]);
      expect(first.objects).to.deep.equal([
        { index: 0, x: 1, tag: 'a', y: 2, label: '#1', ids: [1, -1], flags: [true, false, true] },
        { index: 1, x: 2, tag: 'a', y: 4, label: '#2', ids: [2, -1], flags: [true, false, true] },
      ]);
      expect(second.objects.map(({ y }) => y)).to.deep.equal([4, 6, 2, 6]);
      expect(second.models).to.deep.equal([{ step: 'model', name: 'scripted', version: '1' }]);
      expect(calls).to.deep.equal([[1, 2], [3]]);
    });
  });

  it('answers a request whose row the model takes, beside one with a row that it does not', async () => {
    const calls: number[][] = [];
    const double = doubling(calls);
    const picky: PredictTensors = async (inputs, context) => {
      const answer = double(inputs, context);
      await settle();
      if (inputs[0]!.data.includes(-1 as never)) throw new VivaceError('PREDICTOR_FAILED', 'it threw');
      return answer;
    };
    await withServer({ parts: parts(picky), pipelines: { p: predicted() } }, async (server) => {
      const poisoned = thrownBy(
        ask(server, 'p', [
          [-1, 'a'],
          [5, 'a'],
        ]),
      );
      const good = await ask(server, 'p', [[5, 'a']]);
      expect(good.objects.map(({ y }) => y)).to.deep.equal([10]);
      expect((await poisoned).code).to.equal('PREDICTOR_FAILED');
      expect(calls).to.deep.equal([[-1, 5], [5]]);
    });
  });

  it('starts afresh with a new version of the model', async () => {
    const calls: number[][] = [];
    let version = '1';
    await withServer(
      {
        parts: parts(
          doubling(calls, () => Number(version) * 2),
          () => version,
        ),
        pipelines: { p: predicted() },
      },
      async (server) => {
        await ask(server, 'p', [[1, 'a']]);
        version = '2';
        const answer = await ask(server, 'p', [[1, 'a']]);
        expect(answer.objects[0]!.y).to.equal(4);
        expect(calls).to.deep.equal([[1], [1]]);
      },
    );
  });

  it('keeps models apart that have one name and version but are not the same', async () => {
    const model = (factor: number, digest: string) => {
      const predict = doubling([], () => factor);
      return { use: scriptedModel, signature, predict, digest: () => digest };
    };
    const of = (name: string) =>
      ({
        objects: { fields: { x: 'float64' } },
        steps: [{ predict: name, as: 'model', cache: kept }],
        response: { outputs: { y: 'model.y' } },
      }) as const satisfies PipelineDeclaration;
    await withServer(
      {
        parts: { ...caches, one: model(2, 'a'), other: model(3, 'b'), same: model(4, 'a') },
        pipelines: { one: of('one'), other: of('other'), same: of('same') },
      },
      async (server) => {
        const y = async (pipeline: 'one' | 'other' | 'same'): Promise<unknown> => {
          const answer = await server.predict(pipeline, { objects: [{ x: 1 }] });
          await settle();
          return answer.objects[0]!.y;
        };
        // What has one digest is one model, whatever the part: its answers are shared.
        expect([await y('one'), await y('other'), await y('same')]).to.deep.equal([2, 3, 2]);
      },
    );
  });

  for (const digest of [undefined, '']) {
    it(`caches nothing of a predictor that gives the digest ${JSON.stringify(digest)}, and says so`, async () => {
      const predict = doubling([]);
      const model = { use: scriptedModel, signature, predict, digest: () => digest as string };
      await withServer({ parts: { ...caches, model }, pipelines: { p: predicted() } }, async (server) => {
        expect(await failureOf(ask(server, 'p', [[1, 'a']]))).to.equal(
          'INTERNAL scripted 1 is served without a digest, so its answers cannot be cached: the predictor must give one',
        );
      });
    });
  }

  it('never mixes rows of two versions when another takes over during the call', async () => {
    const calls: number[][] = [];
    let version = '1';
    let swap = false;
    const predict: PredictTensors = (inputs, context) => {
      if (swap) version = '2';
      return doubling(calls, () => Number(version) * 2)(inputs, context);
    };
    await withServer(
      { parts: parts(predict, () => version), pipelines: { p: predicted() } },
      async (server) => {
        await ask(server, 'p', [[1, 'a']]);
        swap = true;
        const mixed = await ask(server, 'p', [
          [1, 'a'],
          [5, 'a'],
        ]);
        expect(mixed.objects.map(({ y }) => y)).to.deep.equal([4, 20]);
        expect(mixed.models).to.deep.equal([{ step: 'model', name: 'scripted', version: '2' }]);
        version = '1';
        const whole = await ask(server, 'p', [[7, 'a']]);
        expect(whole.objects.map(({ y }) => y)).to.deep.equal([28]);
        expect(whole.models).to.deep.equal([{ step: 'model', name: 'scripted', version: '2' }]);
      },
    );
  });

  it('tells rows apart by the columns of `by`', async () => {
    const calls: number[][] = [];
    await withServer(
      { parts: parts(doubling(calls)), pipelines: { p: predicted(['object.tag']) } },
      async (server) => {
        await ask(server, 'p', [[1, 'a']]);
        expect(
          (
            await ask(server, 'p', [
              [99, 'a'],
              [3, 'b'],
            ])
          ).objects.map(({ y }) => y),
        ).to.deep.equal([2, 6]);
        expect(calls).to.deep.equal([[1], [3]]);
      },
    );
  });

  it('keeps pipelines apart that share a model and a cache and tell rows apart by their own columns', async () => {
    const calls: number[][] = [];
    await withServer(
      {
        parts: parts(doubling(calls)),
        pipelines: { p: predicted(['object.tag']), q: predicted(['object.tag']) },
      },
      async (server) => {
        await ask(server, 'p', [[1, 'a']]);
        expect((await ask(server, 'q', [[5, 'a']])).objects[0]!.y).to.equal(10);
      },
    );
  });

  it('keeps nothing of an answer that is none', async () => {
    const calls: number[][] = [];
    let broken = true;
    const predict: PredictTensors = async (inputs, context) => {
      const tensors = await doubling(calls)(inputs, context);
      return broken ? [{ ...tensors[0]!, data: new Float64Array(0) }, ...tensors.slice(1)] : tensors;
    };
    await withServer({ parts: parts(predict), pipelines: { p: predicted() } }, async (server) => {
      const error = await ask(server, 'p', [[1, 'a']]).then(
        () => undefined,
        (thrown: unknown) => thrown as VivaceError,
      );
      expect(error?.code).to.equal('PREDICTOR_FAILED');
      broken = false;
      expect((await ask(server, 'p', [[1, 'a']])).objects[0]!.y).to.equal(2);
    });
  });
});
