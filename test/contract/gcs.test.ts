import type { Definition } from 'vivace';
import { gcs as gcsDefinition } from 'vivace/adapters/gcs';
import { blobStoreContract, makePart } from 'vivace/testing';
import { describeNeeding } from '../servers/programs.js';
import { gcsFound, startGcs } from '../servers/gcs-server.js';
import type { BlobServer } from '../servers/gcs-server.js';

// Options are put together at run time, some of them wrong on purpose.
const gcs: Definition = gcsDefinition;

describeNeeding([gcsFound], 'gcs', () => {
  let server: BlobServer;
  before(async () => (server = await startGcs()));
  after(() => server.stop());

  blobStoreContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(gcs, server.options()),
  });
});
