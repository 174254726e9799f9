import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobStore, messageOf, type BlobStore, type Definition } from 'vivace';
import { gcs as gcsDefinition } from 'vivace/adapters/gcs';
import { callContext, startPart } from 'vivace/testing';
import { codeOf, contentOf, failureOf } from '../servers/blob-store-faults.js';
import { fakeGcs, GcsServer } from '../servers/gcs-server.js';
import { HttpProxy, type CannedAnswer, type SeenRequest } from '../servers/http-proxy.js';
import { describeNeeding } from '../servers/programs.js';
import { eventually } from '../servers/server-process.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { withEnvironment } from '../support/with-environment.js';

// Options are put together at run time, some of them wrong on purpose.
const gcs: Definition = gcsDefinition;

const mebibyte = 1024 * 1024;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** So many MiB, in chunks of 256 KiB; `taken` hears of each. */
async function* mebibytes(count: number, taken?: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count * 4; i++) {
    taken?.((i + 1) * 256 * 1024);
    yield Buffer.alloc(256 * 1024, i);
  }
}

function json(status: number, body: object, headers: Record<string, string> = {}): CannedAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

const failure = (status: number, reason: string, message: string): CannedAnswer =>
  json(status, { error: { code: status, message, errors: [{ reason, message }] } });

