import { s3 } from 'vivace/adapters/s3';
import type { FaultTable } from '../servers/faults.js';
import type { CannedAnswer } from '../servers/http-proxy.js';
import { S3Server } from '../servers/s3-server.js';
import { blobStoreFaults } from '../servers/blob-store-faults.js';

let server: S3Server | undefined;

/** Starts the server that the faults happen to. */
export async function openS3(): Promise<void> {
  server = await S3Server.start();
}

export async function closeS3(): Promise<void> {
  await server?.stop();
}

/** An error as S3 answers it. */
function answer(status: number, code: string, message: string): CannedAnswer {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

export const s3Faults: FaultTable = blobStoreFaults({
  definition: s3,
  server: () => server!,
  startIn: (directory) => S3Server.start({ directory }),
  once: { maxAttempts: 1 },
  throttled: answer(503, 'SlowDown', 'Please reduce your request rate.'),
  refused: answer(403, 'InvalidAccessKeyId', 'The access key does not exist in our records.'),
  full: answer(507, 'InsufficientStorage', 'No space left on device.'),
  wrongPassword: { secretAccessKey: 'wrong' },
  wrongPasswordOutcome: 'UNAUTHENTICATED when it starts, and while it runs',
});
