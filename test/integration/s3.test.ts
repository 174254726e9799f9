import { ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobStore, messageOf, type BlobInfo, type BlobStore, type Definition } from 'vivace';
import { s3 as s3Definition } from 'vivace/adapters/s3';
import { callContext, startPart } from 'vivace/testing';
import { codeOf, contentOf, failureOf } from '../servers/blob-store-faults.js';
import { HttpProxy, type CannedAnswer, type SeenRequest } from '../servers/http-proxy.js';
import { describeNeeding } from '../servers/programs.js';
import { S3Server, versitygw } from '../servers/s3-server.js';
import { eventually } from '../servers/server-process.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { withEnvironment } from '../support/with-environment.js';

// Options are put together at run time, some of them wrong on purpose.
const s3: Definition = s3Definition;

const mebibyte = 1024 * 1024;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** So many MiB, in chunks of 256 KiB; `taken` hears of each. */
async function* mebibytes(count: number, taken?: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count * 4; i++) {
    taken?.((i + 1) * 256 * 1024);
    yield Buffer.alloc(256 * 1024, i);
  }
}

function failure(status: number, code: string): CannedAnswer {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>canned</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

describeNeeding([versitygw], 's3', () => {
  let server: S3Server;
  let proxy: HttpProxy;
  let part: Awaited<ReturnType<typeof startPart>>;
  let store: BlobStore;
  const options = (own: object = {}): object =>
    server.options({ endpoint: `http://127.0.0.1:${proxy.port}`, ...own });
  const seen = (method: string, query = ''): SeenRequest[] =>
    proxy.seen.filter((asked) => asked.method === method && asked.url.includes(query));
  const completions = (): SeenRequest[] =>
    seen('POST', 'uploadId=').filter(({ body }) => body.includes('CompleteMultipartUpload'));
  const openUploads = async (): Promise<number> => {
    const { Uploads = [] } = await server.client.send(
      new ListMultipartUploadsCommand({ Bucket: S3Server.bucket }),
    );
    return Uploads.length;
  };

  before(async () => (server = await S3Server.start()));
  after(() => server.stop());
  beforeEach(async () => {
    proxy = await HttpProxy.start(server.port);
    part = await startPart(s3, options());
    store = part.face(blobStore);
    proxy.seen.length = 0;
  });
  afterEach(async () => {
    await part.stop();
    await proxy.stop();
  });

  describe('conditions', () => {
    it('reach S3 with the request that writes, of one part or of many', async () => {
      const first = (await store.write('k', text('1'), callContext(), 'absent')) as BlobInfo;
      const second = (await store.write('k', mebibytes(10), callContext(60_000), first)) as BlobInfo;
      expect(await store.write('k', mebibytes(10), callContext(60_000), first)).to.equal(false);
      expect(await store.write('k2', mebibytes(10), callContext(60_000), 'absent')).to.include({ key: 'k2' });
      expect(seen('PUT')[0]!.headers['if-none-match']).to.equal('*');
      expect(
        completions().map(({ headers }) => [headers['if-match'], headers['if-none-match']]),
      ).to.deep.equal([
        [first.version, undefined],
        [undefined, '*'],
      ]);
      expect(await store.head('k', callContext())).to.deep.equal(second);
    });

    it('are lost where two writes meet (409), and where the blob has gone (404)', async () => {
      proxy.intercept = ({ method }) =>
        method === 'PUT' ? failure(409, 'ConditionalRequestConflict') : undefined;
      expect(await store.write('k', text('x'), callContext(), 'absent')).to.equal(false);
      proxy.intercept = undefined;
      expect(await store.write('k', text('x'), callContext(), { version: '"abc"' })).to.equal(false);
    });

    it('are lost before a long content is sent, where that is known', async () => {
      await store.write('k', text('1'), callContext());
      proxy.seen.length = 0;
      expect(await store.write('k', mebibytes(20), callContext(), 'absent')).to.equal(false);
      expect(proxy.seen.map(({ method }) => method)).to.deep.equal(['HEAD']);
    });

    it('compare versions that change with equal bytes, short and long', async () => {
      for (const content of [() => text('same'), () => mebibytes(10)]) {
        const versions: string[] = [];
        for (let i = 0; i < 4; i++) {
          const written = (await store.write('k', content(), callContext(60_000))) as BlobInfo;
          expect(written.version).to.not.equal(versions.at(-1));
          expect(await store.head('k', callContext())).to.deep.equal(written);
          versions.push(written.version);
        }
      }
      expect((await store.head('k', callContext()))?.sizeBytes).to.equal(10 * mebibyte);
    });

    it('take a blob that something else has written', async () => {
      const { prefix, ...given } = options() as { prefix: string };
      const own = await startPart(s3, { prefix, ...given });
      const key = `${prefix}theirs`;
      await server.client.send(new PutObjectCommand({ Bucket: S3Server.bucket, Key: key, Body: 'theirs' }));
      const blobs = own.face(blobStore);
      const found = (await blobs.head('theirs', callContext())) as BlobInfo;
      expect(await blobs.write('theirs', text('theirs'), callContext(), found)).to.be.an('object');
      expect(await blobs.write('theirs', text('ours'), callContext(), found)).to.equal(false);
      await own.stop();
    });
  });

  describe('uploads', () => {
    it('take no more of a stream than two parts before they are sent', async () => {
      let taken = 0;
      let sent = 0;
      let ahead = 0;
      proxy.intercept = ({ method, url, body }) => {
        if (method === 'PUT' && url.includes('partNumber')) {
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
      expect(ahead).to.be.at.most(18 * mebibyte);
    });

    it('give a checksum of each part and of the whole', async () => {
      await store.write('k', mebibytes(10), callContext(60_000));
      expect(
        seen('PUT', 'partNumber').every(({ headers }) => headers['x-amz-checksum-crc32'] !== undefined),
      ).to.equal(true);
      expect(completions()[0]!.headers['x-amz-checksum-crc32']).to.match(/^.{8}$/);
      expect(completions()[0]!.headers['x-amz-checksum-type']).to.equal('FULL_OBJECT');
      let sizeBytes = 0;
      for await (const chunk of store.read('k', callContext(60_000))) sizeBytes += chunk.length;
      expect(sizeBytes).to.equal(10 * mebibyte);
    });

    it('go on where a part was broken off', async () => {
      let failures = 1;
      proxy.intercept = ({ url }) => {
        if (!url.includes('partNumber=2') || failures === 0) return undefined;
        failures--;
        return { status: 200, body: 'x'.repeat(100), cutAfterBytes: 50 };
      };
      await store.write('k', mebibytes(20), callContext(60_000));
      expect(failures).to.equal(0);
      expect((await store.head('k', callContext()))?.sizeBytes).to.equal(20 * mebibyte);
    });

    it('leave no parts where they are aborted or fail, nor change what was there', async () => {
      await store.write('k', text('before'), callContext());
      const controller = new AbortController();
      const aborted = mebibytes(20, (bytes) => bytes > 12 * mebibyte && controller.abort());
      expect(await codeOf(store.write('k', aborted, controller))).to.equal('CANCELLED');
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield* mebibytes(10);
        throw new Error('the source broke');
      }
      const broken = await Promise.resolve(store.write('k', failing(), callContext())).catch(messageOf);
      expect(broken).to.equal('the source broke');
      await eventually(async () => expect(await openUploads()).to.equal(0));
      expect(seen('DELETE', 'uploadId=').length).to.equal(2);
      expect(await contentOf(store, 'k')).to.equal('before');
    });

    it('have removed their parts when the part has stopped, also while they ran', async () => {
      const own = await startPart(s3, options());
      const controller = new AbortController();
      let stopped: Promise<void> | undefined;
      const stopping = mebibytes(20, (bytes) => {
        if (bytes <= 12 * mebibyte || stopped !== undefined) return;
        stopped = own.stop();
        controller.abort();
      });
      expect(await codeOf(own.face(blobStore).write('k', stopping, controller))).to.equal('CANCELLED');
      await stopped;
      expect(await openUploads()).to.equal(0);
    });

    it('are known again where their answer was lost', async () => {
      let left = 1;
      const info = await lostOnce(() => store.write('k', text('mine'), callContext(), 'absent'));
      expect(seen('PUT').length).to.equal(2);
      expect(info).to.deep.equal(await store.head('k', callContext()));

      /** The server carries the first request out, and its answer is lost. */
      async function lostOnce<T>(write: () => Promise<T>): Promise<T> {
        proxy.intercept = (asked) => {
          if (asked.method !== 'PUT' || left-- <= 0) return undefined;
          void fetch(`http://127.0.0.1:${server.port}${asked.url}`, {
            method: 'PUT',
            headers: Object.fromEntries(
              Object.entries(asked.headers).flatMap(([name, value]) =>
                /^(host|connection|content-length|expect)$/.test(name) ? [] : [[name, String(value)]],
              ),
            ),
            body: new Uint8Array(asked.body),
          });
          return { status: 200, body: 'x'.repeat(100), cutAfterBytes: 50 };
        };
        return write();
      }
    });
  });

  describe('checksums', () => {
    const alter = (bytes: Buffer): Buffer => {
      const altered = Buffer.from(bytes);
      const at = altered.indexOf('precious');
      if (at >= 0) altered[at] = 'P'.charCodeAt(0);
      return altered;
    };

    it('let nothing be written where the bytes are altered on the way: DATA_LOSS', async () => {
      await store.write('k', text('before'), callContext());
      proxy.alterRequest = ({ body }) => alter(body);
      expect(await codeOf(store.write('k', text('precious'), callContext()))).to.equal('DATA_LOSS');
      proxy.alterRequest = undefined;
      expect(await contentOf(store, 'k')).to.equal('before');
    });

    it('fail a whole read that is altered on the way, at its end: DATA_LOSS', async () => {
      await store.write('k', text('precious'), callContext());
      proxy.alterAnswer = alter;
      expect(await codeOf(contentOf(store, 'k'))).to.equal('DATA_LOSS');
    });

    it('fail a whole read of what was uploaded in parts too', async () => {
      await store.write('k', Buffer.alloc(10 * mebibyte, 'precious'), callContext(60_000));
      proxy.alterAnswer = alter;
      expect(await codeOf(contentOf(store, 'k', 60_000))).to.equal('DATA_LOSS');
    });

    it('are left out for a store that knows none', async () => {
      const own = await startPart(s3, options({ checksums: 'when-required' }));
      const blobs = own.face(blobStore);
      proxy.seen.length = 0;
      await blobs.write('k', text('short'), callContext());
      await blobs.write('l', mebibytes(10), callContext(60_000));
      expect(await contentOf(blobs, 'k')).to.equal('short');
      const named = proxy.seen.flatMap(({ headers }) =>
        Object.keys(headers).filter((name) => name.includes('checksum')),
      );
      expect(named).to.deep.equal([]);
      await own.stop();
    });
  });

  describe('readers', () => {
    it('leave early without the rest being sent, and without harm to the others', async () => {
      const tcp = await TcpProxy.start({ port: server.port });
      const own = await startPart(s3, options({ endpoint: `http://127.0.0.1:${tcp.port}` }));
      const blobs = own.face(blobStore);
      await blobs.write('k', mebibytes(30), callContext(60_000));
      const other = blobs.read('k', callContext(60_000))[Symbol.asyncIterator]();
      let sizeBytes = ((await other.next()).value as Uint8Array).length;
      for await (const chunk of blobs.read('k', callContext())) if (chunk.length > 0) break;
      await eventually(() => expect(tcp.connections).to.equal(1));
      for (let next = await other.next(); next.done !== true; next = await other.next())
        sizeBytes += next.value.length;
      expect(sizeBytes).to.equal(30 * mebibyte);
      await own.stop();
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
      const ranges = [
        { offset: 1, lengthBytes: 0 },
        { offset: 9, lengthBytes: 3 },
      ];
      for (const range of ranges)
        for await (const chunk of store.read('k', callContext(), range)) bytes.push(chunk);
      expect(bytes).to.deep.equal([]);
    });
  });

  describe('errors', () => {
    it('name a bucket that does not exist, at the start', async () => {
      const error = await failureOf(startPart(s3, options({ bucket: 'nowhere' })));
      expect(error.code).to.equal('FAILED_PRECONDITION');
      expect(error.message).to.include('bucket nowhere: NoSuchBucket').and.to.include('create the bucket');
    });

    it('tell a bucket that has gone from a blob that is not there, save for a head', async () => {
      proxy.intercept = ({ method }) => (method === 'HEAD' ? { status: 404 } : failure(404, 'NoSuchBucket'));
      expect(await store.head('k', callContext())).to.equal(undefined);
      const rest = [
        contentOf(store, 'k'),
        store.write('k', text('x'), callContext()),
        store.write('k', text('x'), callContext(), 'absent'),
        store.write('k', text('x'), callContext(), { version: '"abc"' }),
        store.list('', callContext()),
      ];
      for (const call of rest) expect(await codeOf(Promise.resolve(call))).to.equal('FAILED_PRECONDITION');
    });

    it('name the permissions that are missing', async () => {
      proxy.intercept = () => failure(403, 'AccessDenied');
      const error = await failureOf(Promise.resolve(store.list('', callContext())));
      expect(error.code).to.equal('PERMISSION_DENIED');
      expect(error.message).to.include('s3:ListBucket').and.to.include('s3:AbortMultipartUpload');
    });

    for (const [status, name, code] of [
      [403, 'RequestTimeTooSkewed', 'UNAUTHENTICATED'],
      [400, 'ExpiredToken', 'UNAUTHENTICATED'],
      [400, 'AuthorizationHeaderMalformed', 'FAILED_PRECONDITION'],
      [503, 'ServiceUnavailable', 'UNAVAILABLE'],
      [500, 'InternalError', 'UNAVAILABLE'],
      [429, 'TooManyRequests', 'RESOURCE_EXHAUSTED'],
    ] as const) {
      it(`are ${code} for ${name}`, async () => {
        const own = await startPart(s3, options({ maxAttempts: 1 }));
        proxy.intercept = () => failure(status, name);
        expect(await codeOf(own.face(blobStore).list('', callContext()))).to.equal(code);
        await own.stop();
      });
    }

    it('say how credentials and a region are given, where there are none', async () => {
      const own = Object.keys(process.env).filter((name) => name.startsWith('AWS_'));
      const nowhere = {
        ...Object.fromEntries(own.map((name) => [name, undefined])),
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_CONFIG_FILE: '/nowhere/config',
        AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials',
      };
      await withEnvironment(nowhere, async () => {
        const error = await failureOf(startPart(s3, { bucket: 'vivace', region: 'eu-central-1' }));
        expect(error.code).to.equal('UNAUTHENTICATED');
        expect(error.message).to.include('accessKeyId').and.to.include('AWS_PROFILE');
        const second = await failureOf(startPart(s3, { bucket: 'vivace' }));
        expect(second.code).to.equal('FAILED_PRECONDITION');
        expect(second.message).to.include('AWS_REGION');
      });
    });

    it('of a role that gives no credentials are told from those of S3', async () => {
      const directory = await mkdtemp(join(tmpdir(), 'vivace-role-'));
      await writeFile(join(directory, 'token'), 'a token');
      const own = Object.keys(process.env).filter((name) => name.startsWith('AWS_'));
      const role = {
        ...Object.fromEntries(own.map((name) => [name, undefined])),
        AWS_CONFIG_FILE: '/nowhere/config',
        AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials',
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/models',
        AWS_WEB_IDENTITY_TOKEN_FILE: join(directory, 'token'),
        AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${proxy.port}`,
      };
      const {
        accessKeyId: _,
        secretAccessKey: __,
        ...given
      } = options({ maxAttempts: 1 }) as Record<string, unknown>;
      for (const [status, name, code] of [
        [400, 'ExpiredTokenException', 'UNAUTHENTICATED'],
        [400, 'InvalidIdentityToken', 'UNAUTHENTICATED'],
        [403, 'IDPRejectedClaim', 'UNAUTHENTICATED'],
        [400, 'IDPCommunicationError', 'UNAVAILABLE'],
        [503, 'ServiceUnavailable', 'UNAVAILABLE'],
      ] as const) {
        const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${name}</Code><Message>canned</Message></Error></ErrorResponse>`;
        proxy.intercept = ({ method, url }) =>
          method === 'POST' && url === '/'
            ? { status, headers: { 'content-type': 'text/xml' }, body }
            : undefined;
        await withEnvironment(role, async () => {
          const error = await failureOf(startAndList(given));
          expect([name, error.code], error.message).to.deep.equal([name, code]);
        });
      }
      await rm(directory, { recursive: true });
    });

    it('name the address of a server that is not there', async () => {
      const error = await failureOf(
        startAndList(options({ endpoint: 'http://127.0.0.1:9', maxAttempts: 1 })),
      );
      expect(error.code).to.equal('UNAVAILABLE');
      expect(error.message).to.include('http://127.0.0.1:9 does not answer');
    });
  });
});

/** Starts a part, which does not wait for a server that does not answer, and asks it something. */
async function startAndList(given: object): Promise<void> {
  const part = await startPart(s3, given);
  try {
    await part.face(blobStore).list('', callContext());
  } finally {
    await part.stop();
  }
}
