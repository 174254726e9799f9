import { expect } from 'chai';
import { join } from 'node:path';
import {
  blobStore,
  isVivaceError,
  type BlobStore,
  type Definition,
  type ErrorCode,
  type VivaceError,
} from 'vivace';
import { callContext, startPart } from 'vivace/testing';
import { makeCertificates } from './certificates.js';
import type { FaultTable } from './faults.js';
import type { BlobServer } from './gcs-server.js';
import { HttpProxy, type CannedAnswer } from './http-proxy.js';
import type { ServerProcess } from './server-process.js';
import { smallDisk } from './small-disk.js';
import { soak } from './soak.js';
import { TcpProxy } from './tcp-proxy.js';

/** A test server of blobs; its files survive a restart. */
export interface FaultyServer extends BlobServer {
  readonly port: number;
  readonly process: ServerProcess;
}

/** What differs between object stores. */
export interface BlobBackend {
  readonly definition: Definition;
  readonly server: () => FaultyServer;
  /** Another server, with its files in a directory. */
  readonly startIn: (directory: string) => Promise<FaultyServer>;
  /** Options that make the SDK send a request once. */
  readonly once: object;
  readonly throttled: CannedAnswer;
  readonly refused: CannedAnswer;
  readonly full: CannedAnswer;
  /** Options with credentials that are wrong from the start. */
  readonly wrongPassword: object;
  readonly wrongPasswordOutcome: string;
}

