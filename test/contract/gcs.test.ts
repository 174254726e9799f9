import { gcs } from 'vivace/adapters/gcs';
import { blobStoreContract, makePart } from 'vivace/testing';
import { describeNeeding } from '../servers/programs.js';
import { gcsFound, startGcs } from '../servers/gcs-server.js';
import type { BlobServer } from '../servers/gcs-server.js';

describeNeeding([gcsFound], 'gcs', () => {
  let server: BlobServer;
  before(async () => (server = await startGcs()));
  after(() => server.stop());

  blobStoreContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(gcs, server.options()),
  });
});
