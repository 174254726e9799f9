import { expect } from 'chai';
import { inspect } from 'node:util';
import { redact, type Signature } from 'vivace';
import { remoteModel } from 'vivace/adapters/remote-model';
import { startPart } from 'vivace/testing';
import { failure, failureOf } from '../support/failure.js';
import { startRemote, type RemoteFixture } from '../support/remote-fixture.js';
import { affineMetadata, json, type ScriptedInference } from '../support/scripted-inference.js';

describe('remote-model', () => {
  describe('loading', () => {
    let fixture: RemoteFixture;
    let scripted: ScriptedInference;
    let load: RemoteFixture['load'];
    let bundleOf: RemoteFixture['bundleOf'];
    beforeEach(async () => {
      fixture = await startRemote();
      ({ scripted, load, bundleOf } = fixture);
    });
    afterEach(() => fixture.close());

    const two: Signature = {
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [-1, 2] },
        { name: 'b', datatype: 'BYTES', shape: [-1] },
      ],
      outputs: [
        { name: 'p', datatype: 'FP64', shape: [-1] },
        { name: 'q', datatype: 'INT64', shape: [-1, 3] },
      ],
      over: 'row',
    };
    const tensor = (name: string, datatype: string, ...shape: number[]): object => ({
      name,
      datatype,
      shape,
    });
    const a = tensor('a', 'FP32', -1, 2);
    const b = tensor('b', 'BYTES', -1);
    const p = tensor('p', 'FP64', -1);
    const q = tensor('q', 'INT64', -1, 3);

    it('takes metadata in any order, with dimensions of any size, and with more than the protocol has', async () => {
      scripted.metadata = json({
        extra: { deep: [1] },
        inputs: [b, { ...tensor('a', 'FP32', -1, -1), parameters: { content_type: 'np' } }],
        outputs: [q, p],
      });
      await load({}, bundleOf('{ "model": "two" }', two));
    });

    for (const [what, metadata, said] of [
      [
        'another name',
        { inputs: [a, tensor('c', 'BYTES', -1)], outputs: [p, q] },
        'has no input "b"; it has "a", "c"; the signature has no input "c"',
      ],
      ['an input less', { inputs: [a], outputs: [p, q] }, 'has no input "b"; it has "a"'],
      [
        'an output more',
        { inputs: [a, b], outputs: [p, q, tensor('r', 'FP32', -1)] },
        'the signature has no output "r"',
      ],
      ['nothing at all', { inputs: [], outputs: [] }, 'has no input "a"; it has none'],
      ['an input twice', { inputs: [a, a, b], outputs: [p, q] }, 'has the input "a" twice'],
      [
        'another datatype',
        { inputs: [tensor('a', 'FP64', -1, 2), b], outputs: [p, q] },
        'the input "a" is FP32 [-1, 2] in the signature, but FP64 [-1, 2] on the server',
      ],
      [
        'a datatype that Vivace does not have',
        { inputs: [a, b], outputs: [tensor('p', 'FP16', -1), q] },
        'the output "p" is FP64 [-1] in the signature, but FP16 [-1] on the server',
      ],
      [
        'another width',
        { inputs: [a, b], outputs: [p, tensor('q', 'INT64', -1, 4)] },
        'the output "q" is INT64 [-1, 3] in the signature, but INT64 [-1, 4] on the server',
      ],
      [
        'another rank',
        { inputs: [a, b], outputs: [tensor('p', 'FP64', -1, 1), q] },
        'FP64 [-1, 1] on the server',
      ],
      [
        'one row at a time',
        { inputs: [tensor('a', 'FP32', 1, 2), b], outputs: [p, q] },
        'FP32 [1, 2] on the server',
      ],
    ] as const) {
      it(`refuses metadata with ${what}`, async () => {
        scripted.metadata = json(metadata);
        const failed = await failureOf(load({}, bundleOf('{ "model": "two" }', two)));
        expect(failed)
          .to.match(/^FAILED_PRECONDITION remote-model: the server has another model: /)
          .and.to.contain(said);
        await scripted.untilConnections(0);
      });
    }

    for (const [what, body] of [
      ['a page', '<html>hello</html>'],
      ['nothing', ''],
      ['JSON of something else', '{"name":"affine"}'],
      ['a shape of texts', { ...affineMetadata, inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1'] }] }],
      ['more values than a model has tensors', `{"inputs":[${'0,'.repeat(200_000)}0]}`],
    ] as const) {
      it(`refuses ${what} instead of metadata`, async () => {
        scripted.metadata = json(body);
        const failed = await failureOf(load());
        expect(failed).to.match(/^FAILED_PRECONDITION .* does not answer with the metadata of a model \(/);
      });
    }

    it('refuses metadata of megabytes without reading them', async () => {
      scripted.metadata = json(' '.repeat(2_000_000));
      expect(await failureOf(load())).to.contain('more than 1048576 bytes');
    });

    it('waits for a model to be ready by failing until it is', async () => {
      scripted.ready = json({ error: 'loading' }, 503, { 'retry-after': '2' });
      const error = await failure(load());
      expect([error.code, error.retryAfterMs]).to.deep.equal(['UNAVAILABLE', 2_000]);
      expect(error.message).to.contain('answered 503 for the model "affine": loading');
      scripted.ready = json({ name: 'affine', ready: false });
      expect(await failureOf(load())).to.match(/^UNAVAILABLE .* the model "affine" is not ready$/);
      scripted.ready = json('');
      await load();
    });

    for (const [status, code] of [
      [404, 'NOT_FOUND'],
      [400, 'FAILED_PRECONDITION'],
      [401, 'UNAUTHENTICATED'],
      [403, 'PERMISSION_DENIED'],
      [500, 'UNAVAILABLE'],
      [301, 'FAILED_PRECONDITION'],
    ] as const) {
      it(`answers the status ${status} with ${code}`, async () => {
        scripted.metadata = json({ error: 'no' }, status);
        expect(await failureOf(load())).to.match(
          new RegExp(`^${code} .* answered ${status} for the model "affine": no`),
        );
      });
    }

    for (const [text, said] of [
      ['', 'remote.json cannot be read: '],
      ['{', 'remote.json cannot be read: '],
      ['[]', 'remote.json: '],
      ['{}', 'remote.json: model: '],
      ['{ "model": "" }', 'remote.json: model: '],
      ['{ "model": ".." }', 'remote.json: model: ".." cannot be part of a path'],
      ['{ "model": "\\ud800" }', 'remote.json: model: "\\ud800" cannot be part of a path'],
      ['{ "model": "a", "version": 3 }', 'remote.json: version: '],
      ['{ "model": "a", "url": "http://else" }', 'remote.json: url: unknown key "url"'],
    ] as const) {
      it(`refuses ${JSON.stringify(text)} as the entry of a bundle`, async () => {
        expect(await failureOf(load({}, bundleOf(text)))).to.contain(
          `FAILED_PRECONDITION remote-model: ${said}`,
        );
        expect(scripted.seen).to.deep.equal([]);
      });
    }

    it('refuses an entry that is not there', async () => {
      const { manifest } = bundleOf('{}');
      const failed = failureOf(load({}, { directory: '/nowhere', manifest }));
      expect(await failed).to.contain('FAILED_PRECONDITION remote-model: remote.json cannot be read: ENOENT');
    });
  });

  describe('options', () => {
    const wrong = async (options: object): Promise<string> =>
      failureOf(startPart(remoteModel, options as never));

    it('say what an address is', async () => {
      for (const url of [
        '',
        'host:80',
        'ftp://host',
        'http://u:p@host',
        'http://host?q',
        'http://host#f',
        'http://',
      ])
        expect(await wrong({ url }), url).to.contain('url');
      expect(await wrong({ url: 'http://host', caFile: 'ca.pem' })).to.contain('is not an https address');
    });

    it('take headers that are none of the body or the connection', async () => {
      for (const name of [
        'Content-Length',
        'transfer-encoding',
        'Host',
        'Inference-Header-Content-Length',
        'a b',
        '',
      ])
        expect(await wrong({ url: 'http://host', headers: { [name]: 'x' } }), name).to.contain('headers');
      for (const value of ['', 'a\r\nb: c', 'ż'])
        expect(await wrong({ url: 'http://host', headers: { a: value } }), value).to.contain('headers');
    });

    it('hide the values of headers', () => {
      const shown = redact(remoteModel.options, {
        url: 'http://host',
        headers: { authorization: 'Bearer 1234' },
      });
      expect(inspect(shown, { depth: 5 })).to.contain("authorization: '***'");
    });
  });
});
