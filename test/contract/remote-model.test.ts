import { remoteModel } from 'vivace/adapters/remote-model';
import type { Signature } from 'vivace';
import {
  affineRows,
  affineInput,
  callContext,
  makePart,
  pickyRow,
  predictorRuntimeContract,
  type PredictorRuntimeSetup,
} from 'vivace/testing';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { remoteBundle, serveRemoteModels, type RemoteModels } from '../support/remote-models.js';

const runner = { describe, it, beforeEach, afterEach };

const words: Signature = {
  inputs: [{ name: 'word', datatype: 'BYTES', shape: [-1] }],
  outputs: [
    { name: 'plural', datatype: 'BYTES', shape: [-1, 1] },
    { name: 'count', datatype: 'INT64', shape: [-1, 2] },
  ],
  over: 'row',
};
const shares: Signature = {
  inputs: [{ name: 'value', datatype: 'FP64', shape: [-1, 1] }],
  outputs: [{ name: 'share', datatype: 'FP64', shape: [-1] }],
  over: 'request',
};

describe('remote-model', function () {
  this.timeout(60_000);
  const proxies: TcpProxy[] = [];
  let models: RemoteModels;
  let proxy: TcpProxy;
  before(async () => {
    models = await serveRemoteModels({
      affine: { entry: 'affine.mjs' },
      picky: { entry: 'picky.mjs' },
      endless: { entry: 'endless.mjs' },
      words: { entry: 'words.mjs', signature: words },
      shares: { entry: 'shares.mjs', signature: shares },
    });
  });
  after(async () => {
    for (const one of proxies) await one.stop();
    await models.close();
  });

  const make = async () => {
    proxy = await TcpProxy.start({ port: Number(new URL(models.url).port) });
    proxies.push(proxy);
    return makePart(remoteModel, { url: `http://127.0.0.1:${proxy.port}` });
  };
  /** The server is gone: a call that is running is cut off, and one that comes finds nobody. */
  const kill: PredictorRuntimeSetup['kill'] = async (instance) => {
    proxy.refusing = true;
    proxy.cut();
    await instance.predict(affineInput([1, 2]), { rows: 1, ...callContext() }).catch(() => undefined);
  };

  describe('one tensor', () =>
    predictorRuntimeContract({
      runner,
      make,
      bundle: remoteBundle('affine'),
      rows: affineRows,
      failing: { bundle: remoteBundle('picky'), inputs: pickyRow },
      broken: remoteBundle('broken'),
      endless: remoteBundle('endless'),
      kill,
    }));

  describe('texts and integers', () =>
    predictorRuntimeContract({
      runner,
      make,
      bundle: remoteBundle('words', words),
      rows: [
        { inputs: { word: 'mouse' }, outputs: { plural: 'mice', count: [5, 4n] } },
        { inputs: { word: 'żółć' }, outputs: { plural: 'żółćs', count: [4, 5] } },
        { inputs: { word: '' }, outputs: { plural: 's', count: [0, 1] } },
      ],
    }));

  describe('a model over requests, each of which is one call', () =>
    predictorRuntimeContract({
      runner,
      make,
      bundle: remoteBundle('shares', shares),
      // A request of many rows: each is one exchange.
      rows: Array.from({ length: 100 }, (_, i) => ({
        inputs: { value: i + 1 },
        outputs: { share: (i + 1) / 5_050 },
      })),
    }));
});
