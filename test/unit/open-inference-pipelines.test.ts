import { expect } from 'chai';
import { parseType } from 'vivace';
import { echoed } from 'vivace/testing';
import { binaryRequest, errorOf, served, type InferResponse } from '../support/open-inference.js';

describe('open-inference', () => {
  describe('a pipeline', () => {
    const text = { name: 'request.text', datatype: 'BYTES', shape: [1], data: ['ż'] };

    it('is a model: fields in, outputs out, lists as their JSON', async () => {
      const numbers = { name: 'request.numbers', datatype: 'BYTES', shape: [1], data: ['[1,"NaN"]'] };
      const answer = await (
        await served()
      )({ path: '/v2/models/echo/infer', body: { inputs: [text, numbers] } });
      expect(answer.json()).to.deep.equal({
        model_name: 'echo',
        outputs: [
          { name: 'text', datatype: 'BYTES', shape: [1], data: ['ż'] },
          { name: 'numbers', datatype: 'BYTES', shape: [1], data: ['[1,"NaN"]'] },
        ],
      });
    });

    it('describes its fields, and which may be left out', async () => {
      expect((await (await served())({ path: '/v2/models/echo' })).json()).to.deep.equal({
        name: 'echo',
        versions: [],
        platform: 'vivace_pipeline',
        inputs: [
          { name: 'request.text', datatype: 'BYTES', shape: [1] },
          { name: 'request.numbers', datatype: 'BYTES', shape: [1] },
        ],
        outputs: [
          { name: 'text', datatype: 'BYTES', shape: [1] },
          { name: 'numbers', datatype: 'BYTES', shape: [1] },
        ],
        properties: { optional: ['request.text', 'request.numbers'] },
      });
    });

    it('lists rows without a value in the parameter `nulls`, in and out', async () => {
      const ask = await served();
      const answer = await ask({
        path: '/v2/models/echo/infer',
        body: { inputs: [{ ...text, data: ['x'], parameters: { nulls: '[0]' } }] },
      });
      const { outputs } = answer.json() as InferResponse;
      expect(outputs[0]).to.deep.include({ data: [''], parameters: { nulls: '[0]' } });
      expect(outputs[1]).to.deep.include({ data: [''], parameters: { nulls: '[0]' } });
      for (const nulls of ['[1]', '[-1]', '[0.5]', '0', 'x', '{}', 5]) {
        const body = { inputs: [{ ...text, parameters: { nulls } }] };
        expect(errorOf(await ask({ path: '/v2/models/echo/infer', body })), String(nulls)).to.contain(
          '"nulls"',
        );
      }
    });

    it('says which models answered, and what is degraded', async () => {
      const degraded = [{ step: 'here', status: 'STALE', rows: 2 }] as const;
      const models = [{ step: 'delays', name: 'delay', version: '1' }];
      const ask = await served({
        pipelines: { predict: async () => ({ ...echoed('r', 'a'), models, degraded }) },
      });
      const { parameters } = (
        await ask({ path: '/v2/models/echo/infer', body: { inputs: [] } })
      ).json() as InferResponse;
      expect(JSON.parse(parameters!['degraded'] as string)).to.deep.equal(degraded);
      expect(JSON.parse(parameters!['models'] as string)).to.deep.equal(models);
    });

    it('has no versions', async () => {
      const answer = await (
        await served()
      )({ path: '/v2/models/echo/versions/1/infer', body: { inputs: [] } });
      expect([answer.status, errorOf(answer)]).to.deep.equal([
        404,
        'there is no version "1" of the model "echo": it has no versions',
      ]);
    });

    it('refuses a list that is not its JSON, and bytes that are not text', async () => {
      const ask = await served();
      for (const data of ['', '[1', '5', '[true]', 'null', '[[1]]', '[{}]']) {
        const body = { inputs: [{ name: 'request.numbers', datatype: 'BYTES', shape: [1], data: [data] }] };
        expect(errorOf(await ask({ path: '/v2/models/echo/infer', body })), data).to.contain(
          'request.numbers[0]',
        );
      }
      const bytes = Uint8Array.of(1, 0, 0, 0, 255);
      const request = { inputs: [{ ...text, data: undefined, parameters: { binary_data_size: 5 } }] };
      const answer = await ask({ path: '/v2/models/echo/infer', ...binaryRequest(request, bytes) });
      expect(errorOf(answer)).to.contain('request.text[0]: the bytes are not UTF-8');
    });

    it('with objects answers them in its order, with the index of each', async () => {
      const scored = { name: 'scored', type: parseType('float32') };
      const at = { name: 'at', type: parseType('timestamp'), optional: true };
      const ask = await served({
        pipelines: {
          names: () => ['rank'],
          describe: () => ({
            name: 'rank',
            description: 'ranks',
            request: [{ ...at, name: 'now', optional: false }],
            objects: { fields: [{ ...scored, name: 'score', optional: false }, at], max: 3 },
            outputs: [scored, at],
            deadlineMs: 100,
            explain: true,
            explained: [],
            plan: {},
          }),
          predict: async (_name, given, { requestId }) => {
            const { objects } = typeof given === 'function' ? given() : given;
            const [score, when] = objects!.columns;
            return {
              requestId,
              models: [],
              degraded: [],
              outputs: [score!, when!],
              objects: { fields: [], order: Uint32Array.of(2, 0) },
            };
          },
        },
      });
      const now = { name: 'request.now', datatype: 'INT64', shape: [1], data: [1_000_000] };
      const score = { name: 'object.score', datatype: 'FP32', shape: [3], data: [0.5, 1.5, 2.5] };
      const when = {
        name: 'object.at',
        datatype: 'INT64',
        shape: [3],
        data: [1, 2, 3],
        parameters: { nulls: '[0]' },
      };
      const path = '/v2/models/rank/infer';
      const answer = await ask({ path, body: { inputs: [score, now, when] } });
      expect((answer.json() as InferResponse).outputs).to.deep.equal([
        { name: 'index', datatype: 'INT32', shape: [2], data: [2, 0] },
        { name: 'scored', datatype: 'FP32', shape: [2], data: [2.5, 0.5] },
        { name: 'at', datatype: 'INT64', shape: [2], data: [3, 0], parameters: { nulls: '[1]' } },
      ]);
      const refused = async (...inputs: object[]): Promise<string> =>
        errorOf(await ask({ path, body: { inputs } }));
      expect(await refused(now, score, { ...when, shape: [2], data: [1, 2], parameters: {} })).to.contain(
        'object.at: 2 rows, but another input of objects has 3',
      );
      expect(await refused(now, { ...score, shape: [4], data: [1, 2, 3, 4] })).to.contain('at most 3');
      expect(await refused(now, { ...score, parameters: { nulls: '[1]' } })).to.contain('may not be null');
      expect(await refused({ ...now, data: [2n ** 60n].map(String) }, score)).to.contain('request.now[0]');
      expect(await refused(score)).to.contain('the input "request.now" is missing');
    });
  });
});
