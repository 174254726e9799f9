import { expect } from 'chai';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { predictorRuntime, type PredictorInstance, type VivaceError } from 'vivace';
import { remoteModel } from 'vivace/adapters/remote-model';
import { affineInput, callContext, startPart } from 'vivace/testing';
import { codeOf, failure, failureOf } from '../support/failure.js';
import { remoteBundle } from '../support/remote-models.js';
import { affineMetadata, json, raw, ScriptedInference, type Handle } from '../support/scripted-inference.js';

type Part = Awaited<ReturnType<typeof startPart>>;

/** An answer with a JSON output and the headers that HTTP needs, as text. */
const good = '{"outputs":[{"name":"y","datatype":"FP32","shape":[1,1],"data":[5]}]}';
const head = (length: number, more = ''): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${more}\r\n`;

describe('remote-model and a server that fails', () => {
  let scripted: ScriptedInference;
  let part: Part;
  let instance: PredictorInstance;
  let reason: string | undefined;
  const close = async (): Promise<void> => {
    await instance?.unload();
    await part?.stop();
  };
  const load = async (options: object = {}, url = scripted.url): Promise<void> => {
    await close();
    part = await startPart(remoteModel, { url, ...options });
    instance = await part.face(predictorRuntime).load(remoteBundle('affine'), callContext());
    reason = undefined;
    void instance.closed.then((text) => (reason = text));
  };
  beforeEach(async () => {
    scripted = await ScriptedInference.start();
    await load();
  });
  afterEach(async () => {
    await close();
    await scripted.stop();
  });

  const ask = async (more: object = {}): Promise<unknown> =>
    (await instance.predict(affineInput([1, 2]), { rows: 1, ...callContext(), ...more }))[0]!.data[0];
  const failed = (more?: object): Promise<VivaceError> => failure(ask(more));

  describe('by its status', () => {
    for (const [status, code, more] of [
      [400, 'INVALID_ARGUMENT', {}],
      [401, 'UNAUTHENTICATED', { says: 'the option `headers`' }],
      [403, 'PERMISSION_DENIED', { says: 'the option `headers`' }],
      [408, 'DEADLINE_EXCEEDED', {}],
      [413, 'INVALID_ARGUMENT', { says: '`maxBatchRows`', httpStatus: 413 }],
      [415, 'FAILED_PRECONDITION', { says: '"binary_tensor_data"' }],
      [418, 'FAILED_PRECONDITION', {}],
      [422, 'INVALID_ARGUMENT', {}],
      [429, 'RESOURCE_EXHAUSTED', { retryAfterMs: 7_000 }],
      [500, 'PREDICTOR_FAILED', {}],
      [501, 'UNIMPLEMENTED', {}],
      [502, 'UNAVAILABLE', {}],
      [503, 'UNAVAILABLE', { retryAfterMs: 7_000 }],
      [504, 'DEADLINE_EXCEEDED', {}],
      [507, 'PREDICTOR_FAILED', {}],
      [204, 'FAILED_PRECONDITION', { silent: true }],
      [302, 'FAILED_PRECONDITION', { says: 'redirects are not followed' }],
    ] as [
      number,
      string,
      { says?: string; httpStatus?: number; retryAfterMs?: number; silent?: boolean },
    ][]) {
      it(`${status}, is ${code}, and goes on`, async () => {
        const later = more.retryAfterMs === undefined ? {} : { 'retry-after': '7' };
        const right = scripted.infer;
        scripted.infer = json({ error: 'too  much\nof it' }, status, { location: '/v2/else', ...later });
        const error = await failed();
        const said = more.silent === true ? '' : ': too much of it';
        expect(`${error.code} ${error.message}`).to.contain(
          `${code} remote-model: ${scripted.url} answered ${status} for the model "affine"${said}`,
        );
        expect(error.message).to.contain(more.says ?? '');
        if (more.httpStatus !== undefined) expect(error.httpStatus).to.equal(more.httpStatus);
        expect(error.retryAfterMs).to.equal(more.retryAfterMs);
        expect(scripted.calls, 'it is not repeated').to.have.length(1);
        scripted.infer = right;
        expect(await ask()).to.equal(5);
        expect(reason).to.equal(undefined);
      });
    }

    it('404, is FAILED_PRECONDITION: the model is gone, and the instance with it', async () => {
      scripted.infer = json({ error: 'it was unloaded' }, 404);
      const error = await failed();
      expect(`${error.code} ${error.message}`)
        .to.contain('FAILED_PRECONDITION')
        .and.to.contain('it was unloaded');
      expect(reason).to.contain('it was unloaded');
      const next = await failed();
      expect([next.code, next.started]).to.deep.equal(['UNAVAILABLE', false]);
      expect(scripted.calls).to.have.length(1);
    });

    for (const [what, body] of [
      ['a page', '<html>'],
      ['nothing', ''],
      ['another JSON', '{"detail":"x"}'],
      ['an error that is not a text', '{"error":{"x":1}}'],
      ['null', 'null'],
      ['JSON that is too deep', `{"error":${'['.repeat(50)}${']'.repeat(50)}}`],
      ['a body of megabytes', `{"error":"${'x'.repeat(100_000)}"}`],
    ] as const) {
      it(`with ${what} as its reason`, async () => {
        scripted.infer = json(body, 500);
        expect((await failed()).message).to.match(/ answered 500 for the model "affine"$/);
      });
    }

    it('with a reason that is cut, and does not repeat the credentials', async () => {
      await load({ headers: { authorization: 'Bearer 1234567' } });
      scripted.infer = json({ error: `Bearer 1234567 is wrong; ${'x'.repeat(1_000)}` }, 401);
      const { message } = await failed();
      expect(message).to.contain(': *** is wrong; xxx').and.to.contain('x…; ');
      expect(message).to.have.length.below(800);
    });

    for (const later of ['soon', '-1', '0', '1e9', '999999999', 'Wed, 21 Oct 2015 07:28:00 GMT'])
      it(`with the time ${JSON.stringify(later)} to try again`, async () => {
        scripted.infer = json({ error: 'x' }, 503, { 'retry-after': later });
        expect((await failed()).retryAfterMs).to.equal(undefined);
      });
  });

  describe('by its connection', () => {
    it('refused: UNAVAILABLE, and nothing was sent', async () => {
      const { url } = scripted;
      // No connection is left from loading.
      scripted.ready = json({}, 200, { connection: 'close' });
      await load();
      await scripted.stop();
      const order: string[] = [];
      void instance.closed.then(() => order.push('closed'));
      const error = await failure(ask().finally(() => order.push('failed')));
      expect(order).to.deep.equal(['closed', 'failed']);
      expect([error.code, error.started]).to.deep.equal(['UNAVAILABLE', false]);
      expect(error.message).to.contain(`${url} cannot be connected to: `).and.to.contain('ECONNREFUSED');
      scripted = await ScriptedInference.start();
      expect(
        await failureOf(part.face(predictorRuntime).load(remoteBundle('affine'), callContext())),
      ).to.match(/^UNAVAILABLE .* cannot be connected to: /);
    });

    it('a name that nobody has: UNAVAILABLE, and nothing was sent', async () => {
      await close();
      part = await startPart(remoteModel, { url: 'http://nobody.invalid:80' });
      const error = await failure(part.face(predictorRuntime).load(remoteBundle('affine'), callContext()));
      expect([error.code, error.started]).to.deep.equal(['UNAVAILABLE', false]);
    });

    const lost: Readonly<Record<string, Handle>> = {
      'reset before the answer': (_response, _request, incoming) => incoming.socket.resetAndDestroy(),
      'closed before the answer': raw(''),
      'closed in the middle of the head': raw('HTTP/1.1 200 OK\r\nContent-Le'),
      'closed in the middle of the body': raw(`${head(good.length)}${good.slice(0, 20)}`),
      'closed before the body': raw(head(good.length)),
      'closed in the middle of a chunk': raw(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"outputs',
      ),
      'closed before the last chunk': raw(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${good.length.toString(16)}\r\n${good}\r\n`,
      ),
      'a chunk without a length': raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
      'another protocol': raw('SSH-2.0-OpenSSH_9.2\r\n'),
      'a head of a megabyte': raw(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(1_000_000)}\r\n\r\n`),
      'two lengths': raw(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n${good}`),
      'a length that is not a number': raw(`HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n${good}`),
      'another protocol, by upgrading': raw(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      ),
    };
    for (const [what, handle] of Object.entries(lost)) {
      it(`${what}: UNAVAILABLE, and the instance has died before`, async () => {
        scripted.infer = handle;
        const order: string[] = [];
        void instance.closed.then(() => order.push('closed'));
        const error = await failure(ask().finally(() => order.push('failed')));
        expect(order).to.deep.equal(['closed', 'failed']);
        expect([error.code, error.started], error.message).to.deep.equal(['UNAVAILABLE', undefined]);
        expect(error.message).to.contain('was lost: ');
        expect(reason).to.contain('was lost: ');
        expect(scripted.calls, 'it is not repeated').to.have.length(1);
        await scripted.untilConnections(0);
      });
    }
  });

  describe('by its silence', () => {
    /** Trickles bytes for as long as somebody reads them; resolves when nobody does. */
    const trickle =
      (begin: string, piece: string): Handle =>
      (_response, _request, incoming) => {
        const { socket } = incoming as { socket: Socket };
        socket.on('error', () => undefined);
        socket.write(begin);
        const timer = setInterval(() => socket.write(piece), 2);
        socket.on('close', () => clearInterval(timer));
      };
    const silent: Readonly<Record<string, Handle>> = {
      'an answer that does not come': () => undefined,
      'a body that does not come': raw(head(good.length), { end: false }),
      'a body that does not end': raw(`${head(good.length)}${good.slice(0, 20)}`, { end: false }),
      'a head that trickles': trickle('HTTP/1.1 200 OK\r\n', 'X: y\r\n'.slice(0, 1)),
      'a body that trickles': trickle(head(100_000_000), ' '),
      'chunks that trickle': trickle('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\n \r\n'),
      'hints that trickle': trickle('', 'HTTP/1.1 102 Processing\r\n\r\n'),
    };
    for (const [what, handle] of Object.entries(silent)) {
      it(`${what}: DEADLINE_EXCEEDED in time, its connection closed, and the next call is answered`, async () => {
        const right = scripted.infer;
        scripted.infer = handle;
        const error = await failed({ deadline: performance.now() + 100 });
        expect(error.code).to.equal('DEADLINE_EXCEEDED');
        expect(error.message).to.match(/ did not answer in \d+ ms$|: the deadline has passed$/);
        await scripted.untilConnections(0);
        scripted.infer = right;
        expect(await ask()).to.equal(5);
        expect(reason).to.equal(undefined);
      });
    }

    it('longer than timeoutMs: DEADLINE_EXCEEDED then, also of a load', async () => {
      const { metadata } = scripted;
      scripted.metadata = () => undefined;
      const { message } = await failure(load({ timeoutMs: 50 }));
      expect(message).to.contain(`${scripted.url} did not answer in 50 ms`);
      scripted.metadata = metadata;
      scripted.infer = () => undefined;
      // On a slow machine an answer may take as long.
      for (let isLoaded = false; !isLoaded;)
        isLoaded = await load({ timeoutMs: 200 }).then(
          () => true,
          (error: unknown) => codeOf(error) !== 'DEADLINE_EXCEEDED',
        );
      expect(`${(await failed()).code} ${(await failed()).message}`).to.equal(
        `DEADLINE_EXCEEDED remote-model: ${scripted.url} did not answer in 200 ms`,
      );
    });

    it('longer than the deadline of the call: DEADLINE_EXCEEDED then', async () => {
      scripted.infer = () => undefined;
      const error = await failed({ deadline: performance.now() + 50 });
      expect(error.code).to.equal('DEADLINE_EXCEEDED');
      const late = await failed({ deadline: performance.now() - 1 });
      expect([late.code, late.started]).to.deep.equal(['DEADLINE_EXCEEDED', false]);
      expect(scripted.calls).to.have.length(1);
    });

    it('until the caller leaves: its error at once, and the connection is closed', async () => {
      const controller = new AbortController();
      scripted.infer = () => controller.abort();
      expect((await failed({ signal: controller.signal })).code).to.equal('CANCELLED');
      await scripted.untilConnections(0);
      expect((await failed({ signal: controller.signal })).code).to.equal('CANCELLED');
      expect([scripted.calls.length, reason]).to.deep.equal([1, undefined]);
    });

    it('until the model is unloaded: UNAVAILABLE', async () => {
      let asked: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => (asked = resolve));
      scripted.infer = () => asked();
      const running = failed();
      await begun;
      await instance.unload();
      expect(`${(await running).code} ${(await running).message}`).to.equal(
        'UNAVAILABLE remote-model: the model was unloaded',
      );
      await scripted.untilConnections(0);
    });

    it('while a model is loaded: its error where the caller leaves', async () => {
      const controller = new AbortController();
      scripted.metadata = () => controller.abort();
      const loading = part.face(predictorRuntime).load(remoteBundle('affine'), { signal: controller.signal });
      expect(await failureOf(loading)).to.match(/^CANCELLED /);
    });
  });

  describe('by answers to what was not asked', () => {
    /** Bytes of HTTP as they come, and what is written for those of a call. */
    const listen = async (call: (text: string, socket: Socket) => void): Promise<Server> => {
      const metadata = JSON.stringify(affineMetadata);
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (chunk) => {
          const text = chunk.toString('latin1');
          if (!text.startsWith('GET')) call(text, socket);
          else if (text.includes('/ready')) socket.write(`${head(2)}{}`);
          else socket.write(head(metadata.length) + metadata);
        });
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      await load({}, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      return server;
    };

    it('early: a refusal that comes before the whole request is taken, and the next call is answered', async () => {
      let connections = 0;
      const server = await listen((_text, socket) => {
        if (++connections > 1) return socket.write(head(good.length) + good);
        // It reads no further.
        socket.pause();
        return socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
      });
      const rows = 4_000_000;
      const data = new Float32Array(2 * rows);
      const large = [{ name: 'x', datatype: 'FP32', shape: [rows, 2], data }] as const;
      const error = await failure(instance.predict(large, { rows, ...callContext() }));
      expect([error.code, error.httpStatus]).to.deep.equal(['INVALID_ARGUMENT', 413]);
      expect(await ask()).to.equal(5);
      await instance.unload();
      server.close();
    });

    it('twice at once: the second is not taken for the answer of the next call', async () => {
      const other = good.replace('[5]', '[6]');
      let calls = 0;
      const server = await listen((_text, socket) =>
        socket.write(
          ++calls === 1
            ? `${head(good.length)}${good}${head(other.length)}${other}`
            : head(good.length) + good,
        ),
      );
      expect(await ask()).to.equal(5);
      expect(await ask().catch(codeOf)).to.be.oneOf([5, 'UNAVAILABLE']);
      await instance.unload();
      server.close();
    });

    it('twice: the second, of another request, is not taken for the answer of the next call', async () => {
      const other = good.replace('{', '{"id":"of another",');
      let next: () => void = () => undefined;
      const server = await listen((text, socket) => {
        if (!text.includes('"id"')) return;
        socket.write(head(good.length) + good);
        next = () => socket.write(head(other.length) + other);
      });
      expect(await ask()).to.equal(5);
      next();
      expect(await ask().catch(codeOf)).to.be.oneOf([5, 'UNAVAILABLE', 'PREDICTOR_FAILED']);
      await instance.unload();
      server.close();
    });
  });
});
