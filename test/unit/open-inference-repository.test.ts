import { expect } from 'chai';
import { httpServer, transport } from 'vivace';
import { express } from 'vivace/adapters/express';
import { openInference } from 'vivace/plugins/open-inference';
import { callContext, planes, sendOverSocket, startPart, type OwnPlanes } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { echoing, errorOf, features, served } from '../support/open-inference.js';

describe('open-inference', () => {
  describe('the model repository', () => {
    const paths = [
      '/v2/repository/index',
      '/v2/repository/models/mirror/load',
      '/v2/repository/models/mirror/unload',
    ];

    it('is off without `admin`', async () => {
      const ask = await served();
      for (const path of paths) {
        const answer = await ask({ path, body: {} });
        expect(answer.status, path).to.equal(501);
        expect(errorOf(answer)).to.contain('admin: true');
      }
    });

    it('is refused on a server that does not listen itself', async () => {
      expect(await failureOf(served({}, { admin: true }))).to.match(
        /^INVALID_CONFIG .*parts\.[\w-]+\.admin: the server does not listen itself.*`host: 127\.0\.0\.1`$/,
      );
    });

    it('is refused on a server that listens beyond loopback', async () => {
      for (const [host, allowed] of [
        ['127.0.0.1', true],
        ['::1', true],
        ['0.0.0.0', false],
      ] as const) {
        const web = await startPart(express, { port: 0, host, drainIdleMs: 0 });
        const part = await startPart(
          openInference,
          { admin: true },
          { uses: { server: web.face(httpServer) } },
        );
        let said = '';
        try {
          await part.face(transport).serve(planes(), callContext());
        } catch (error) {
          said = (error as Error).message;
        }
        await part.stop();
        await web.stop();
        if (allowed) expect(said, host).to.equal('');
        else expect(said).to.contain('can be reached from other machines').and.to.contain('host: 127.0.0.1');
      }
    });

    describe('on loopback', () => {
      let address: string;
      let stop: () => Promise<void>;
      let refreshed: string[];
      before(async () => {
        refreshed = [];
        const web = await startPart(express, { port: 0, drainIdleMs: 0 });
        const server = web.face(httpServer);
        const part = await startPart(openInference, { admin: true }, { uses: { server } });
        const own: OwnPlanes = {
          predictors: {
            ...echoing(features),
            list: () => [...echoing(features).list!(), { name: 'empty', serving: undefined }],
            describe: async (name) => {
              const described = await echoing(features).describe!(name, undefined as never);
              return name === 'empty'
                ? { ...described, model: { ...described.model, name: 'void' } }
                : described;
            },
          },
          control: {
            refresh: async (name) => {
              refreshed.push(name);
              return { name, serving: undefined };
            },
          },
        };
        await part.face(transport).serve(planes(own), callContext());
        address = server.address()!;
        stop = async () => {
          await part.stop();
          await web.stop();
        };
      });
      after(() => stop());
      const post = async (path: string, body: string): Promise<[number, unknown]> => {
        const { status, text } = await sendOverSocket(address, {
          path,
          method: 'POST',
          body: Buffer.from(body),
        });
        return [status, JSON.parse(text)];
      };

      it('is an extension that the server names', async () => {
        const { text } = await sendOverSocket(address, { path: '/v2' });
        expect(JSON.parse(text)).to.have.property('extensions').that.includes('model_repository');
      });

      it('lists the models, all or those that are ready; an empty body is fine', async () => {
        const ready = [
          { name: 'echo', state: 'READY', reason: '' },
          { name: 'mirror', version: '3', state: 'READY', reason: '' },
        ];
        const all = [
          ...ready,
          { name: 'void', state: 'UNAVAILABLE', reason: 'predictor "empty" has no loaded model' },
        ];
        for (const body of ['', '{}', '{"ready":false}'])
          expect(await post('/v2/repository/index', body)).to.deep.equal([200, all]);
        expect(await post('/v2/repository/index', '{"ready":true}')).to.deep.equal([200, ready]);
        for (const body of ['{"ready":1}', '[]', 'x'])
          expect((await post('/v2/repository/index', body))[0]).to.equal(400);
      });

      it('loads by looking for a new version', async () => {
        expect(await post('/v2/repository/models/mirror/load', '')).to.deep.equal([200, {}]);
        expect(refreshed).to.deep.equal(['part']);
        expect((await post('/v2/repository/models/none/load', ''))[0]).to.equal(404);
        const [status, said] = await post('/v2/repository/models/echo/load', '');
        expect(status).to.equal(501);
        expect((said as { error: string }).error).to.contain('is a pipeline');
      });

      it('refuses files and configurations in the request', async () => {
        for (const name of ['file:1/model.onnx', 'config']) {
          const [status] = await post(
            '/v2/repository/models/mirror/load',
            JSON.stringify({ parameters: { [name]: 'x' } }),
          );
          expect(status, name).to.equal(400);
        }
      });

      it('does not unload', async () => {
        for (const body of ['', '{"parameters":{"unload_dependents":false}}'])
          expect((await post('/v2/repository/models/mirror/unload', body))[0]).to.equal(501);
      });
    });
  });
});
