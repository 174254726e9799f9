import { expect } from 'chai';
import { VivaceError } from 'vivace';
import { echoed } from 'vivace/testing';
import { echoing, errorOf, features, infer, input, served, type Ask } from '../support/open-inference.js';

async function expectErrors(ask: Ask, status: number, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const answer = await ask({ path });
    expect(answer.status, path).to.equal(status);
    errorOf(answer);
  }
}

describe('open-inference', () => {
  describe('errors', () => {
    it('of every layer are {"error": …}, with what to do in the headers', async () => {
      const ask = await served();
      const unknown = await ask({ path: '/v2/models/none/infer', body: { inputs: [] } });
      expect([unknown.status, errorOf(unknown)]).to.deep.equal([
        404,
        'there is no model "none"; there are echo, mirror',
      ]);
      await expectErrors(ask, 404, [
        '/v2/nothing',
        '/v2/models/mirror/x',
        '/v2/models/mirror/versions/3/x',
        '/v2/health',
        '/v2/health/x',
        '/v2/models//infer',
        '/v2/models/mirror/infer/x',
        '/v2/repository/x',
      ]);
      const method = await ask({ method: 'DELETE', path: infer });
      expect([method.status, method.headers['allow']]).to.deep.equal([405, 'POST']);
      expect(errorOf(method)).to.contain('use POST');
      expect((await ask({ method: 'POST', path: '/v2/health/live', body: {} })).headers['allow']).to.equal(
        'GET, HEAD',
      );
      const coding = await ask({ path: infer, body: '{}', headers: { 'content-encoding': 'zstd' } });
      expect(coding.status).to.equal(415);
      errorOf(coding);
    });

    it('say 501 to extensions that are not served', async () => {
      const ask = await served();
      await expectErrors(ask, 501, [
        '/v2/systemsharedmemory/status',
        '/v2/cudasharedmemory/region/r/register',
        '/v2/trace/setting',
        '/v2/models/mirror/trace/setting',
        '/v2/logging',
        '/v2/models/mirror/config',
        '/v2/models/mirror/generate',
      ]);
    });

    it('of a model keep their status, say when to try again, and tell nothing of faults', async () => {
      for (const [error, status, said] of [
        [
          new VivaceError('RESOURCE_EXHAUSTED', 'the queue is full', { retryAfterMs: 1200 }),
          429,
          'the queue is full',
        ],
        [new VivaceError('UNAVAILABLE', 'no instance'), 503, 'no instance'],
        [new VivaceError('DEADLINE_EXCEEDED', 'late'), 504, 'late'],
        [new TypeError('the password is 1234'), 500, 'internal error'],
      ] as const) {
        const ask = await served({
          predictors: { ...echoing(features), predict: async () => Promise.reject(error) },
        });
        const answer = await ask({ path: infer, body: { inputs: [input] } });
        expect([answer.status, errorOf(answer)]).to.deep.equal([status, said]);
        if (status === 429) expect(answer.headers['retry-after']).to.equal('2');
      }
    });

    it('of a request that cannot be read are counted by the pipeline', async () => {
      let counted = 0;
      const ask = await served({
        pipelines: {
          predict: async (_name, given) => {
            counted++;
            (given as () => unknown)();
            return echoed('r', null);
          },
        },
      });
      expect((await ask({ path: '/v2/models/echo/infer', body: '{' })).status).to.equal(400);
      expect(counted).to.equal(1);
    });
  });
});
