import type { Definition } from 'vivace';
import { s3 as s3Definition } from 'vivace/adapters/s3';
import { blobStoreContract, makePart } from 'vivace/testing';
import { describeNeeding } from '../servers/programs.js';
import { s3Found, startS3 } from '../servers/s3-server.js';
import type { BlobServer } from '../servers/gcs-server.js';

// Options are put together at run time, some of them wrong on purpose.
const s3: Definition = s3Definition;

describeNeeding([s3Found], 's3', () => {
  let server: BlobServer;
  before(async () => (server = await startS3()));
  after(() => server.stop());

  blobStoreContract({
    runner: { describe, it, beforeEach, afterEach },
    make: () => makePart(s3, server.options()),
  });
});
