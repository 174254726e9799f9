import { expect } from 'chai';
import { createServer, remoteModelBundle } from 'vivace';
import { callContext } from 'vivace/testing';
import { failureOf } from '../support/failure.js';
import { affineMetadata, json, ScriptedInference } from '../support/scripted-inference.js';

describe('remote-model', () => {
  let scripted: ScriptedInference;
  beforeEach(async () => {
    scripted = await ScriptedInference.start();
  });
  afterEach(() => scripted.stop());

  describe('what a server says of a model', () => {
    it('is its signature, of which a bundle is made', async () => {
      const server = await createServer({
        parts: { other: { use: 'javascript' }, there: { use: 'remote-model', url: scripted.url } },
        pipelines: {},
      });
      try {
        const made = await remoteModelBundle(server, { model: 'affine', version: '2' }, callContext());
        expect(scripted.seen.map(({ path }) => path)).to.deep.equal(['/v2/models/affine/versions/2']);
        const { inputs, outputs } = affineMetadata;
        expect(made.signature).to.deep.equal({ inputs, outputs, over: 'row' });
        expect([made.runtime, made.entry, JSON.parse(Buffer.from(made.content).toString())]).to.deep.equal([
          'remote',
          'remote.json',
          { model: 'affine', version: '2' },
        ]);
        await scripted.untilConnections(0);
        scripted.metadata = json({ error: 'unknown' }, 404);
        expect(await failureOf(remoteModelBundle(server, { model: 'a' }, callContext()))).to.match(
          /^INVALID_ARGUMENT remote: .* answered 404 for the model "a": unknown$/,
        );
        for (const [metadata, said] of [
          [{ inputs: [], outputs: [] }, 'does not say which inputs the model has: give the signature'],
          [
            { ...affineMetadata, inputs: [{ name: 'x', datatype: 'UINT8', shape: [-1] }] },
            'the input "x" is UINT8; tensors here are FP32',
          ],
          [
            { ...affineMetadata, outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 1] }] },
            'its first dimension must be the row, -1',
          ],
          [{ ...affineMetadata, outputs: [{ name: 'y', datatype: 'FP32', shape: [] }] }, 'the shape []'],
        ] as const) {
          scripted.metadata = json(metadata);
          expect(await failureOf(remoteModelBundle(server, { model: 'a' }, callContext()))).to.contain(said);
        }
      } finally {
        await server.stop();
      }
    });

    it('needs one part that speaks to it', async () => {
      const made = async (parts: object, runtime?: string): Promise<string> => {
        const server = await createServer({ parts: parts as never, pipelines: {} });
        try {
          const options = { model: 'affine', ...(runtime === undefined ? {} : { runtime }) };
          return await failureOf(remoteModelBundle(server, options, callContext()));
        } finally {
          await server.stop();
        }
      };
      const there = { use: 'remote-model', url: scripted.url };
      const js = { use: 'javascript' };
      expect(await made({ js })).to.contain(
        'no part of the configuration hosts models of other servers: add one',
      );
      expect(await made({ js, there }, 'js')).to.contain('"js" does not host models of other servers');
      expect(await made({ a: there, b: there })).to.contain(
        'runtime: several parts host models of other servers: name one of a, b',
      );
      expect(await made({ a: there, b: there }, 'b')).to.equal('it did not fail');
    });
  });
});