describeNeeding([fakeGcs], 'gcs', () => {
  let server: GcsServer;
  let proxy: HttpProxy;
  let part: Awaited<ReturnType<typeof startPart>>;
  let store: BlobStore;
  const options = (own: object = {}): object =>
    server.options({ endpoint: `http://127.0.0.1:${proxy.port}`, ...own });
  const seen = (method: string): SeenRequest[] => proxy.seen.filter((asked) => asked.method === method);
  const query = ({ url }: SeenRequest, name: string): string | null =>
    new URL(url, 'http://x').searchParams.get(name);

  before(async () => (server = await GcsServer.start()));
  after(() => server.stop());
  beforeEach(async () => {
    proxy = await HttpProxy.start(server.port);
    part = await startPart(gcs, options());
    store = part.face(blobStore);
    proxy.seen.length = 0;
  });
  afterEach(async () => {
    await part.stop();
    await proxy.stop();
  });

  describe('what is sent', () => {
    it('holds a write of one request back by the generation, and gives its checksum', async () => {
      await store.write('k', text('1'), callContext(), 'absent');
      await store.write('k', text('2'), callContext(), { version: '17' });
      await store.write('k', text('3'), callContext());
      expect(seen('POST').map((asked) => query(asked, 'ifGenerationMatch'))).to.deep.equal(['0', '17', null]);
      expect(seen('POST').map((asked) => query(asked, 'uploadType'))).to.deep.equal(
        Array(3).fill('multipart'),
      );
      expect(seen('POST')[0]!.body.toString()).to.include('"crc32c":"kPWZ4w=="');
    });

    it('holds a resumable write back by the generation, and gives the checksum with its last piece', async () => {
      const info = await store.write('k', mebibytes(17), callContext(60_000), 'absent');
      expect(info && info.sizeBytes).to.equal(17 * mebibyte);
      expect(
        seen('POST').map((asked) => [query(asked, 'uploadType'), query(asked, 'ifGenerationMatch')]),
      ).to.deep.equal([['resumable', '0']]);
      expect(seen('PUT').map(({ headers }) => headers['content-range'])).to.deep.equal([
        'bytes 0-8388607/*',
        'bytes 8388608-16777215/*',
        `bytes 16777216-17825791/${17 * mebibyte}`,
      ]);
      expect(seen('PUT').map(({ headers }) => headers['x-goog-hash'] !== undefined)).to.deep.equal([
        false,
        false,
        true,
      ]);
    });

    it('deletes without a condition, once', async () => {
      await store.write('k', text('1'), callContext());
      proxy.intercept = ({ method }) =>
        method === 'DELETE' ? failure(503, 'backendError', 'later') : undefined;
      expect(await codeOf(store.delete('k', callContext()))).to.equal('UNAVAILABLE');
      expect(seen('DELETE').map((asked) => query(asked, 'ifGenerationMatch'))).to.deep.equal([null]);
    });

    it('puts the prefix before every key, and keeps to it', async () => {
      const other = await startPart(gcs, options({ prefix: 'elsewhere/' }));
      await store.write('k', text('1'), callContext());
      await other.face(blobStore).write('k2', text('2'), callContext());
      const keys = async (of: BlobStore): Promise<string[]> =>
        (await of.list('', callContext())).blobs.map(({ key }) => key);
      expect([await keys(store), await keys(other.face(blobStore))]).to.deep.equal([['k'], ['k2']]);
      await other.stop();
    });
  });

  describe('uploads', () => {
    it('takes no more of a stream than two pieces before they are sent', async () => {
      let taken = 0;
      let sent = 0;
      let ahead = 0;
      proxy.intercept = ({ method, body }) => {
        if (method === 'PUT') {
          ahead = Math.max(ahead, taken - sent);
          sent += body.length;
        }
        return undefined;
      };
      await store.write(
        'k',
        mebibytes(40, (bytes) => (taken = bytes)),
        callContext(60_000),
      );
      expect(sent).to.equal(40 * mebibyte);
      expect(ahead).to.be.at.most(16 * mebibyte);
    });

    it('goes on where a piece was broken off', async () => {
      let failures = 2;
      proxy.intercept = ({ method, headers }) => {
        if (method !== 'PUT' || headers['content-range']?.startsWith('bytes 0-') !== false || failures === 0)
          return;
        failures--;
        return { status: 200, body: 'x'.repeat(100), cutAfterBytes: 50 };
      };
      await store.write('k', mebibytes(17), callContext(60_000));
      expect(failures).to.equal(0);
      expect((await store.head('k', callContext()))?.sizeBytes).to.equal(17 * mebibyte);
      for await (const chunk of store.read('k', callContext(60_000))) expect(chunk.length).to.be.above(0);
    });

    it('sends the rest of a piece of which the server has kept a part', async () => {
      const object = { name: 'k', size: String(17 * mebibyte), generation: '5' };
      proxy.intercept = ({ method, headers }) => {
        const range = headers['content-range'] ?? '';
        if (method === 'POST')
          return json(200, {}, { location: `http://127.0.0.1:${proxy.port}/upload/x?upload_id=1` });
        if (range === 'bytes 0-8388607/*') return { status: 308, headers: { range: 'bytes=0-1048575' } };
        if (range.endsWith('/*'))
          return { status: 308, headers: { range: range.replace(/^bytes \d+-(\d+).*/, 'bytes=0-$1') } };
        return json(200, object);
      };
      const info = await store.write('k', mebibytes(17), callContext(60_000));
      expect(info && info.version).to.equal('5');
      expect(seen('PUT').map(({ headers }) => headers['content-range'])).to.deep.equal([
        'bytes 0-8388607/*',
        'bytes 1048576-8388607/*',
        'bytes 8388608-16777215/*',
        `bytes 16777216-17825791/${17 * mebibyte}`,
      ]);
    });

    it('cancels the session of an upload that is aborted or fails, and leaves what was there', async () => {
      await store.write('k', text('before'), callContext());
      const controller = new AbortController();
      const aborted = mebibytes(20, (bytes) => bytes > 12 * mebibyte && controller.abort());
      expect(await codeOf(store.write('k', aborted, controller))).to.equal('CANCELLED');
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield* mebibytes(9);
        throw new Error('the source broke');
      }
      const broken = await Promise.resolve(store.write('k', failing(), callContext())).catch(messageOf);
      expect(broken).to.equal('the source broke');
      await eventually(() => expect(seen('DELETE').length).to.equal(2));
      expect(seen('DELETE').every((asked) => query(asked, 'upload_id') !== null)).to.equal(true);
      expect(await contentOf(store, 'k')).to.equal('before');
    });

    it('knows a write again whose answer was lost', async () => {
      proxy.cutAfterBytes = 10;
      const info = await store.write('k', text('mine'), callContext(), 'absent');
      expect(seen('POST').length).to.equal(2);
      expect(info).to.deep.equal(await store.head('k', callContext()));
    });
  });

  describe('checksums', () => {
    const swapLast = (bytes: Buffer): Buffer => {
      const altered = Buffer.from(bytes);
      const at = altered.indexOf('precious');
      if (at >= 0) altered[at] = 'P'.charCodeAt(0);
      return altered;
    };

    it('writes nothing where the bytes are altered on the way: DATA_LOSS', async () => {
      await store.write('k', text('before'), callContext());
      proxy.alterRequest = ({ body }) => swapLast(body);
      const error = await failureOf(store.write('k', text('precious'), callContext()));
      expect(error.code).to.equal('DATA_LOSS');
      proxy.alterRequest = undefined;
      expect(await contentOf(store, 'k')).to.equal('before');
    });

    it('fails with DATA_LOSS where the server has stored other pieces than were sent', async () => {
      proxy.alterRequest = ({ body, method }) =>
        method === 'PUT' ? Buffer.concat([Buffer.from('x'), body.subarray(1)]) : body;
      expect(await codeOf(store.write('k', mebibytes(9), callContext(60_000)))).to.equal('DATA_LOSS');
    });

    it('fails with DATA_LOSS where a whole read is altered on the way, at its end', async () => {
      await store.write('k', text('precious'), callContext());
      proxy.alterAnswer = swapLast;
      expect(await codeOf(contentOf(store, 'k'))).to.equal('DATA_LOSS');
    });
  });

  it("serves from the SDK's STORAGE_EMULATOR_HOST", async () => {
    const { endpoint: _, ...given } = options() as { endpoint: string };
    await withEnvironment({ STORAGE_EMULATOR_HOST: `http://127.0.0.1:${server.port}` }, async () => {
      const own = await startPart(gcs, given);
      await own.face(blobStore).write('k', text('1'), callContext());
      expect(await contentOf(own.face(blobStore), 'k')).to.equal('1');
      await own.stop();
    });
  });

  describe('readers', () => {
    it('leave early without the rest being sent, and without harm to the others', async () => {
      await store.write('k', mebibytes(30), callContext(60_000));
      const tcp = await TcpProxy.start({ port: server.port });
      const reader = await startPart(gcs, {
        ...options(),
        prefix: 'p/',
        endpoint: `http://127.0.0.1:${tcp.port}`,
      });
      const blobs = reader.face(blobStore);
      await blobs.write('k', mebibytes(30), callContext(60_000));
      const other = blobs.read('k', callContext(60_000))[Symbol.asyncIterator]();
      await other.next();
      for await (const chunk of blobs.read('k', callContext())) if (chunk.length > 0) break;
      await eventually(() => expect(tcp.connections).to.equal(1));
      let sizeBytes = 0;
      for (let next = await other.next(); next.done !== true; next = await other.next())
        sizeBytes += next.value.length;
      expect(sizeBytes).to.be.above(29 * mebibyte);
      await reader.stop();
      await eventually(() => expect(tcp.connections).to.equal(0));
      await tcp.stop();
    });

    it('are left when their caller gives up', async () => {
      await store.write('k', mebibytes(10), callContext(60_000));
      const controller = new AbortController();
      const reading = (async () => {
        for await (const chunk of store.read('k', controller)) if (chunk.length > 0) controller.abort();
      })();
      expect(await codeOf(reading)).to.equal('CANCELLED');
    });

    it('get nothing of a range that is empty or begins after the end', async () => {
      await store.write('k', text('0123'), callContext());
      const bytes: Uint8Array[] = [];
      for (const range of [
        { offset: 1, lengthBytes: 0 },
        { offset: 9, lengthBytes: 3 },
      ])
        for await (const chunk of store.read('k', callContext(), range)) bytes.push(chunk);
      expect(bytes).to.deep.equal([]);
    });
  });

  describe('errors', () => {
    it('name a bucket that does not exist, at the start', async () => {
      const error = await failureOf(startPart(gcs, options({ bucket: 'nowhere' })));
      expect([error.code, error.message]).to.deep.equal([
        'FAILED_PRECONDITION',
        'gcs: bucket nowhere: Not Found (HTTP 404): create the bucket or correct "bucket"',
      ]);
    });

    it('name the role that is missing', async () => {
      proxy.intercept = () => failure(403, 'forbidden', 'x@y.iam does not have storage.objects.get access.');
      const error = await failureOf(store.head('k', callContext()));
      expect(error.code).to.equal('PERMISSION_DENIED');
      expect(error.message).to.include('x@y.iam').and.to.include('roles/storage.objectUser');
    });

    it('tell a quota from a missing role, for what is read too', async () => {
      const own = await startPart(gcs, options({ maxRetries: 0 }));
      proxy.intercept = () => failure(403, 'rateLimitExceeded', 'Too much.');
      expect(await codeOf(own.face(blobStore).head('k', callContext()))).to.equal('RESOURCE_EXHAUSTED');
      expect(await codeOf(contentOf(own.face(blobStore), 'k'))).to.equal('RESOURCE_EXHAUSTED');
      await own.stop();
    });

    for (const status of [404, 410]) {
      it(`are UNAVAILABLE where the session of an upload has ended (${status})`, async () => {
        proxy.intercept = ({ method }) =>
          method === 'PUT' ? failure(status, 'gone', 'No such session.') : undefined;
        expect(await codeOf(store.write('k', mebibytes(9), callContext(60_000)))).to.equal('UNAVAILABLE');
      });
    }

    it('are not a miss where the bucket has gone', async () => {
      proxy.intercept = () => failure(404, 'notFound', 'The specified bucket does not exist.');
      expect(await codeOf(store.head('k', callContext()))).to.equal('FAILED_PRECONDITION');
    });

    it('say how credentials are given, where there are none that can be used', async () => {
      const directory = await mkdtemp(join(tmpdir(), 'vivace-key-'));
      const key = {
        type: 'service_account',
        client_email: 'x@y.iam',
        private_key: 'no key',
        project_id: 'p',
      };
      await writeFile(join(directory, 'key.json'), JSON.stringify(key));
      for (const credentialsFile of ['key.json', 'absent.json']) {
        const given = options({ anonymous: false, credentialsFile });
        const error = await failureOf(startPart(gcs, given, { directory }));
        expect(error.code).to.equal('UNAUTHENTICATED');
        expect(error.message).to.include('credentialsFile').and.to.include('GOOGLE_APPLICATION_CREDENTIALS');
      }
      await rm(directory, { recursive: true });
    });

    it('say so where no credentials are found at all', async () => {
      const nowhere = {
        GOOGLE_APPLICATION_CREDENTIALS: undefined,
        METADATA_SERVER_DETECTION: 'none',
        CLOUDSDK_CONFIG: '/nowhere',
        HOME: '/nowhere',
      };
      await withEnvironment(nowhere, async () => {
        const error = await failureOf(startPart(gcs, options({ anonymous: false })));
        expect(error.code).to.equal('UNAUTHENTICATED');
        expect(error.message).to.include('gcloud auth application-default login');
      });
    });

    it('are UNAVAILABLE where the machine gives no token for the moment', async () => {
      const metadata = await HttpProxy.start(server.port);
      metadata.intercept = ({ url }) =>
        url.includes('/token')
          ? { status: 503, body: 'later' }
          : { status: 200, headers: { 'metadata-flavor': 'Google' }, body: 'x' };
      const machine = {
        GOOGLE_APPLICATION_CREDENTIALS: undefined,
        METADATA_SERVER_DETECTION: 'assume-present',
        GCE_METADATA_HOST: `127.0.0.1:${metadata.port}`,
        CLOUDSDK_CONFIG: '/nowhere',
        HOME: '/nowhere',
      };
      await withEnvironment(machine, async () => {
        const error = await failureOf(startAndList(options({ anonymous: false })));
        expect([error.code, error.message.includes('HTTP 503')], error.message).to.deep.equal([
          'UNAVAILABLE',
          true,
        ]);
      });
      await metadata.stop();
    });

    it('name the address of a server that is not there', async () => {
      const error = await failureOf(startAndList(options({ endpoint: 'http://127.0.0.1:9', maxRetries: 0 })));
      expect(error.code).to.equal('UNAVAILABLE');
      expect(error.message).to.include('http://127.0.0.1:9 does not answer');
    });
  });
});

/** Starts a part, which does not wait for a server that does not answer, and asks it something. */
async function startAndList(given: object): Promise<void> {
  const part = await startPart(gcs, given);
  try {
    await part.face(blobStore).list('', callContext());
  } finally {
    await part.stop();
  }
}
