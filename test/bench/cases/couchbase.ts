import type { BenchCase, Figure } from '../bench-case.js';
import { Child } from '../child.js';
import { quickNetwork } from '../quick-network.js';

/** Rows of 50 float32 features through the online store over CouchbaseMock, against the bare SDK. */
export const benchCase: BenchCase = {
  title: 'rows of 50 features from Couchbase, against parallel gets of the bare SDK with decoding by hand',
  async run() {
    const { child, ready } = await Child.start<readonly Figure[]>(
      './children/couchbase-rows.js',
      {},
      quickNetwork(),
    );
    await child.stop();
    return ready;
  },
};
