import { expect } from 'chai';
import type { Readiness } from 'vivace';
import type { OwnPlanes } from 'vivace/testing';
import { echoing, errorOf, features, infer, input, served } from '../support/open-inference.js';

describe('open-inference', () => {
  describe('the server', () => {
    it('says its name, version and extensions, with and without a slash', async () => {
      const ask = await served();
      for (const path of ['/v2', '/v2/'])
        expect((await ask({ path })).json()).to.deep.equal({
          name: 'vivace',
          version: '1.2.3',
          extensions: ['binary_tensor_data', 'statistics'],
        });
    });

    it('is live and ready, in JSON; 503 while it is not ready', async () => {
      const ask = await served();
      for (const [path, body] of [
        ['live', { live: true }],
        ['ready', { ready: true }],
      ] as const) {
        const answer = await ask({ path: `/v2/health/${path}` });
        expect([answer.status, answer.json()]).to.deep.equal([200, body]);
      }
      const readiness = (): Readiness => ({ ready: false, reasons: ['it starts'], details: [] });
      const starting = await served({ control: { readiness } });
      const answer = await starting({ path: '/v2/health/ready' });
      expect([answer.status, answer.json()]).to.deep.equal([503, { ready: false, error: 'it starts' }]);
      expect((await starting({ path: '/v2/health/live' })).status).to.equal(200);
    });

    it('lists its models', async () => {
      expect((await (await served())({ path: '/v2/models' })).json()).to.deep.equal({
        models: ['echo', 'mirror'],
      });
    });

    it('has every route below its prefix, and leaves others alone', async () => {
      const ask = await served({}, { prefix: '/ml' });
      expect((await ask({ path: '/ml/v2' })).status).to.equal(200);
      expect((await ask({ path: `/ml${infer}`, body: { inputs: [input] } })).status).to.equal(200);
      for (const path of ['/v2', '/ml/v2x', '/mlv2', '/ml'])
        expect((await ask({ path })).json(), path).to.have.property('code', 'NOT_FOUND');
    });
  });

  describe('a model', () => {
    it('says whether it is ready, by version too', async () => {
      const ask = await served();
      for (const path of ['/v2/models/mirror/ready', '/v2/models/mirror/versions/3/ready']) {
        const answer = await ask({ path });
        expect([answer.status, answer.json()]).to.deep.equal([200, { name: 'mirror', ready: true }]);
      }
      expect((await ask({ path: '/v2/models/echo/ready' })).status).to.equal(200);
      for (const path of [
        '/v2/models/none/ready',
        '/v2/models/mirror/versions/4/ready',
        '/v2/models/echo/versions/1/ready',
      ])
        expect((await ask({ path })).status, path).to.equal(404);
    });

    it('is not ready without a loaded model, and while the server is not', async () => {
      const unloaded = { ...echoing(features), list: () => [{ name: 'part', serving: undefined }] };
      const empty = await (await served({ predictors: unloaded }))({ path: '/v2/models/mirror/ready' });
      expect([empty.status, empty.json()]).to.deep.equal([
        503,
        { name: 'mirror', ready: false, error: 'predictor "part" has no loaded model' },
      ]);
      const draining = await served({
        control: { state: 'draining', readiness: () => ({ ready: false, reasons: ['x'], details: [] }) },
      });
      for (const name of ['mirror', 'echo'])
        expect((await draining({ path: `/v2/models/${name}/ready` })).status, name).to.equal(503);
    });

    it('describes its tensors, by version too', async () => {
      const ask = await served();
      for (const path of ['/v2/models/mirror', '/v2/models/mirror/versions/3'])
        expect((await ask({ path })).json()).to.deep.equal({
          name: 'mirror',
          versions: ['3'],
          platform: 'vivace_predictor',
          inputs: features,
          outputs: features,
          properties: {},
        });
      const { status } = await ask({ path: '/v2/models/mirror/versions/4' });
      expect(status).to.equal(404);
    });

    it('may have a name in percent-encoding', async () => {
      const ask = await served({ predictors: echoing(features, { model: 'a model/ż' }) });
      const path = `/v2/models/${encodeURIComponent('a model/ż')}`;
      expect((await ask({ path })).json()).to.have.property('name', 'a model/ż');
      const answer = await ask({ path: `${path}/infer`, body: { inputs: [input] } });
      expect(answer.json()).to.have.property('model_name', 'a model/ż');
      expect(
        (await (await served())({ path: '/v2/models/mirro%72/infer', body: { inputs: [input] } })).status,
      ).to.equal(200);
      expect(errorOf(await ask({ path: '/v2/models/%E0%A4%A/infer', body: {} }))).to.contain(
        'percent-encoding',
      );
    });
  });

  describe('names', () => {
    async function mistake(own: OwnPlanes, options: object = {}): Promise<string> {
      try {
        await served(own, options);
      } catch (error) {
        expect(error).to.have.property('code', 'INVALID_CONFIG');
        return (error as Error).message;
      }
      throw new Error('there was no mistake');
    }

    it('that clash are a mistake, which prints the option to add', async () => {
      const predictors = echoing(features, { model: 'echo' });
      expect(await mistake({ predictors })).to.contain(
        'the pipeline "echo" and the predictor "part" are both the model "echo": add `models: { echo-2: { predictor: part } }`',
      );
      const ask = await served({ predictors }, { models: { 'echo-2': { predictor: 'part' } } });
      expect((await ask({ path: '/v2/models' })).json()).to.deep.equal({ models: ['echo', 'echo-2'] });
      expect(
        (await ask({ path: '/v2/models/echo-2/infer', body: { inputs: [input] } })).json(),
      ).to.have.property('model_name', 'echo-2');
    });

    it('of the protocol are a mistake', async () => {
      for (const model of ['stats', 'ready', 'versions', 'config']) {
        expect(await mistake({ predictors: echoing(features, { model }) })).to.contain(
          `models: { my-${model}: { predictor: part } }`,
        );
        expect(await mistake({}, { models: { [model]: { pipeline: 'echo' } } })).to.contain(
          'part of the protocol',
        );
      }
    });

    it('of what does not exist are mistakes, all at once', async () => {
      const models = { a: { predictor: 'none' }, b: { pipeline: 'none' } };
      const said = await mistake({}, { models });
      expect(said)
        .to.contain('models.a: there is no predictor "none"')
        .and.to.contain('models.b: there is no pipeline');
    });

    it('may be several for one model', async () => {
      const ask = await served({}, { models: { one: { pipeline: 'echo' }, two: { pipeline: 'echo' } } });
      expect((await ask({ path: '/v2/models' })).json()).to.deep.equal({ models: ['one', 'two', 'mirror'] });
    });
  });

  describe('statistics', () => {
    it('count what each model has answered and refused', async () => {
      const ask = await served();
      await ask({ path: infer, body: { inputs: [{ ...input, shape: [2, 2], data: [1, 2, 3, 4] }] } });
      await ask({ path: infer, body: { inputs: [] } });
      interface Stats {
        model_stats: {
          name: string;
          version: string;
          inference_count: number;
          execution_count: number;
          last_inference: number;
          inference_stats: Record<string, { count: number; ns: number }>;
        }[];
      }
      for (const path of ['/v2/models/mirror/stats', '/v2/models/mirror/versions/3/stats']) {
        const [stats, ...more] = ((await ask({ path })).json() as Stats).model_stats;
        expect(more).to.deep.equal([]);
        expect(stats).to.include({ name: 'mirror', version: '3', inference_count: 2, execution_count: 1 });
        expect(stats!.last_inference).to.be.greaterThan(0);
        const { success, fail, compute_input, compute_infer, compute_output } = stats!.inference_stats;
        expect(
          [success, fail, compute_input, compute_infer, compute_output].map((one) => one!.count),
        ).to.deep.equal([1, 1, 1, 1, 1]);
        expect(success!.ns).to.be.closeTo(compute_input!.ns + compute_infer!.ns + compute_output!.ns, 3);
      }
      const all = ((await ask({ path: '/v2/models/stats' })).json() as Stats).model_stats;
      expect(all.map(({ name, execution_count: count }) => [name, count])).to.deep.equal([
        ['echo', 0],
        ['mirror', 1],
      ]);
      expect((await ask({ path: '/v2/models/none/stats' })).status).to.equal(404);
    });
  });
});