type Part = Awaited<ReturnType<typeof startPart>>;

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** The row of an object store. */
export function blobStoreFaults(backend: BlobBackend): FaultTable {
  const { definition, once, server } = backend;

  /** Runs over a store that holds `k`, and proves at the end that this part serves it, and writes. */
  async function over(endpoint: string, own: object, body: (store: BlobStore, part: Part) => Promise<void>) {
    const part = await startPart(definition, server().options({ endpoint, ...own }));
    try {
      const store = part.face(blobStore);
      await store.write('k', text('before'), callContext());
      await body(store, part);
      expect(await contentOf(store, 'k')).to.equal('before');
      expect(await store.write('k', text('after'), callContext())).to.include({ key: 'k', sizeBytes: 5 });
      expect(await contentOf(store, 'k')).to.equal('after');
    } finally {
      await part.stop();
    }
  }

  async function overTcp(body: (store: BlobStore, proxy: TcpProxy) => Promise<void>): Promise<void> {
    const proxy = await TcpProxy.start({ port: server().port });
    try {
      await over(`http://127.0.0.1:${proxy.port}`, {}, (store) => body(store, proxy));
    } finally {
      await proxy.stop();
    }
  }

  async function overHttp(own: object, body: (store: BlobStore, proxy: HttpProxy) => Promise<void>) {
    const proxy = await HttpProxy.start(server().port);
    try {
      await over(`http://127.0.0.1:${proxy.port}`, own, (store) => body(store, proxy));
    } finally {
      await proxy.stop();
    }
  }

  const direct = (): string => `http://127.0.0.1:${server().port}`;

  return {
    'killed and restarted': {
      outcome: 'UNAVAILABLE; then all that was written is there',
      run: () =>
        over(direct(), once, async (store) => {
          await server().process.kill();
          expect(await codeOf(store.head('k', callContext()))).to.equal('UNAVAILABLE');
          expect(await codeOf(contentOf(store, 'k'))).to.equal('UNAVAILABLE');
          expect(await codeOf(store.write('k', text('lost'), callContext()))).to.equal('UNAVAILABLE');
          expect(await codeOf(store.delete('k', callContext()))).to.equal('UNAVAILABLE');
          expect(await codeOf(Promise.resolve(store.list('', callContext())))).to.equal('UNAVAILABLE');
          await server().process.start();
        }),
    },
    frozen: {
      outcome: 'DEADLINE_EXCEEDED at the deadline, also in the middle of a blob',
      run: () =>
        over(direct(), {}, async (store) => {
          await store.write('large', Buffer.alloc(20_000_000), callContext());
          const reading = store.read('large', callContext(700))[Symbol.asyncIterator]();
          await reading.next();
          server().process.freeze();
          try {
            const rest = async (): Promise<void> => {
              while ((await reading.next()).done !== true);
            };
            expect(await codeOf(rest())).to.equal('DEADLINE_EXCEEDED');
            expect(await codeOf(store.head('k', callContext(200)))).to.equal('DEADLINE_EXCEEDED');
            expect(await codeOf(contentOf(store, 'k', 200))).to.equal('DEADLINE_EXCEEDED');
            expect(await codeOf(store.write('other', text('x'), callContext(200)))).to.equal(
              'DEADLINE_EXCEEDED',
            );
            expect(await codeOf(store.list('', callContext(200)))).to.equal('DEADLINE_EXCEEDED');
          } finally {
            server().process.thaw();
          }
        }),
    },
    slow: {
      outcome: 'an answer where the deadline allows, else DEADLINE_EXCEEDED',
      run: () =>
        overTcp(async (store, proxy) => {
          proxy.delayMs = 400;
          expect(await contentOf(store, 'k')).to.equal('before');
          expect(await codeOf(contentOf(store, 'k', 100))).to.equal('DEADLINE_EXCEEDED');
          proxy.delayMs = 0;
        }),
    },
    'half of the keys failing': { none: 'no call takes more than one key' },
    'cut in the middle of an answer': {
      outcome: 'UNAVAILABLE, never a short blob',
      run: () =>
        overTcp(async (store, proxy) => {
          const bytes = Buffer.alloc(3_000_000, 'x');
          await store.write('large', bytes, callContext());
          for (const after of [100_000, 1_000_000, 2_900_000]) {
            proxy.cutAfterBytes = after;
            expect(await codeOf(contentOf(store, 'large'))).to.equal('UNAVAILABLE');
          }
          expect(await contentOf(store, 'large')).to.equal(bytes.toString());
        }),
    },
    'wrong password': {
      outcome: backend.wrongPasswordOutcome,
      run: async () => {
        const start = startPart(definition, server().options(backend.wrongPassword));
        expect(await codeOf(start)).to.equal('UNAUTHENTICATED');
        await overHttp({}, async (store, proxy) => {
          proxy.intercept = () => backend.refused;
          expect(await codeOf(store.list('', callContext()))).to.equal('UNAUTHENTICATED');
          expect(await codeOf(store.write('k', text('x'), callContext(), 'absent'))).to.equal(
            'UNAUTHENTICATED',
          );
          proxy.intercept = undefined;
        });
      },
    },
    'TLS with the wrong CA': {
      outcome: 'it starts; each call is UNAVAILABLE, with the reason',
      run: async () => {
        const certificates = makeCertificates();
        const { cert, key, directory } = certificates;
        const proxy = await TcpProxy.start({ port: server().port, tls: { cert, key } });
        const endpoint = `https://127.0.0.1:${proxy.port}`;
        try {
          for (const own of [{ caFile: join(directory, 'other-ca.pem') }, {}]) {
            const part = await startPart(definition, server().options({ endpoint, ...once, ...own }));
            const error = await failureOf(Promise.resolve(part.face(blobStore).head('k', callContext())));
            await part.stop();
            expect(error.code).to.equal('UNAVAILABLE');
            expect(error.message)
              .to.match(/TLS/)
              .and.to.match(/certificate/)
              .and.to.match(/caFile/);
          }
          await over(endpoint, { caFile: join(directory, 'ca.pem') }, async () => undefined);
        } finally {
          await proxy.stop();
          certificates.remove();
        }
      },
    },
    'full disk': {
      outcome:
        'RESOURCE_EXHAUSTED, and what was there stays (a server on a small file system where one may be mounted, and its answer replayed)',
      run: async () => {
        await overHttp(once, async (store, proxy) => {
          proxy.intercept = ({ method }) => (/PUT|POST/.test(method) ? backend.full : undefined);
          expect(await codeOf(store.write('k', text('x'), callContext()))).to.equal('RESOURCE_EXHAUSTED');
          proxy.intercept = undefined;
        });
        const disk = await smallDisk(4_000_000);
        if (disk === undefined) return;
        const full = await backend.startIn(disk.directory);
        try {
          const part = await startPart(definition, full.options(once));
          const store = part.face(blobStore);
          await store.write('k', text('before'), callContext());
          const much = Buffer.alloc(6_000_000);
          expect(await codeOf(store.write('k', much, callContext()))).to.equal('RESOURCE_EXHAUSTED');
          expect(await contentOf(store, 'k')).to.equal('before');
          expect(await store.write('k', text('after'), callContext())).to.include({ sizeBytes: 5 });
          await part.stop();
        } finally {
          await full.stop();
          await disk.remove();
        }
      },
    },
    throttled: {
      outcome: 'RESOURCE_EXHAUSTED with the time to wait, once the SDK has tried again',
      run: async () => {
        await overHttp(once, async (store, proxy) => {
          proxy.intercept = () => ({
            ...backend.throttled,
            headers: { ...backend.throttled.headers, 'retry-after': '7' },
          });
          const error = await failureOf(store.list('', callContext()));
          expect([error.code, error.retryAfterMs]).to.deep.equal(['RESOURCE_EXHAUSTED', 7000]);
          proxy.intercept = undefined;
        });
        await overHttp({}, async (store, proxy) => {
          let left = 1;
          proxy.intercept = () => (left-- > 0 ? backend.throttled : undefined);
          expect(await contentOf(store, 'k')).to.equal('before');
          proxy.intercept = undefined;
        });
      },
    },
    'closed while idle': {
      outcome: 'a new connection, unnoticed',
      run: () =>
        overTcp(async (store, proxy) => {
          for (let i = 0; i < 20; i++) {
            proxy.endAll();
            if (i % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
            expect(await contentOf(store, 'k')).to.equal('before');
          }
        }),
    },
    '1,000 cuts': {
      outcome: 'no socket and no memory is left behind',
      run: async () => {
        // Side by side, since an SDK waits before it tries again.
        const lanes = await Promise.all(
          Array.from({ length: 10 }, async () => {
            const proxy = await TcpProxy.start({ port: server().port });
            const endpoint = `http://127.0.0.1:${proxy.port}`;
            const part = await startPart(definition, server().options({ endpoint }));
            const store = part.face(blobStore);
            await store.write('k', text('before'), callContext());
            return { proxy, part, store };
          }),
        );
        const { socketsBefore, socketsAfter, heapGrowthBytes } = await soak({
          cycles: 100,
          warmUp: 10,
          cycle: async () => {
            await Promise.all(
              lanes.map(async ({ proxy, store }) => {
                expect(await store.head('k', callContext())).to.include({ sizeBytes: 6 });
                proxy.cut();
                expect(await contentOf(store, 'k')).to.equal('before');
              }),
            );
          },
          sockets: () => lanes.reduce((sum, { proxy }) => sum + proxy.connections, 0),
        });
        await Promise.all(lanes.map(({ part }) => part.stop()));
        await Promise.all(lanes.map(({ proxy }) => proxy.stop()));
        expect(socketsAfter).to.be.at.most(socketsBefore);
        expect(heapGrowthBytes).to.be.below(5_000_000);
      },
    },
  };
}

export async function failureOf(attempt: Promise<unknown>): Promise<VivaceError> {
  const error: unknown = await attempt.then(
    () => expect.fail('it should have failed'),
    (thrown: unknown) => thrown,
  );
  if (!isVivaceError(error)) throw error;
  return error;
}

export async function codeOf(attempt: Promise<unknown>): Promise<ErrorCode> {
  return (await failureOf(attempt)).code;
}

export async function contentOf(store: BlobStore, key: string, timeoutMs?: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read(key, callContext(timeoutMs))) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
