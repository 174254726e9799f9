import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, modelRepository as port, type PipelineDeclaration, type ServerOf } from 'vivace';
import { affineSignature, callContext } from 'vivace/testing';
import { fixtures } from '../fixtures/bundles.js';
import { smallDisk, type SmallDisk } from '../servers/small-disk.js';
import { failureOf } from '../support/failure.js';
import { pendingBecause } from '../support/pending.js';

const diskBytes = 1_048_576;

const pipelines: Readonly<Record<string, PipelineDeclaration>> = {
  score: {
    request: { a: 'float32', b: 'float32' },
    steps: [{ predict: 'affine', inputs: { x: ['request.a', 'request.b'] } }],
    response: { outputs: { y: 'affine.y' } },
  },
};

describe('A server whose workspace is on a full disk', () => {
  let directory: string;
  let disk: SmallDisk | undefined;
  let server: ServerOf | undefined;

  beforeEach(async function () {
    directory = mkdtempSync(join(tmpdir(), 'vivace-full-'));
    disk = await smallDisk(diskBytes);
    if (disk === undefined) pendingBecause(this, 'this process may not mount a file system');
  });
  afterEach(async () => {
    await server?.stop();
    server = undefined;
    await disk?.remove();
    rmSync(directory, { recursive: true });
  });

  const create = async (): Promise<ServerOf> =>
    createServer({
      directory,
      parts: {
        bucket: { use: 'filesystem', path: 'bucket' },
        disk: { use: 'filesystem', path: disk!.directory },
        models: { use: 'model-repository', blobs: 'bucket', workspace: 'disk' },
        onnx: { use: 'onnxruntime' },
        affine: {
          use: 'model-predictor',
          model: 'affine',
          repository: 'models',
          runtime: 'onnx',
          refreshMs: 20,
        },
      },
      pipelines,
    });
  /** Adds a version with a file beside the model, and points the alias at it. */
  const release = async (version: string, besideBytes: number): Promise<number> => {
    const adding = await createServer({
      directory,
      parts: {
        bucket: { use: 'filesystem', path: 'bucket' },
        models: { use: 'model-repository', blobs: 'bucket' },
      },
      pipelines: {},
    });
    await adding.start();
    const contents = new Map<string, Uint8Array>([
      ['affine.onnx', readFileSync(join(fixtures, 'affine.onnx'))],
      ['beside.bin', new Uint8Array(besideBytes)],
    ]);
    const files = [...contents].map(([path, bytes]) => ({
      path,
      sizeBytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    }));
    const manifest = {
      format: 1 as const,
      name: 'affine',
      version,
      runtime: 'onnx',
      entry: 'affine.onnx',
      files,
      signature: affineSignature,
    };
    const models = adding.part(port, 'models');
    await models.add(manifest, (path) => contents.get(path)!, callContext());
    await models.setAlias('affine', 'champion', version, callContext());
    await adding.stop();
    return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  };
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const answers = async (from: ServerOf): Promise<unknown> =>
    (await from.predict('score', { request: { a: 1, b: 2 } })).outputs;
  const status = (of: ServerOf) => of.control.predictors()[0]!;

  it('says where, how much is free and how much is needed; the old version serves, and the new one once there is room', async () => {
    await release('1', 0);
    server = await create();
    await server.start();
    expect(await answers(server)).to.deep.equal({ y: 5 });

    const fill = join(disk!.directory, 'of-somebody-else');
    writeFileSync(fill, new Uint8Array(900_000));
    const needed = await release('2', 300_000);
    await until(() => status(server!).lastFailure !== undefined);
    const { code, message, version } = status(server).lastFailure!;
    expect([code, version]).to.deep.equal(['RESOURCE_EXHAUSTED', '2']);
    const said =
      /the disk of (\S+) is full \((\d+) bytes are free, (\d+) are needed\): remove what is not needed/;
    const [, where, free, wanted] = said.exec(message)!;
    expect(where).to.equal(disk!.directory);
    expect(Number(free)).to.be.lessThan(300_000);
    expect(Number(wanted)).to.be.greaterThan(needed);
    expect(status(server).serving?.version).to.equal('1');
    expect(await answers(server)).to.deep.equal({ y: 5 });
    expect(server.control.readiness().details.join()).to.include('RESOURCE_EXHAUSTED');

    rmSync(fill);
    await until(() => status(server!).serving?.version === '2');
    expect(await answers(server)).to.deep.equal({ y: 5 });
    await until(() => status(server!).lastFailure === undefined);
  });

  it('starts with what lies on a disk without a single free byte, and says what to do where nothing does', async () => {
    await release('1', 0);
    writeFileSync(join(directory, 'empty'), '');
    const fill = join(disk!.directory, 'of-somebody-else');
    const full = (): void => {
      for (let size = diskBytes; size > 0; size >>= 1) {
        try {
          writeFileSync(fill, new Uint8Array(size), { flag: 'a' });
        } catch {
          // No more of this size.
        }
      }
    };
    full();
    server = await create();
    expect(await failureOf(server.start())).to.match(/^RESOURCE_EXHAUSTED.*the disk of .* is full/);
    rmSync(fill);

    server = await create();
    await server.start();
    await server.stop();
    full();
    server = await create();
    await server.start();
    expect(await answers(server)).to.deep.equal({ y: 5 });
    await server.stop();
    rmSync(fill);
  });
});
