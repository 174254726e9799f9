import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  listModels,
  pullModel,
  pushModel,
  repositoryAt,
  verifyModels,
  withServer,
  type ListedModel,
  type TransferProgress,
} from 'vivace';
import { callContext } from 'vivace/testing';
import { fakeGcs, GcsServer } from '../servers/gcs-server.js';
import { describeNeeding } from '../servers/programs.js';
import { smallDisk, type SmallDisk } from '../servers/small-disk.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { failureOf } from '../support/failure.js';
import { pendingBecause } from '../support/pending.js';

let directory: string;
/** A model of two files. @returns The path of its folder. */
const model = (bytes: number, fill: number): string => {
  const path = mkdtempSync(join(directory, 'model-'));
  writeFileSync(join(path, 'a.joblib'), 'x');
  writeFileSync(join(path, 'weights.bin'), Buffer.alloc(bytes, fill));
  return path;
};
type OnProgress = (progress: TransferProgress) => void;
const ignore: OnProgress = () => undefined;
const push = async (to: string, file: string, onProgress = ignore): Promise<unknown> =>
  withServer(await repositoryAt(to, { option: 'to' }), (server) =>
    pushModel(server, { file, name: 'm', columns: ['a'], check: false, onProgress }, callContext(60_000)),
  );
const pull = async (from: string, to: string, onProgress = ignore): Promise<unknown> =>
  withServer(await repositoryAt(from, { option: 'from' }), (server) =>
    pullModel(server, { model: 'm', to, onProgress }, callContext(60_000)),
  );
const list = async (from: string): Promise<readonly ListedModel[]> =>
  withServer(await repositoryAt(from, { option: 'from' }), (server) => listModels(server, {}, callContext()));
const findings = async (from: string): Promise<string[]> =>
  withServer(await repositoryAt(from, { option: 'from' }), async (server) =>
    (await verifyModels(server, {}, callContext())).findings.map(({ kind }) => kind),
  );
const one = [{ name: 'm', version: '1', aliases: ['champion'] }];

describe('A push or a pull', () => {
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'vivace-transfer-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  describe('to a disk that is full', () => {
    let disk: SmallDisk | undefined;
    beforeEach(async function () {
      disk = await smallDisk(1_048_576);
      if (disk === undefined) pendingBecause(this, 'this process may not mount a file system');
    });
    afterEach(() => disk?.remove());

    for (const [what, transfer] of [
      ['push', (file: string) => push(disk!.directory, file)],
      [
        'pull',
        async (file: string) => {
          const bucket = join(directory, 'bucket');
          await push(bucket, file);
          await pull(bucket, disk!.directory);
        },
      ],
    ] as const)
      it(`says so, keeps the version before usable, and goes on once there is room (${what})`, async () => {
        await transfer(model(100_000, 1));
        const fill = join(disk!.directory, 'of-somebody-else');
        writeFileSync(fill, new Uint8Array(600_000));
        const next = model(500_000, 2);
        expect(await failureOf(transfer(next))).to.match(/^RESOURCE_EXHAUSTED .*full/);
        expect(await list(disk!.directory)).to.deep.equal(one);
        expect((await findings(disk!.directory)).filter((kind) => kind !== 'left-over')).to.deep.equal([]);
        rmSync(fill);
        await transfer(next);
        const [before, after] = await list(disk!.directory);
        expect([before!.aliases, after!.aliases]).to.deep.equal([[], ['champion']]);
      });
  });

  describeNeeding([fakeGcs], 'over a connection that is cut', () => {
    let server: GcsServer;
    let proxy: TcpProxy;
    before(async () => (server = await GcsServer.start()));
    after(() => server.stop());
    beforeEach(async () => (proxy = await TcpProxy.start({ port: server.port })));
    afterEach(() => proxy.stop());
    /** The bucket, of which every test has a folder of its own; through the proxy or not. */
    const place = (port: number): string =>
      `gs://${GcsServer.bucket}/${directory.split('-').at(-1)!}?endpoint=http://127.0.0.1:${port}&anonymous=true&projectId=test&maxRetries=0`;

    it('keeps the version before usable, and goes on when it is repeated', async () => {
      const direct = place(server.port);
      await push(direct, model(1_000, 1));
      await pull(direct, join(directory, 'pod'));
      const next = model(20_000_000, 2);
      const cut: OnProgress = ({ bytes }) => {
        if (bytes <= 10_000_000 || proxy.refusing) return;
        proxy.refusing = true;
        proxy.cut();
      };
      expect(await failureOf(push(place(proxy.port), next, cut))).to.match(/^UNAVAILABLE /);
      expect(await list(direct)).to.deep.equal(one);
      await push(direct, next);
      proxy.refusing = false;
      const pulling = pull(place(proxy.port), join(directory, 'pod'), cut);
      expect(await failureOf(pulling)).to.match(/^UNAVAILABLE /);
      expect(await list(join(directory, 'pod'))).to.deep.equal(one);
      await pull(direct, join(directory, 'pod'));
      expect((await list(join(directory, 'pod'))).map(({ aliases }) => aliases.length)).to.deep.equal([0, 1]);
      expect(await findings(direct)).to.deep.equal([]);
      expect(await findings(join(directory, 'pod'))).to.deep.equal([]);
    });
  });
});
