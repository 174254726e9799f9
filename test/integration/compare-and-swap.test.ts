import { expect } from 'chai';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blobStore, resolveUse, type BlobInfo, type BlobStore } from 'vivace';
import { callContext, startPart } from 'vivace/testing';
import { gcsFound, startGcs } from '../servers/gcs-server.js';
import { describeNeeding, type Found } from '../servers/programs.js';
import { s3Found, startS3 } from '../servers/s3-server.js';

const writer = fileURLToPath(new URL('../support/swap-writer.js', import.meta.url));
const writers = 16;
const rounds = 10;

interface Opened {
  readonly options: object;
  close(): Promise<void>;
}

interface Store {
  readonly name: string;
  readonly found: readonly Found[];
  readonly open: () => Promise<Opened>;
}

const stores: readonly Store[] = [
  {
    name: 'filesystem',
    found: [],
    async open() {
      const path = await mkdtemp(join(tmpdir(), 'vivace-swap-'));
      return { options: { path }, close: () => rm(path, { recursive: true }) };
    },
  },
  ...(
    [
      ['gcs', gcsFound, startGcs],
      ['s3', s3Found, startS3],
    ] as const
  ).map(([name, found, start]) => ({
    name,
    found: [found],
    async open(): Promise<Opened> {
      const server = await start();
      return { options: server.options(), close: () => server.stop() };
    },
  })),
];

/** What each process answers to an order that all of them get at once. */
async function orderAll(
  children: readonly ChildProcess[],
  order: (child: number) => object,
): Promise<boolean[]> {
  return Promise.all(
    children.map(async (child, i) => {
      const answer = once(child, 'message') as Promise<[{ won?: boolean; failed?: string }]>;
      child.send(order(i));
      const [{ won, failed }] = await answer;
      return won ?? expect.fail(failed);
    }),
  );
}

async function contentOf(store: BlobStore): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read('ref', callContext())) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

for (const { name, found, open } of stores) {
  describeNeeding(found, `${writers} processes that swap one blob of ${name}`, () => {
    let opened: Opened;
    let store: BlobStore;
    let stop: () => Promise<void>;
    let children: ChildProcess[];
    before(async () => {
      opened = await open();
      const part = await startPart(await resolveUse(name, process.cwd()), opened.options);
      store = part.face(blobStore);
      stop = () => part.stop();
      children = Array.from({ length: writers }, () => fork(writer, [name, JSON.stringify(opened.options)]));
      await Promise.all(children.map((child) => once(child, 'message')));
    });
    after(async () => {
      await Promise.all(
        children.map(async (child) => {
          const ended = once(child, 'exit');
          child.send('end');
          await ended;
        }),
      );
      await stop();
      await opened.close();
    });

    it(`lets exactly one win in each of ${rounds} rounds`, async () => {
      let current = await store.write('ref', Buffer.from('start'), callContext());
      for (let round = 0; round < rounds; round++) {
        const { version } = current as BlobInfo;
        const won = await orderAll(children, (i) => ({ version, text: `${round}/${i}` }));
        expect(won.filter(Boolean).length, `round ${round}`).to.equal(1);
        expect(await contentOf(store)).to.equal(`${round}/${won.indexOf(true)}`);
        const now = await store.head('ref', callContext());
        expect(now?.version).to.not.equal(version);
        current = now as BlobInfo;
      }
    });

    it('lets exactly one win where all write the bytes that are there', async () => {
      let current = await store.write('ref', Buffer.from('the same'), callContext());
      for (let round = 0; round < rounds; round++) {
        const { version } = current as BlobInfo;
        const won = await orderAll(children, () => ({ version, text: 'the same' }));
        expect(won.filter(Boolean).length, `round ${round}`).to.equal(1);
        current = (await store.head('ref', callContext())) as BlobInfo;
      }
    });
  });
}
